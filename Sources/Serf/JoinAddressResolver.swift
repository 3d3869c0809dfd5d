import Memberlist
import SerfPrimitives
import SerfTransport

/// Turns what a user writes after `-join` into what the core can dial: `host`, `host:port`, `name/host:port`, IPv6 in brackets when it has a port.
struct JoinAddressResolver: Sendable {
  /// The port of an address without one: our own port, as with Go.
  let defaultPort: UInt16
  /// Looks up hosts.
  let resolver: any AddressResolver
  /// No address outside these is dialled: the state of the peer there would be dropped, but the peer would take us for a member.
  let allowedNetworks: AllowedNetworks
  /// The addresses at which we would only reach ourselves.
  let ownAddresses: OwnAddresses

  /// One attempt for each address written, in that order, each looked up again, side by side.
  func resolve(_ addresses: [String]) async -> [JoinAttempt] {
    await withTaskGroup(of: (Int, JoinAttempt).self) { group in
      for (index, text) in addresses.enumerated() { group.addTask { (index, await attempt(text)) } }
      var attempts = addresses.map { JoinAttempt(text: $0) }
      for await (index, attempt) in group { attempts[index] = attempt }
      return attempts
    }
  }

  private struct Reason: Error { let text: String }

  private func attempt(_ text: String) async -> JoinAttempt {
    var attempt = JoinAttempt(text: text)
    do throws(Reason) {
      let (name, host) = try parts(of: text)
      let found = try await look(up: host)
      let others = found.filter { !ownAddresses.contains($0) }
      attempt.isOurs = others.count < found.count
      let allowed = others.filter(allowedNetworks.contains)
      if let first = allowed.first {
        attempt.target = JoinTarget(first, name: name, alternatives: Array(allowed.dropFirst()))
      } else if let first = others.first {
        throw Reason(text: "\(first.host) is in none of the allowed networks (-allow, SerfConfiguration.allowedNetworks)")
      }
    } catch {
      attempt.reasons = [error.text]
    }
    return attempt
  }

  private func parts(of text: String) throws(Reason) -> (name: NodeName?, host: String) {
    guard let slash = text.firstIndex(of: "/") else { return (nil, text) }
    let name = NodeName(String(text[..<slash]))
    guard !name.isEmpty else { throw Reason(text: "the name before '/' is empty") }
    return (name, String(text[text.index(after: slash)...]))
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

  /// How many of a host's addresses are tried.
  private static let answersTried = 16
}
