import MemoryTransport
import SerfPrimitives
import SerfTransport
import Testing

/// The contract of `StreamLayer`, the same cases for every transport.
@Suite(.serialized) struct ConformanceTests {
  let hub = MemoryHub()

  func pair(_ conformer: Conformer) async throws -> (a: TestEnd, b: TestEnd) {
    (try await TestEnd.bind(conformer, "a", on: hub), try await TestEnd.bind(conformer, "b", on: hub))
  }

  /// Bytes that no layer takes for its own envelope, and that do not compress.
  static func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var random = SeededRandom(seed: seed)
    let block = (0..<min(count, 65_521)).map { $0 == 0 ? 8 : UInt8(truncatingIfNeeded: random.next()) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count { bytes += block.prefix(count - bytes.count) }
    return bytes
  }

  /// What must hold at the end of every case: no callback came from within a call, none came late, and the ports are free again.
  func end(_ ends: TestEnd..., sourceLocation: SourceLocation = #_sourceLocation) async throws {
    for end in ends {
      #expect(try await end.read { $0.intrusions } == 0, "\(end.name): a callback from within a call", sourceLocation: sourceLocation)
      #expect(try await end.read { $0.late } == 0, "\(end.name): something after the end", sourceLocation: sourceLocation)
      try await end.shutdown()
    }
  }

  // MARK: The layer

  @Test("reports where it is bound, how it is protected, and how large a packet may be", arguments: Conformer.all)
  func properties(_ conformer: Conformer) async throws {
    let (a, b) = try await pair(conformer)
    #expect(a.address.port != 0 && a.address != b.address)
    #expect(a.address.isLoopback)
    #expect(try await a.call { layer, _ in layer.protection } == conformer.protection)
    #expect(try await a.call { layer, _ in layer.largestPacket >= layer.packetBudget && layer.packetBudget >= 1000 })
    #expect(try await a.call { layer, _ in layer.reachableAddress } == a.address)
    let names = try await a.call { layer, _ in layer.figures.map(\.name) }
    #expect(Set(names).count == names.count)
    try await end(a, b)
  }

  @Test("gives its port back at once, ends streams, and reports nothing after a shutdown", arguments: Conformer.all)
  func shutdown(_ conformer: Conformer) async throws {
    let (a, b) = try await pair(conformer)
    try await a.open(StreamID(2), to: b.destination)
    try await a.write(Self.bytes(100), on: StreamID(2))
    try await b.waits(for: "the stream") { $0.accepted.count == 1 && $0.received.values.first?.count == 100 }
    try await b.shutdown()
    let before = try await b.read { $0.packets.count }
    try await a.waits(for: "the stream's end") { $0.failed[StreamID(2)] != nil || $0.ended.contains(StreamID(2)) }
    let again = try await TestEnd.bind(conformer, "b", port: b.address.port, on: hub)
    #expect(again.address == b.address)
    try await a.send(Self.bytes(50), to: again.destination)
    try await again.waits(for: "a packet") { $0.packets.count == 1 }
    #expect(try await b.read { $0.packets.count } == before)
    try await b.shutdown()
    try await end(a, again)
  }

  // MARK: Packets

  @Test("delivers a packet whole, with its sender, and an answer to the sender", arguments: Conformer.all)
  func packets(_ conformer: Conformer) async throws {
    let (a, b) = try await pair(conformer)
    try await a.send(Self.bytes(200), to: b.destination)
    try await b.waits(for: "a packet") { $0.packets.count == 1 }
    let peer = try #require(try await b.read { $0.packets.first?.peer })
    #expect(try await b.read { $0.packets[0].bytes } == Self.bytes(200))
    #expect(peer.address == a.address)
    #expect(peer.provenName == (conformer.protection == .provenNames ? "a" : nil))
    try await b.send(Self.bytes(300, seed: 2), to: .reply(peer))
    try await a.waits(for: "the answer") { $0.packets.count == 1 }
    #expect(try await a.read { $0.packets[0].bytes } == Self.bytes(300, seed: 2))
    try await end(a, b)
  }

  @Test("delivers packets up to the largest size, whole", arguments: Conformer.all)
  func sizes(_ conformer: Conformer) async throws {
    let (a, b) = try await pair(conformer)
    let (budget, largest) = try await a.call { layer, _ in (layer.packetBudget, layer.largestPacket) }
    for (index, size) in [1, budget - 1, budget, largest].enumerated() {
      try await a.send(Self.bytes(size, seed: UInt64(size)), to: b.destination)
      try await b.waits(for: "a packet of \(size)") { $0.packets.count == index + 1 }
      #expect(try await b.read { $0.packets.last?.bytes } == Self.bytes(size, seed: UInt64(size)))
    }
    try await end(a, b)
  }

  @Test("delivers many packets of one flush undamaged, each at most once", arguments: Conformer.all)
  func batch(_ conformer: Conformer) async throws {
    let (a, b) = try await pair(conformer)
    // The first one makes the connection, if the layer has connections.
    try await a.send(Self.bytes(10, seed: 1000), to: b.destination)
    try await b.waits(for: "the first") { $0.packets.count == 1 }
    let sent = (0..<50).map { Self.bytes(500, seed: $0 + 1) }
    let destination = b.destination
    try await a.call { layer, now in
      for packet in sent { layer.send(packet.span.bytes, to: destination, path: .warm, id: nil, checksummed: false, at: now) }
    }
    try await b.waits(for: "most of them") { $0.packets.count > 40 }
    let received = try await b.read { $0.packets.dropFirst().map(\.bytes) }
    #expect(Set(received).count == received.count)
    #expect(Set(received).isSubset(of: Set(sent)))
    try await end(a, b)
  }

  @Test("accepts a packet to an address without a node, without harm to others", arguments: Conformer.all)
  func nobody(_ conformer: Conformer) async throws {
    let (a, b) = try await pair(conformer)
    let hole = try BlackHole()
    for number in 0..<5 as Range<UInt64> { try await a.send(Self.bytes(100), to: .member("c", hole.address), id: PacketID(number)) }
    try await a.send(Self.bytes(100), to: b.destination)
    try await b.waits(for: "a packet") { $0.packets.count == 1 }
    #expect(try await a.read { Set($0.notSent).count == $0.notSent.count })
    try await end(a, b)
  }
}
