import Memberlist
import SerfPrimitives
import SerfTransport

/// Turns what a user writes behind `-join` into what the core can dial: `host`, `host:port`, `name/host:port`, IPv6 in brackets when it has a port.
struct JoinAddressResolver {
  /// The port of an address that names none: our own, as with Go.
  let defaultPort: UInt16
  /// Who knows addresses.
  let resolver: any AddressResolver
  /// Nobody is dialled elsewhere: his state would be dropped, and he would take us for a member.
  let allowedNetworks: AllowedNetworks

  /// One attempt for each address written, in that order, looked up anew.
  func resolve(_ addresses: [String]) async -> [JoinAttempt] {
    var attempts: [JoinAttempt] = []
    for text in addresses {
      var attempt = JoinAttempt(text: text)
      do throws(Reason) {
        attempt.untried = try await targets(text)
      } catch {
        attempt.reasons = ["\(text): \(error.text)"]
      }
      attempts.append(attempt)
    }
    return attempts
  }

  private struct Reason: Error { let text: String }

  private func targets(_ text: String) async throws(Reason) -> [JoinTarget] {
    guard let slash = text.firstIndex(of: "/") else { return try await allowed(text).map { JoinTarget($0) } }
    let name = NodeName(String(text[..<slash]))
    guard !name.isEmpty else { throw Reason(text: "the name before '/' is empty") }
    return try await allowed(String(text[text.index(after: slash)...])).map { JoinTarget($0, name: name) }
  }

  private func allowed(_ text: String) async throws(Reason) -> [NodeAddress] {
    let found = try await look(up: text)
    let allowed = found.filter(allowedNetworks.contains)
    guard !allowed.isEmpty || found.isEmpty else {
      throw Reason(text: "\(found[0].host) is in none of the allowed networks (-allow, SerfConfiguration.allowedNetworks)")
    }
    return allowed
  }

  private func look(up text: String) async throws(Reason) -> [NodeAddress] {
    do throws(TransportError) {
      if let literal = try Interfaces.address(parsing: text, defaultPort: defaultPort) { return [literal] }
    } catch { throw Reason(text: error.description) }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let host = String(parts[0])
    guard !host.isEmpty, !text.hasPrefix("[") else { throw Reason(text: "not an address; write host, host:port or [ipv6]:port") }
    var port = defaultPort
    if parts.count == 2 {
      guard let given = UInt16(parts[1]) else { throw Reason(text: "'\(parts[1])' is not a port (0–65535)") }
      port = given
    }
    do throws(ResolutionError) {
      return Array(try await resolver.resolve(host, port: port).prefix(Self.answersTried))
    } catch { throw Reason(text: error.description) }
  }

  /// How many of a host's addresses are tried; each may take as long as a push/pull may.
  private static let answersTried = 16
}

/// One address of a join as it was written, and what it stands for: its targets are tried in turn until one has exchanged states with us.
struct JoinAttempt {
  let text: String
  /// What is left to try.
  var untried: [JoinTarget] = []
  var hasJoined = false
  /// Why it came to nothing so far.
  var reasons: [String] = []

  /// Whether there is anything left to do.
  var isOpen: Bool { !hasJoined && !untried.isEmpty }

  mutating func finished(_ result: JoinResult) {
    untried.removeFirst()
    guard let failure = result.failure else { return hasJoined = true }
    let address = result.target.address.description
    reasons.append("\(text == address || text.hasSuffix("/" + address) ? text : "\(text) (\(address))"): \(failure.text)")
  }
}
