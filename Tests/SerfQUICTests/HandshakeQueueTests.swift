import SerfPrimitives
import SerfQUIC
import Testing

/// Handshake packets that wait for their turn, and how no sender can fill the queue for others.
@Suite struct HandshakeQueueTests {
  private let network = EndpointNetwork()

  /// A node with a queue of 80 packets, which has had no turn since it accepted `handshakes` clients of different networks. Also returns their
  /// packets.
  private func busyNode(handshakes: Int) -> (TestNode, [[UInt8]]) {
    let node = network.node("b", number: 2) { $0.handshakeQueueLimit = 80 }
    let packets = FirstPackets.make(handshakes)
    for (number, packet) in packets.enumerated() { network.inject(packet, from: Self.address(UInt8(number), 1), to: node.address) }
    network.run(for: .milliseconds(5))
    return (node, packets)
  }

  private static func address(_ network: UInt8, _ host: UInt8) -> NodeAddress { NodeAddress(ipv4: 172, 16, network, host, port: 999) }

  private func receive(_ packet: [UInt8], from source: NodeAddress, _ node: TestNode) {
    node.endpoint.receive(packet.span.bytes, from: source, ecn: 0, at: network.now)
  }

  @Test("packets of one connection fill 32 places and no more")
  func perConnection() {
    let (node, packets) = busyNode(handshakes: 2)
    for _ in 0..<40 { receive(packets[0], from: Self.address(0, 1), node) }
    #expect(node.endpoint.counters.handshakeQueueOverflows == 8)
    for _ in 0..<32 { receive(packets[1], from: Self.address(1, 1), node) }
    #expect(node.endpoint.counters.handshakeQueueOverflows == 8)
    // After their turn there is room again.
    network.run(for: .milliseconds(1))
    for _ in 0..<32 { receive(packets[0], from: Self.address(0, 1), node) }
    #expect(node.endpoint.counters.handshakeQueueOverflows == 8)
  }

  @Test("packets of all connections together fill the queue and no more")
  func inAll() {
    let (node, packets) = busyNode(handshakes: 3)
    for number in 0..<90 { receive(packets[number % 3], from: Self.address(UInt8(number % 3), 1), node) }
    #expect(node.endpoint.counters.handshakeQueueOverflows == 10)
    // A stranger finds no room either.
    receive(FirstPackets.make(1)[0], from: Self.address(9, 1), node)
    #expect(node.endpoint.counters.handshakeQueueOverflows == 11)
  }

  @Test("strangers fill half of the queue; packets of connections have the other half")
  func strangers() {
    let (node, packets) = busyNode(handshakes: 2)
    for (number, packet) in FirstPackets.make(50).enumerated() { receive(packet, from: Self.address(UInt8(100 + number), 1), node) }
    #expect(node.endpoint.counters.handshakeQueueOverflows == 10)
    for number in 0..<40 { receive(packets[number % 2], from: Self.address(UInt8(number % 2), 1), node) }
    #expect(node.endpoint.counters.handshakeQueueOverflows == 10)
    network.run(for: .milliseconds(1))
    #expect(node.endpoint.counters.handshakesAccepted == 42)
  }

  @Test("the network that holds most of the strangers' half makes room for another")
  func crowdingNetwork() {
    let (node, _) = busyNode(handshakes: 0)
    let packets = FirstPackets.make(60)
    for number in 0..<40 { receive(packets[number], from: Self.address(1, UInt8(number)), node) }
    #expect(node.endpoint.counters.handshakeQueueOverflows == 0)
    for number in 40..<50 { receive(packets[number], from: Self.address(UInt8(number), 1), node) }
    receive(packets[50], from: Self.address(1, 200), node)
    #expect(node.endpoint.counters.handshakeQueueOverflows == 11)
    let accepted = (0..<40).map { Self.address(1, UInt8($0)) } + (40..<50).map { Self.address(UInt8($0), 1) }
    network.run(for: .milliseconds(1))
    #expect(node.endpoint.counters.handshakesAccepted == 40)
    #expect(accepted.filter(node.endpoint.isBeingDialled) == Array(accepted[..<30] + accepted[40...]))
  }

  @Test("a stranger that finds no place in three seconds is forgotten")
  func forgotten() {
    let node = network.node("b", number: 2) { $0.halfOpenPerAddress = 0 }
    let client = network.node("a", number: 1)
    let id = client.dial(node)
    network.run(for: .milliseconds(50))
    #expect(node.endpoint.counters.retries == 1)
    client.endpoint.close(id, .none, at: network.now)
    network.run(for: .milliseconds(2900))
    #expect(node.endpoint.counters.handshakeQueueOverflows == 0)
    #expect(node.endpoint.nextDeadline != nil)
    network.run(for: .milliseconds(200))
    #expect(node.endpoint.counters.handshakeQueueOverflows > 0)
    #expect(node.endpoint.nextDeadline == nil)
    #expect(node.endpoint.counters.handshakesAccepted == 0)
  }
}
