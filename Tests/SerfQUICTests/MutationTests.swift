import SerfPrimitives
import SerfQUIC
import Testing

/// Bytes from any sender: nothing crashes, only sent bytes are delivered, and the endpoint goes on.
@Suite struct MutationTests {
  /// What to do to a datagram, by a seeded choice.
  private static func mutated(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var bytes = bytes
    switch random.below(6) {
    case 0:
      for _ in 0...random.below(3) { bytes[random.below(bytes.count)] ^= 1 << UInt8(random.below(8)) }
    case 1: bytes.removeLast(random.below(bytes.count))
    case 2: bytes += (0..<random.below(200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    case 3:
      let start = random.below(bytes.count)
      for index in start..<min(bytes.count, start + random.below(40)) { bytes[index] = UInt8(truncatingIfNeeded: random.next()) }
    case 4: bytes[random.below(min(bytes.count, 30))] = UInt8(truncatingIfNeeded: random.next())
    default: bytes = (0..<random.below(1500)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
    return bytes
  }

  @Test("10,000 mutations of handshake packets crash nothing, and handshakes go on", arguments: 1...4 as ClosedRange<UInt64>)
  func handshakes(seed: UInt64) {
    let network = EndpointNetwork(seed: seed)
    var random = SeededRandom(seed: seed &* 77)
    let b = network.node("b", number: 2) { $0.handshakesPerSourcePerSecond = 100_000 }
    let a = network.node("a", number: 1)
    var mutations = 0
    network.intercept = { datagram in
      // Each genuine packet comes after mutated ones and, for a while, replaced by them.
      var all: [EndpointNetwork.Datagram] = []
      for _ in 0..<8 {
        var strange = datagram
        strange.bytes = Self.mutated(datagram.bytes, &random)
        mutations += 1
        all.append(strange)
      }
      if !random.chance(0.1) { all.append(datagram) }
      return all
    }
    var confirmed = 0
    var dials = 0
    while mutations < 2500 {
      dials += 1
      let id = a.dial(b)
      if network.run(for: .seconds(4), until: { a.confirmed.contains(id) || a.closed[id] != nil }), a.confirmed.contains(id) {
        confirmed += 1
      }
      a.endpoint.close(id, .none, at: network.now)
    }
    // Packets that cannot be authenticated yet can be damaged, so some handshakes end, but not all.
    #expect(confirmed * 2 > dials, "\(confirmed) of \(dials)")
    network.intercept = nil
    network.run(for: .seconds(60))
    let id = a.dial(b)
    #expect(network.run(for: .seconds(5)) { a.confirmed.contains(id) })
    #expect(b.endpoint.connectionCount == 1)
  }

  @Test("mutations of an established connection's packets change nothing", arguments: 1...2 as ClosedRange<UInt64>)
  func traffic(seed: UInt64) throws {
    let (network, a, b, id) = TrafficTests.pair(seed: seed)
    b.echoes = true
    var random = SeededRandom(seed: seed &* 99)
    network.intercept = { datagram in
      var all = [datagram]
      for _ in 0..<3 {
        var strange = datagram
        strange.bytes = Self.mutated(datagram.bytes, &random)
        all.insert(strange, at: random.below(all.count + 1))
      }
      return all
    }
    let content = TrafficTests.bytes(300_000)
    let stream = try #require(a.endpoint.openStream(on: id))
    a.endpoint.write(SendChunk(copying: content), on: stream, finish: true)
    for number in 0..<50 {
      a.send([UInt8(number)], on: id)
      network.run(for: .milliseconds(10))
    }
    #expect(network.run(for: .seconds(30)) { a.ended.contains(stream) })
    #expect(a.received[stream] == content)
    #expect(Set(b.packets) == Set((0..<50).map { [UInt8($0)] }))
    #expect(a.closed.isEmpty && b.closed.isEmpty)
  }

  @Test("duplicated and reordered packets change nothing")
  func duplicates() {
    let (network, a, b, id) = TrafficTests.pair()
    network.jitter = .milliseconds(20)
    network.intercept = { [$0, $0, $0] }
    for number in 0..<100 {
      a.send([UInt8(number)], on: id)
      network.run(for: .milliseconds(2))
    }
    network.run(for: .seconds(1))
    #expect(b.packets.count == 100 && Set(b.packets).count == 100)
  }

  @Test("unidirectional streams of unknown kinds and endless hellos are refused, and nothing else suffers")
  func unknownStreams() {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1) { $0.hello = [0xdf, 0xff, 0xff, 0xff, 0xff] }
    let b = network.node("b", number: 2)
    let id = a.dial(b)
    network.run(for: .seconds(1))
    #expect(b.hellos.isEmpty)
    a.send([9], on: id)
    #expect(network.run(for: .seconds(1)) { b.packets == [[9]] })
  }

  @Test("the hello's end is found without reading it")
  func helloLength() {
    var scanned = 0
    var random = SeededRandom(seed: 5)
    for _ in 0..<10_000 {
      let bytes = (0..<random.below(64)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      if let length = HelloScanner.length(of: bytes) {
        #expect((1...64).contains(length) && length <= bytes.count)
        // A prefix is not yet whole, the same bytes with more behind are.
        #expect(HelloScanner.length(of: Array(bytes.prefix(length - 1))) == nil)
        #expect(HelloScanner.length(of: bytes + [1, 2, 3]) == length)
        scanned += 1
      }
    }
    #expect(scanned > 1000)
    #expect(HelloScanner.length(of: [0x81, 0xa1, 0x76, 0x01, 0x00]) == 4)
    #expect(HelloScanner.length(of: [0xdf, 0, 0, 0, 1, 0xa1, 0x76, 0x01, 0x00]) == 8, "lengths of 32 bits are lengths too")
    #expect(HelloScanner.length(of: [0xc1]) == nil)
  }
}
