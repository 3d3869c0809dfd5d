import SerfPrimitives
import SerfQUIC
import Testing

/// What one member may send, on all its connections together (`secure-transport.md` 3.2).
@Suite struct RateTests {
  /// Two members, of which the first has as many connections to the second as `ids`.
  private static func pair(
    connections: Int = 1, configure: @escaping (inout QUICConfiguration) -> Void
  ) -> (network: EndpointNetwork, a: TestNode, b: TestNode, ids: [ConnectionID]) {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2, configure: configure)
    let ids = (0..<connections).map { _ in a.dial(b) }
    network.run(for: .seconds(2)) { b.confirmed.count == connections && a.confirmed.count == connections && a.hellos.count == connections }
    return (network, a, b, ids)
  }

  @Test("packets beyond a member's number are dropped, however many connections it has, and reported once a second", arguments: [1, 4])
  func packets(connections: Int) {
    let (network, a, b, ids) = Self.pair(connections: connections) { ($0.packetsPerSecond, $0.packetBurst) = (100, 50) }
    for number in 0..<200 {
      a.send([1], on: ids[number % connections])
      network.run(for: .milliseconds(1))
    }
    network.run(for: .milliseconds(100))
    #expect((60...80).contains(b.packetCount))
    #expect(b.packetCount + Int(b.endpoint.counters.packetsOverLimit) == 200)
    #expect(b.exceeded == 1)
  }

  @Test("bytes of packets beyond a member's number are dropped")
  func bytes() {
    let (network, a, b, ids) = Self.pair { ($0.bytesPerSecond, $0.byteBurst) = (10_000, 20_000) }
    for _ in 0..<100 {
      a.send([UInt8](repeating: 1, count: 1000), on: ids[0])
      network.run(for: .milliseconds(10))
    }
    #expect((28...31).contains(b.packetCount))
    #expect(b.packetCount + Int(b.endpoint.counters.packetsOverLimit) == 100)
  }

  @Test("a stream with more bytes than its member may send is given up, and the next one passes after some time")
  func streams() throws {
    let (network, a, b, ids) = Self.pair { ($0.bytesPerSecond, $0.byteBurst) = (100_000, 200_000) }
    let first = try #require(a.endpoint.openStream(on: ids[0]))
    a.endpoint.write(SendChunk(copying: [UInt8](repeating: 1, count: 1 << 20)), on: first, finish: true)
    #expect(network.run(for: .seconds(1)) { a.stopped.contains(first) || a.resets[first] != nil })
    #expect(b.endpoint.counters.streamsOverLimit == 1)
    #expect(b.ended.isEmpty)
    network.run(for: .seconds(2))
    let second = try #require(a.endpoint.openStream(on: ids[0]))
    a.endpoint.write(SendChunk(copying: [UInt8](repeating: 1, count: 150_000)), on: second, finish: true)
    #expect(network.run(for: .seconds(5)) { b.ended.count == 1 })
    #expect(b.endpoint.counters.streamsOverLimit == 1)
  }

  @Test("a member gets new streams slowly for those that were refused, and at once for those that were answered")
  func refusedStreams() {
    let (network, a, b, ids) = Self.pair { _ in }
    var refuses = true
    b.onEvent = { event in
      guard case .streamOpened(let stream) = event else { return }
      if refuses { b.endpoint.reset(stream) } else { b.endpoint.finish(stream) }
    }
    func flood(_ seconds: Int) -> Int {
      let before = b.opened.count
      for _ in 0..<100 * seconds {
        while let stream = a.endpoint.openStream(on: ids[0]) { a.endpoint.write(SendChunk(copying: [1]), on: stream, finish: !refuses) }
        network.run(for: .milliseconds(10))
      }
      return b.opened.count - before
    }
    let refused = flood(10)
    #expect((600...900).contains(refused), "128 at once, and 64 a second")
    refuses = false
    network.run(for: .seconds(1))
    #expect(flood(1) > 1000)
  }
}
