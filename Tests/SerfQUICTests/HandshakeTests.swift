import SerfPrimitives
import SerfQUIC
import Testing

@Suite struct HandshakeTests {
  @Test("two members prove their names to each other")
  func names() {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2)
    let id = a.dial(b, expecting: .name("b"))
    #expect(network.run(for: .seconds(2)) { a.confirmed.contains(id) && !b.established.isEmpty })
    #expect(a.established.first?.name == "b")
    #expect(b.established.first?.name == "a")
    #expect(b.established.first?.role == .server)
    #expect(a.endpoint.peer(of: id)?.provenName == "b")
    #expect(network.now < .zero + .milliseconds(40))
  }

  @Test("a handshake succeeds under loss", arguments: [0.05, 0.2], 1...8 as ClosedRange<UInt64>)
  func loss(rate: Double, seed: UInt64) {
    let network = EndpointNetwork(seed: seed)
    network.loss = rate
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2)
    let id = a.dial(b)
    #expect(network.run(for: .seconds(10)) { a.confirmed.contains(id) && b.confirmed.count == 1 })
  }

  @Test("each side reads the other's hello")
  func hello() {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1) { $0.hello = [0x81, 0xa1, 0x76, 0x01] }
    let b = network.node("b", number: 2) { $0.hello = [0x81, 0xa1, 0x76, 0x02] }
    _ = a.dial(b)
    #expect(network.run(for: .seconds(2)) { a.hellos.count == 1 && b.hellos.count == 1 })
    #expect(a.hellos == [[0x81, 0xa1, 0x76, 0x02]])
    #expect(b.hellos == [[0x81, 0xa1, 0x76, 0x01]])
  }

  @Test("packets, streams and a close cross")
  func everything() {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2)
    b.echoes = true
    let id = a.dial(b)
    network.run(for: .seconds(1)) { a.confirmed.contains(id) }
    a.send([1, 2, 3], on: id)
    guard let stream = a.endpoint.openStream(on: id) else { return #expect(Bool(false), "no stream") }
    a.endpoint.write(SendChunk(copying: [4, 5, 6]), on: stream, finish: true)
    #expect(network.run(for: .seconds(1)) { a.ended.contains(stream) && a.streamsClosed.contains(stream) })
    #expect(b.packets == [[1, 2, 3]])
    #expect(a.received[stream] == [4, 5, 6])
    a.endpoint.close(id, .left, at: a.now)
    #expect(network.run(for: .seconds(5)) { !b.closed.isEmpty })
    #expect(Array(b.closed.values) == [.closedByPeer(.left)])
    #expect(a.closed[id] == .closed(.left))
    network.run(for: .seconds(5))
    #expect(a.endpoint.connectionCount == 0)
    #expect(b.endpoint.connectionCount == 0)
  }
}
