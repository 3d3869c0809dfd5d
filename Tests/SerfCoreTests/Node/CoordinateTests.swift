import Memberlist
import SerfCore
import SerfPrimitives
import SerfWire
import Testing

@Suite("coordinates of a node")
struct CoordinateTests {
  /// One that probes, so that others can tell it their coordinates.
  private static func probing(_ change: (inout SerfCoreConfiguration) -> Void = { _ in }, provesNames: Bool = false) throws -> TestNode {
    var configuration = SerfCoreConfiguration.quiet
    configuration.membership.probe.interval = .seconds(1)
    configuration.reaping.failedTimeout = .seconds(60)
    configuration.reconnecting.interval = .zero
    change(&configuration)
    return try TestNode(configuration, transport: TransportTraits(provesNames: provesNames))
  }

  private func payload(_ coordinate: NodeCoordinate) -> [UInt8] {
    var bytes: [UInt8] = []
    CoordinateMessage(coordinate).encode(into: &bytes)
    return bytes
  }

  /// A payload with these numbers, whether a node can have them or not.
  private func payload(vector: [Double], height: Double = 1e-5, adjustment: Double = 0, error: Double = 1, version: UInt8 = 1) -> [UInt8] {
    var writer = MessagePackWriter()
    writer.raw(version)
    writer.map(4)
    for (key, value) in [("Adjustment", adjustment), ("Error", error), ("Height", height)] {
      writer.string(key)
      writer.double(value)
    }
    writer.string("Vec")
    writer.array(vector.count)
    for part in vector { writer.double(part) }
    return writer.finish()
  }

  /// Lets time pass until the node probes its only member, and returns the number of the ping.
  private func awaitProbe(_ node: TestNode) throws -> UInt32 {
    let seen = node.packets.count
    for _ in 0..<100 {
      node.wake(late: .zero)
      if let number = node.packets.dropFirst(seen).lazy.compactMap(pingNumber).first { return number }
    }
    throw TestNode.NoReply()
  }

  private func pingNumber(_ packet: [UInt8]) -> UInt32? {
    var expansion = PacketWalker.Expansion()
    var walker = PacketWalker(packet.span.bytes, using: &expansion)
    while let leaf = walker.next() {
      if leaf.type == .ping { return try? Ping(decoding: leaf.body).sequenceNumber }
    }
    return nil
  }

  private func ack(_ number: UInt32, _ payload: [UInt8]?) -> [UInt8] {
    var bytes: [UInt8] = []
    if let payload {
      Ack(sequenceNumber: number, payload: payload.span.bytes).encode(into: &bytes)
    } else {
      Ack(sequenceNumber: number, payload: nil).encode(into: &bytes)
    }
    return bytes
  }

  /// The next probe is answered with this payload after `roundTrip`.
  private func answer(_ node: TestNode, with payload: [UInt8]?, after roundTrip: Duration = .milliseconds(20)) throws {
    let number = try awaitProbe(node)
    if roundTrip > .zero { node.advance(by: roundTrip) }
    let bytes = ack(number, payload)
    node.feed { core, now in core.receive(bytes.span.bytes, from: node.peer, at: roundTrip < .zero ? now + roundTrip : now) }
  }

  /// What the node's acks carry.
  private func ownPayload(_ node: TestNode) throws -> [UInt8]? {
    var ping: [UInt8] = []
    Ping(sequenceNumber: 7, node: NodeName("me").bytes.span.bytes, source: nil, sourceNode: RawSpan()).encode(into: &ping)
    node.receive(ping)
    let packet = try #require(node.packets.last)
    var expansion = PacketWalker.Expansion()
    var walker = PacketWalker(packet.span.bytes, using: &expansion)
    while let leaf = walker.next() {
      guard leaf.type == .ack else { continue }
      let ack = try Ack(decoding: leaf.body)
      if let payload = ack.payload { return [UInt8](copying: payload) }
      return nil
    }
    throw TestNode.NoReply()
  }

  private func problems(_ node: TestNode) -> [CoordinateProblem] {
    node.diagnostics.compactMap { if case .coordinateRefused("a", let problem) = $0 { problem } else { nil } }
  }

  @Test("the node begins at the origin and says so in each ack; an answered probe moves it, and the next ack says that")
  func learns() throws {
    let node = try Self.probing()
    #expect(try node.core.coordinate() == .origin)
    #expect(try ownPayload(node) == payload(.origin))
    node.meet("a")
    let told = try NodeCoordinate.at(0.01, error: 0.5)
    try answer(node, with: payload(told))
    let own = try node.core.coordinate()
    #expect(own != .origin && own.vector[0] < 0)
    #expect(try ownPayload(node) == payload(own))
    #expect(try node.core.cachedCoordinate(of: "a") == told)
    #expect(try node.core.cachedCoordinate(of: "me") == own)
    #expect(try node.core.roundTripEstimate(from: "me", to: "a") == own.distance(to: told))
    #expect(problems(node).isEmpty)
  }

  @Test("a member without coordinates, or of another version of them, is a member like others; of it no coordinate is known")
  func versions() throws {
    let node = try Self.probing()
    node.meet("a")
    try answer(node, with: nil)
    try answer(node, with: [])
    #expect(problems(node).isEmpty)
    var later = payload(try .at(0.01))
    later[0] = 255
    try answer(node, with: later)
    #expect(problems(node) == [.version(255)])
    #expect(node.core.counters.coordinateVersionsUnknown == 1 && node.core.counters.coordinatesRejected == 0)
    #expect(node.status("a") == .alive)
    #expect(try node.core.cachedCoordinate(of: "a") == nil && node.core.coordinate() == .origin)
    #expect(throws: SerfCoreError.coordinateUnknown("a")) { try node.core.roundTripEstimate(from: "me", to: "a") }
    #expect(throws: SerfCoreError.coordinateUnknown("b")) { try node.core.roundTripEstimate(from: "b", to: "me") }
  }

