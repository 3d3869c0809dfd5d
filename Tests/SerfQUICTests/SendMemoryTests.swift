import SerfPrimitives
import SerfQUIC
import Testing

/// How much an endpoint keeps of the bytes that it was given to send.
@Suite struct SendMemoryTests {
  private static func pair() -> (network: EndpointNetwork, a: TestNode, b: TestNode, id: ConnectionID) {
    let network = EndpointNetwork()
    let (a, b) = (network.node("a", number: 1), network.node("b", number: 2))
    let id = a.dial(b)
    network.run(for: .seconds(2)) { !b.confirmed.isEmpty && !a.confirmed.isEmpty }
    return (network, a, b, id)
  }

  private static func write(_ count: Int, on node: TestNode, _ id: ConnectionID) throws -> QUICStreamID {
    let stream = try #require(node.endpoint.openStream(on: id))
    for piece in SendChunk.pieces(copying: [UInt8](repeating: 7, count: count)) { node.endpoint.write(piece, on: stream) }
    node.endpoint.finish(stream)
    return stream
  }

  @Test("bytes that the peer has are released, and every byte is reported to its writer")
  func acknowledged() throws {
    let (network, a, b, id) = Self.pair()
    let stream = try Self.write(1_000_001, on: a, id)
    #expect(a.endpoint.keptBytes(stream) == 1_000_001)
    #expect(network.run(for: .seconds(5)) { a.sentBytes[stream] == 1_000_001 })
    #expect(a.endpoint.keptBytes(stream) == 0)
    #expect(b.received.values.map(\.count) == [1_000_001])
  }

  @Test("a peer that stops reading has the rest kept, until the stream is reset")
  func reset() throws {
    let (network, a, b, id) = Self.pair()
    b.consumes = false
    let stream = try Self.write(4 << 20, on: a, id)
    network.run(for: .seconds(5))
    #expect(a.sentBytes[stream] == 256 << 10, "as much as the peer allows on one stream")
    #expect(a.endpoint.keptBytes(stream) == (4 << 20) - (256 << 10))
    a.endpoint.reset(stream)
    #expect(a.endpoint.keptBytes == 0)
    // The connection still works.
    b.consumes = true
    let other = try Self.write(100_000, on: a, id)
    #expect(network.run(for: .seconds(5)) { a.sentBytes[other] == 100_000 })
  }

  @Test("a reset while bytes are in flight keeps those, and nothing after them, until the peer has them")
  func resetUnderWay() throws {
    let (network, a, b, id) = Self.pair()
    let stream = try Self.write(1 << 20, on: a, id)
    // One turn: as much is in flight as the congestion window allows.
    network.run(for: .milliseconds(1))
    a.endpoint.reset(stream)
    #expect((1...64 << 10).contains(a.endpoint.keptBytes(stream)))
    #expect(network.run(for: .seconds(5)) { a.endpoint.keptBytes == 0 })
    #expect(!b.ended.contains { $0.number == stream.number })
  }
}
