import SerfPrimitives
import SerfQUIC

/// Genuine first packets of clients, as an attacker makes them: nothing in them states their source address.
enum FirstPackets {
  static func make(_ count: Int, configure: (inout QUICConfiguration) -> Void = { _ in }) -> [[UInt8]] {
    let network = EndpointNetwork()
    let sink = network.node("sink", number: 9)
    let client = network.node("a", number: 1, configure: configure)
    var first: [UInt8]?
    network.intercept = { datagram in
      first = first ?? datagram.bytes
      return []
    }
    return (0..<count).map { _ in
      first = nil
      let id = client.dial(sink)
      network.run(for: .zero)
      defer {
        client.endpoint.close(id, .none, at: network.now)
        network.run(for: .zero)
      }
      return first ?? []
    }
  }
}

/// Clients that prove their address with the token of a Retry, and then are silent: each of their first packets is sent once, and they receive only
/// Retries.
final class SilentClients {
  private let clients: [TestNode]
  private var next = 0
  private var dials: [(client: TestNode, id: ConnectionID)] = []
  private var seen: Set<[UInt8]> = []
  /// The first packets that were sent, and those with a token among them.
  private(set) var sent: [EndpointNetwork.Datagram] = []
  private(set) var withToken: [EndpointNetwork.Datagram] = []

  /// Clients at these addresses; they take `network.intercept`.
  init(at addresses: [NodeAddress], on network: EndpointNetwork) {
    clients = addresses.map { address in network.node("a", at: address) { $0.connectionLimit = .max } }
    let hosts = Set(addresses)
    network.intercept = { [unowned self] datagram in
      if hosts.contains(datagram.source) { return passes(datagram) ? [datagram] : [] }
      return hosts.contains(datagram.destination) && datagram.bytes[0] & 0xf0 != 0xf0 ? [] : [datagram]
    }
  }

  /// The next client, in turn, begins a handshake. Little is kept of its own side of earlier handshakes.
  func dial(_ other: TestNode) {
    let client = clients[next]
    next = (next + 1) % clients.count
    dials.append((client, client.dial(other)))
    guard dials.count > 32 else { return }
    let (old, id) = dials.removeFirst()
    old.endpoint.close(id, .none, at: old.now)
  }

  private func passes(_ datagram: EndpointNetwork.Datagram) -> Bool {
    guard datagram.bytes.count >= 1200, datagram.bytes[0] & 0xf0 == 0xc0 else { return false }
    let identifiers = 6 + Int(datagram.bytes[5])
    guard seen.insert(Array(datagram.bytes[6..<identifiers])).inserted else { return false }
    sent.append(datagram)
    if datagram.bytes[identifiers + 1 + Int(datagram.bytes[identifiers])] != 0 { withToken.append(datagram) }
    return true
  }
}
