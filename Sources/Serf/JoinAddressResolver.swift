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
  func resolve(_ addresses: [String]) async -> [PendingAttempt] {
    await withTaskGroup(of: (Int, PendingAttempt).self) { group in
      for (index, text) in addresses.enumerated() { group.addTask { (index, await attempt(text)) } }
      var attempts = addresses.map { PendingAttempt(text: $0) }
      for await (index, attempt) in group { attempts[index] = attempt }
      return attempts
    }
  }

  private struct Problem: Error {
    let reason: JoinAttempt.Reason
    /// What to print instead of the reason's own words.
    var message: String?
  }

  private func attempt(_ text: String) async -> PendingAttempt {
    var attempt = PendingAttempt(text: text)
    do throws(Problem) {
      let (name, host) = try parts(of: text)
      let found = try await look(up: host)
      let others = found.filter { !ownAddresses.contains($0) }
      attempt.isOurs = others.count < found.count
      let allowed = others.filter(allowedNetworks.contains)
      if let first = allowed.first {
        attempt.target = JoinTarget(first, name: name, alternatives: Array(allowed.dropFirst()))
      } else if let first = others.first {
        throw Problem(
          reason: .notAllowed, message: "\(first.host) is in none of the allowed networks (\(SettingName.allowedNetworks))")
      } else if found.isEmpty {
        throw Problem(reason: .unresolved("the look-up of '\(host)' gives no address"))
      }
    } catch {
      attempt.failed = [JoinAttempt(address: text, reason: error.reason, message: error.message)]
    }
    return attempt
  }

  private func parts(of text: String) throws(Problem) -> (name: NodeName?, host: String) {
    guard let slash = text.firstIndex(of: "/") else { return (nil, text) }
    let name = NodeName(String(text[..<slash]))
    guard !name.isEmpty else { throw Problem(reason: .notAnAddress("the name before '/' is empty")) }
    return (name, String(text[text.index(after: slash)...]))
  }

  private func look(up text: String) async throws(Problem) -> [NodeAddress] {
    do throws(SerfError) {
      if let literal = try Interfaces.address(parsing: text, defaultPort: defaultPort) { return [literal] }
    } catch { throw Problem(reason: .notAnAddress(error.description)) }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let host = String(parts[0])
    guard !host.isEmpty, !text.hasPrefix("[") else {
      throw Problem(reason: .notAnAddress("not an address; write host, host:port or [ipv6]:port"))
    }
    var port = defaultPort
    if parts.count == 2 {
      guard let given = UInt16(parts[1]) else { throw Problem(reason: .notAnAddress("'\(parts[1])' is not a port (0–65535)")) }
      port = given
    }
    do {
      return Array(try await resolver.resolve(host, port: port).prefix(Self.answersTried))
    } catch { throw Problem(reason: .unresolved("\(error)")) }
  }

  /// How many of a host's addresses are tried.
  private static let answersTried = 16
}

extension JoinAddressResolver {
  /// For a node that is bound to one address, and reached at another.
  init(_ configuration: SerfConfiguration, bound: NodeAddress, advertised: NodeAddress?) {
    self.init(
      defaultPort: bound.port, resolver: configuration.resolver, allowedNetworks: configuration.allowedNetworks,
      ownAddresses: OwnAddresses(bound: bound, advertised: advertised))
  }
}
