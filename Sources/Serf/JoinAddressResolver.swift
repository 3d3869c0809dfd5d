import Memberlist
import NIOCore
import NIOPosix
import SerfPrimitives
import SerfTransport

/// Turns what a user writes behind `-join` into what the core can dial: `host`, `host:port`, `name/host:port`, IPv6 in brackets when it has a port.
struct JoinAddressResolver {
  /// The port of an address that names none: our own, as with Go.
  let defaultPort: UInt16

  /// What could be resolved, in the order written, and one line for each that could not.
  func resolve(_ addresses: [String]) async -> (targets: [JoinTarget], failures: [String]) {
    var targets: [JoinTarget] = []
    var failures: [String] = []
    for text in addresses {
      var host = text
      var name: NodeName?
      if let slash = text.firstIndex(of: "/") {
        name = NodeName(String(text[..<slash]))
        host = String(text[text.index(after: slash)...])
        if name?.isEmpty == true {
          failures.append("\(text): the name before '/' is empty")
          continue
        }
      }
      switch await look(up: host) {
      case .success(let found): targets += found.map { JoinTarget($0, name: name) }
      case .failure(let reason): failures.append("\(text): \(reason.text)")
      }
    }
    return (targets, failures)
  }

  private struct Reason: Error { let text: String }

  private func look(up text: String) async -> Result<[NodeAddress], Reason> {
    do throws(TransportError) {
      if let literal = try Interfaces.address(parsing: text, defaultPort: defaultPort) { return .success([literal]) }
    } catch { return .failure(Reason(text: error.description)) }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let host = String(parts[0])
    guard !host.isEmpty, !text.hasPrefix("[") else { return .failure(Reason(text: "not an address; write host, host:port or [ipv6]:port")) }
    var port = defaultPort
    if parts.count == 2 {
      guard let given = UInt16(parts[1]) else { return .failure(Reason(text: "'\(parts[1])' is not a port (0–65535)")) }
      port = given
    }
    // getaddrinfo blocks, so it runs on NIO's thread pool and never on a loop.
    do {
      let found = try await NIOThreadPool.singleton.runIfActive { [port] in
        try NodeAddress(SocketAddress.makeAddressResolvingHost(host, port: Int(port)))
      }
      return found.map { .success([$0]) } ?? .failure(Reason(text: "no IP address"))
    } catch {
      return .failure(Reason(text: "cannot resolve the host '\(host)'. Check the name, or give an IP address"))
    }
  }
}