  @Test("a coordinate that no node can have changes nothing, and is counted")
  func absurd() throws {
    let node = try Self.probing()
    node.meet("a")
    let good = try NodeCoordinate.at(0.01)
    try answer(node, with: payload(good))
    let own = try node.core.coordinate()
    var zeros: [Double] { [Double](repeating: 0, count: 8) }
    var bad = [
      payload(vector: zeros + [0]), payload(vector: Array(zeros.dropLast())), payload(vector: []), payload(vector: [0.01, 0.01]),
      [1], [1, 0x80], [1, 0xc0], [1, 0x84, 0xa3], payload(vector: [Double](repeating: 0, count: 1_000)),
      payload(vector: zeros, error: 1.51),
      payload(vector: zeros, error: -0.1), payload(vector: zeros, height: -1e-5),
    ]
    for value in [Double.nan, .infinity, -.infinity, 1e308, -1e9, 10.5] {
      bad += [payload(vector: zeros.dropLast() + [value]), payload(vector: [value] + zeros.dropLast())]
      bad += [payload(vector: zeros, height: value), payload(vector: zeros, adjustment: value), payload(vector: zeros, error: value)]
    }
    for payload in bad { try answer(node, with: payload) }
    #expect(try node.core.coordinate() == own && node.core.cachedCoordinate(of: "a") == good)
    #expect(try ownPayload(node) == payload(own))
    #expect(node.core.counters.coordinatesRejected == UInt64(bad.count) && problems(node).count == bad.count)
    #expect(node.status("a") == .alive, "it answers its probes all the same")
  }

  @Test("an answer that took no time, less than none, or more than ten seconds changes nothing, and is counted")
  func roundTrips() throws {
    let node = try Self.probing {
      $0.membership.probe.interval = .seconds(40)
      $0.membership.probe.timeout = .seconds(30)
    }
    node.meet("a")
    let told = payload(try .at(0.01))
    for bad in [Duration.zero, .milliseconds(-1), .seconds(10) + .nanoseconds(1), .seconds(29)] {
      try answer(node, with: told, after: bad)
      #expect(problems(node).last == .roundTrip(bad))
    }
    #expect(try node.core.coordinate() == .origin && node.core.cachedCoordinate(of: "a") == nil)
    #expect(node.core.counters.roundTripsRejected == 4 && node.core.counters.coordinatesRejected == 0)
    for good in [Duration.nanoseconds(1), .seconds(10)] { try answer(node, with: told, after: good) }
    #expect(try node.core.coordinate() != .origin && problems(node).count == 4)
  }

  @Test("an answer that may have waited for a connection measures nothing: what the member says of itself is kept, and nothing moves")
  func dialled() throws {
    let node = try Self.probing(provesNames: true)
    let peer = Peer(address: NodeAddress(ipv4: 10, 0, 1, 97, port: 7946), connection: ConnectionID(1), provenName: "a")
    node.meet("a", from: peer)
    #expect(node.status("a") == .alive)
    let told = try NodeCoordinate.at(0.01)
    let number = try awaitProbe(node)
    node.advance(by: .milliseconds(20))
    node.receive(ack(number, payload(told)), from: peer)
    #expect(try node.core.cachedCoordinate(of: "a") == told)
    #expect(try node.core.coordinate() == .origin)
    #expect(problems(node).isEmpty)
  }

  @Test("a member that is forgotten takes its coordinate with it", arguments: [false, true])
  func forgotten(prunes: Bool) throws {
    let node = try Self.probing()
    node.meet("a")
    try answer(node, with: payload(try .at(0.01)))
    node.lose("a")
    #expect(try node.core.cachedCoordinate(of: "a") != nil, "it may come back")
    if prunes { node.leaveIntent("a", at: 9, prunes: true) } else { node.advance(by: .seconds(80)) }
    #expect(node.memberEvents.last == "reap a")
    #expect(try node.core.cachedCoordinate(of: "a") == nil)
  }

  @Test("a result out of bounds is counted and told, and the node begins at the origin again")
  func reset() throws {
    let node = try Self.probing {
      $0.membership.probe.interval = .seconds(40)
      $0.membership.probe.timeout = .seconds(30)
    }
    node.meet("a")
    try answer(node, with: payload(try .at(2e-6, height: 9, error: 0)), after: .seconds(10))
    #expect(try node.core.coordinate() == .origin)
    #expect(node.core.counters.coordinateResets == 1)
    #expect(node.diagnostics.contains { if case .coordinateReset(after: "a") = $0 { true } else { false } })
    #expect(try ownPayload(node) == payload(.origin))
  }

  @Test("with coordinates off the node neither sends nor keeps any, and says so when it is asked")
  func off() throws {
    let node = try Self.probing { $0.coordinates.isEnabled = false }
    #expect(try ownPayload(node)?.isEmpty ?? true)
    node.meet("a")
    try answer(node, with: payload(try .at(0.01)))
    try answer(node, with: payload(vector: [.nan]))
    #expect(try ownPayload(node)?.isEmpty ?? true)
    #expect(throws: SerfCoreError.coordinatesOff) { try node.core.coordinate() }
    #expect(throws: SerfCoreError.coordinatesOff) { try node.core.cachedCoordinate(of: "a") }
    #expect(throws: SerfCoreError.coordinatesOff) { try node.core.roundTripEstimate(from: "a", to: "me") }
    #expect(node.core.counters.coordinatesRejected == 0 && problems(node).isEmpty)
  }
}
