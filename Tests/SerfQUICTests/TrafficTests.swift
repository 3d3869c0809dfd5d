import SerfIdentity
import SerfPrimitives
import SerfQUIC
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite struct TrafficTests {
  /// Two members with one confirmed connection.
  static func pair(seed: UInt64 = 1, configure: (inout QUICConfiguration) -> Void = { _ in }) -> (
    EndpointNetwork, TestNode, TestNode, ConnectionID
  ) {
    let network = EndpointNetwork(seed: seed)
    let a = network.node("a", number: 1, configure: configure)
    let b = network.node("b", number: 2, configure: configure)
    let id = a.dial(b)
    network.run(for: .seconds(2)) { a.confirmed.contains(id) && b.confirmed.count == 1 && a.hellos.count == 1 }
    return (network, a, b, id)
  }

  static func bytes(_ count: Int, seed: UInt64 = 9) -> [UInt8] {
    var random = SeededRandom(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  @Test("1 MiB crosses both ways", arguments: [0.0, 0.01])
  func bulk(loss: Double) throws {
    let (network, a, b, id) = Self.pair()
    network.loss = loss
    b.echoes = true
    let content = Self.bytes(1 << 20)
    let stream = try #require(a.endpoint.openStream(on: id))
    a.endpoint.write(SendChunk(copying: content), on: stream, finish: true)
    #expect(network.run(for: .seconds(120)) { a.ended.contains(stream) })
    #expect(a.received[stream] == content)
    #expect(a.writable == 1)
  }

  @Test("saturating datagrams under random loss complete with the pulse", arguments: [0.01, 0.05], 1...3 as ClosedRange<UInt64>)
  func pulse(loss: Double, seed: UInt64) {
    #expect(Self.saturate(pulses: true, loss: loss, seed: seed))
  }

  @Test(
    "saturating datagrams under 1 % loss stall for ever without the pulse, on a library that needs it",
    .enabled(if: QUICEndpoint.needsPulse),
    arguments: 1...3 as ClosedRange<UInt64>)
  func noPulse(seed: UInt64) {
    #expect(!Self.saturate(pulses: false, loss: 0.01, seed: seed))
  }

  /// Whether 10,000 datagrams, as many at once as the congestion window lets through, are all sent within a minute; it takes a tenth of a second.
  private static func saturate(pulses: Bool, loss: Double, seed: UInt64) -> Bool {
    let (network, a, b, id) = pair(seed: seed) { $0.pulses = pulses }
    network.loss = loss
    // A flight arrives together, as a vectored read takes it, and is acknowledged with one packet: when that one is lost, the window stays full.
    network.latency = .microseconds(50)
    network.jitter = .zero
    b.keepsPackets = false
    let packet = bytes(1000)
    var queued = 0
    return network.run(for: .seconds(60)) {
      while queued < 10_000, a.endpoint.waitingDatagrams(id) < 32 {
        a.send(packet, on: id)
        queued += 1
      }
      return queued == 10_000 && a.endpoint.waitingDatagrams(id) == 0
    }
  }

  @Test("a packet that no datagram holds goes on a stream of its own")
  func oversized() {
    let (network, a, b, id) = Self.pair()
    #expect(a.endpoint.datagramLimit(id) == 1160)
    let sizes = [1160, 1161, 5000, 64 << 10]
    for size in sizes { #expect(a.send(Self.bytes(size), on: id)) }
    #expect(!a.send(Self.bytes(64 << 10 + 1), on: id))
    network.run(for: .seconds(5)) { b.packets.count == 4 }
    #expect(b.packets.map(\.count).sorted() == sizes)
    // Again and again: the peer returns the streams and the credit.
    for _ in 0..<100 {
      let sent = a.send(Self.bytes(20_000), on: id)
      #expect(sent)
      network.run(for: .seconds(1)) { false }
    }
    #expect(b.packets.count == 104)
  }

  @Test("a packet is never sent after its deadline, and its sender hears of it")
  func deadline() {
    let (network, a, b, id) = Self.pair()
    network.intercept = { $0.source == b.address ? [] : [$0] }
    for number in 0..<200 { a.send(Self.bytes(1000), on: id, id: PacketID(UInt64(number)), within: .milliseconds(50)) }
    network.run(for: .seconds(3))
    // The queue holds 64, so 136 were dropped from it at once. What the congestion window does not let through is dropped at its deadline.
    #expect(a.notSent.count + b.packets.count == 200)
    #expect(a.notSent.count > 136)
    #expect(Set(a.notSent).count == a.notSent.count)
  }

  @Test("a full queue drops gossip, and what is waited for only when there is nothing else")
  func dropsGossip() {
    let (network, a, b, id) = Self.pair()
    for number in 0..<10 { a.send([UInt8(number)] + Self.bytes(1000), on: id, id: PacketID(UInt64(number))) }
    for number in 10..<200 { a.send([UInt8(number)] + Self.bytes(1000), on: id) }
    for number in 200..<210 { a.send([UInt8(number)] + Self.bytes(1000), on: id, id: PacketID(UInt64(number))) }
    network.run(for: .seconds(3)) { b.packets.count == 64 }
    #expect(Set(b.packets.map(\.[0])) == Set(0..<10).union(156..<210))
    #expect(a.notSent.isEmpty)
  }

  @Test("a probe does not wait behind gossip")
  func probesFirst() {
    let (network, a, b, id) = Self.pair()
    for number in 0..<30 { a.send([UInt8(number)] + Self.bytes(1000), on: id) }
    for number in 30..<32 { a.send([UInt8(number)] + Self.bytes(1000), on: id, id: PacketID(UInt64(number))) }
    network.run(for: .seconds(3)) { b.packets.count == 32 }
    // They are in the first flight, whose packets may overtake each other.
    #expect(Set(b.packets.prefix(15).map(\.[0])).isSuperset(of: [30, 31]) && Set(b.packets.map(\.[0])) == Set(0..<32))
  }

  @Test("a slow reader is not flooded, and a patient one gets everything")
  func backPressure() throws {
    let (network, a, b, id) = Self.pair()
    b.consumes = false
    let content = Self.bytes(1 << 20)
    let stream = try #require(a.endpoint.openStream(on: id))
    a.endpoint.write(SendChunk(copying: content), on: stream, finish: true)
    network.run(for: .seconds(20))
    let peers = try #require(b.opened.first)
    #expect(b.received[peers]?.count == 256 << 10)
    b.consumes = true
    b.endpoint.consumed(256 << 10, on: peers)
    #expect(network.run(for: .seconds(20)) { b.ended.contains(peers) })
    #expect(b.received[peers] == content)
  }

  @Test("a stream trickled one byte at a time arrives whole")
  func trickle() throws {
    let (network, a, b, id) = Self.pair()
    let stream = try #require(a.endpoint.openStream(on: id))
    for number in 0..<300 {
      a.endpoint.write(SendChunk(copying: [UInt8(truncatingIfNeeded: number)]), on: stream)
      network.run(for: .milliseconds(1))
    }
    a.endpoint.finish(stream)
    #expect(network.run(for: .seconds(2)) { b.ended.count == 1 })
    #expect(b.received[try #require(b.opened.first)] == (0..<300).map { UInt8(truncatingIfNeeded: $0) })
  }

  @Test("no more than 64 streams of a peer at once, and another for each that ended")
  func streamLimit() throws {
    let (network, a, b, id) = Self.pair()
    var streams: [QUICStreamID] = []
    while let stream = a.endpoint.openStream(on: id) {
      a.endpoint.write(SendChunk(copying: [1]), on: stream)
      streams.append(stream)
    }
    #expect(streams.count == 64)
    b.echoes = true
    for round in 0..<3 {
      for stream in streams { a.endpoint.finish(stream) }
      #expect(network.run(for: .seconds(2)) { a.streamsClosed.isSuperset(of: streams) })
      network.run(for: .milliseconds(50))
      streams = []
      while let stream = a.endpoint.openStream(on: id) {
        a.endpoint.write(SendChunk(copying: [2]), on: stream)
        streams.append(stream)
      }
      #expect(streams.count == 64, "round \(round)")
    }
  }

  @Test("a reset ends a stream for both sides")
  func reset() throws {
    let (network, a, b, id) = Self.pair()
    let stream = try #require(a.endpoint.openStream(on: id))
    a.endpoint.write(SendChunk(copying: [1, 2]), on: stream)
    network.run(for: .milliseconds(100))
    let peers = try #require(b.opened.first)
    b.endpoint.reset(peers, code: .overloaded)
    #expect(network.run(for: .seconds(1)) { a.resets[stream] == 7 })
    #expect(network.run(for: .seconds(1)) { a.streamsClosed.contains(stream) && b.streamsClosed.contains(peers) })
  }

  @Test("keys are updated while traffic flows")
  func keyUpdate() {
    let (network, a, b, id) = Self.pair()
    var updates = 0
    for round in 0..<20 {
      if a.endpoint.updateKeys(id, at: network.now) { updates += 1 }
      a.send([UInt8(round)], on: id)
      network.run(for: .milliseconds(500))
    }
    #expect(updates >= 3)
    #expect(b.packets == (0..<20).map { [$0] })
    #expect(a.closed.isEmpty && b.closed.isEmpty)
  }

  @Test("each close reason arrives as it was said", arguments: CloseReason.allCases)
  func closeReasons(reason: CloseReason) {
    let (network, a, b, id) = Self.pair()
    a.endpoint.close(id, reason, at: network.now)
    #expect(network.run(for: .seconds(1)) { b.closed.count == 1 })
    #expect(b.closed.values.first == .closedByPeer(reason))
  }

  @Test("a lost close is said again when the peer goes on talking")
  func closeRepeated() throws {
    let (network, a, b, id) = Self.pair()
    network.intercept = { $0.source == a.address ? [] : [$0] }
    a.endpoint.close(id, .left, at: network.now)
    network.run(for: .milliseconds(5))
    network.intercept = nil
    b.send([1], on: try #require(b.established.first?.id))
    #expect(network.run(for: .seconds(1)) { b.closed.values.first == .closedByPeer(.left) })
  }

  @Test("a member that was restarted makes its peers notice with a stateless reset")
  func restart() {
    let network = EndpointNetwork()
    let secret = SecretBytes(copying: [UInt8](repeating: 7, count: 32))
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2) { $0.resetSecret = secret }
    let id = a.dial(b)
    network.run(for: .seconds(2)) { a.confirmed.contains(id) }
    _ = network.node("b", number: 2) { $0.resetSecret = secret }
    let started = network.now
    // As large as a ping: a smaller packet gets no reset.
    a.send(Self.bytes(50), on: id)
    #expect(network.run(for: .seconds(1)) { a.closed[id] == .reset })
    #expect(network.now - started < .milliseconds(10))
  }

  @Test("a peer whose address translation changes is followed after its new path is validated")
  func rebinding() throws {
    let (network, a, b, id) = Self.pair()
    // Another port of the same address; a whole new address is a migration, which is off.
    let translated = a.address.with(port: 4242)
    network.intercept = { datagram in
      var datagram = datagram
      if datagram.source == a.address { datagram.source = translated }
      if datagram.destination == translated { datagram.destination = a.address }
      return [datagram]
    }
    a.send([1], on: id)
    #expect(network.run(for: .seconds(3)) { b.moved == [translated] })
    b.send([2], on: try #require(b.established.first?.id))
    #expect(network.run(for: .seconds(1)) { a.packets == [[2]] })
  }

  @Test("oversized packets that a peer does not read are refused beyond 256 KiB, and accepted again when it reads")
  func oversizedBacklog() {
    let (network, a, b, id) = Self.pair()
    network.intercept = { _ in [] }
    let packet = Self.bytes(60_000)
    // Each is a byte longer on its stream: 4 · 60,001 < 262,144. The peer allows 16 streams.
    #expect((0..<10).map { _ in a.send(packet, on: id) } == [true, true, true, true] + [Bool](repeating: false, count: 6))
    // What the congestion window lets through is little.
    network.run(for: .milliseconds(200))
    #expect(!a.send(packet, on: id))
    network.intercept = nil
    #expect(network.run(for: .seconds(20)) { b.packetCount == 4 })
    #expect(a.send(packet, on: id))
    #expect(network.run(for: .seconds(5)) { b.packetCount == 5 })
  }

  @Test("a connection ID that its peer retires is forgotten, and the turn at that instant ends")
  func retiredConnectionID() async {
    // A test cannot stop a turn that does not end, so the turn runs in another process.
    await #expect(processExitsWith: .success) {
      alarm(20)
      let (network, a, b, id) = Self.pair { $0.allowsMigration = true }
      network.run(for: .seconds(1))
      let moved = a.address.with(port: 4242)
      network.intercept = { datagram in
        var datagram = datagram
        if datagram.source == a.address { datagram.source = moved }
        if datagram.destination == moved { datagram.destination = a.address }
        return [datagram]
      }
      // The client uses another of the server's IDs and retires the first one; so does the server, on the new path.
      precondition(a.endpoint.migrate(id, to: moved, at: network.now))
      a.send([1], on: id)
      precondition(network.run(for: .seconds(3)) { b.moved == [moved] && b.packetCount == 1 })
      network.run(for: .seconds(3))
      a.send([2], on: id)
      b.send([3], on: b.established[0].id)
      precondition(network.run(for: .seconds(1)) { b.packetCount == 2 && a.packetCount == 1 })
      precondition(a.closed.isEmpty && b.closed.isEmpty)
    }
  }
}
