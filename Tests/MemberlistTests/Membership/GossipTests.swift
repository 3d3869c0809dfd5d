import Memberlist
import SerfPrimitives
import SerfWire
import Testing

@Suite struct GossipTests {
  private func subject(_ configure: (inout Subject.Setup) -> Void = { _ in }) -> Subject {
    Subject {
      $0.probe.interval = .zero
      $0.pushPull.interval = .zero
      configure(&$0)
    }
  }

  private func broadcast(_ subject: Subject, _ bytes: [UInt8], _ tier: BroadcastTier = .event, id: BroadcastID? = nil) {
    subject.input { membership, now in membership.broadcast(bytes.span.bytes, tier: tier, id: id, at: now) }
  }

  @Test("each round sends a packet with a checksum to three members, each with news of its own count")
  func round() throws {
    let subject = subject()
    for name in ["a", "b", "c", "d", "e"] { subject.alive(NodeName(name), 1) }
    subject.sent = []
    let first = try #require(subject.pass(untilSent: { _ in true }))
    #expect(first.messages.count == 6)
    #expect(subject.sent.count == 3)
    #expect(Set(subject.sent.map(\.to)).count == 3)
    #expect(subject.sent.allSatisfy { $0.checksummed && $0.path == .warm && $0.id == nil })
    // Six nodes: twelve transmissions of each, three of them in each round.
    subject.pass(.milliseconds(200))
    #expect(subject.sent.count == 6)
    subject.pass(.seconds(10))
    #expect(subject.sent.count == 12, "nothing is left to tell")
  }

  @Test("a round out of turn replaces the next one: there is one loop")
  func roundOutOfTurn() {
    let subject = subject { $0.gossip.retransmitMultiplier = 1000 }
    subject.alive("a", 1)
    for milliseconds in [70, 20, 50] {
      subject.input { membership, now in membership.scheduleGossip(at: now + .milliseconds(milliseconds)) }
    }
    subject.sent = []
    subject.pass(.milliseconds(49))
    #expect(subject.sent.isEmpty)
    subject.pass(.milliseconds(1) + subject.membership.configuration.gossip.interval * 9)
    #expect(subject.sent.count == 10)
  }

  @Test("no checksum for members that do not read it")
  func noChecksum() {
    let subject = subject()
    var versions = ProtocolVersions.current
    versions.protocolMaximum = 4
    subject.alive("a", 1, versions: versions)
    subject.sent = []
    #expect(subject.pass(untilSent: { _ in true })?.checksummed == false)
  }

  @Test("dead members get gossip for a while, those that left never do")
  func dead() {
    let subject = subject { $0.gossip.deadMemberDuration = .seconds(30) }
    subject.alive("a", 1)
    subject.dead("a", 1, by: "b")
    subject.sent = []
    subject.pass(.seconds(5))
    #expect(subject.sent.allSatisfy { $0.to == .member("a", Subject.address("a")) })
    #expect(!subject.sent.isEmpty)
    subject.pass(.seconds(26))
    subject.sent = []
    broadcast(subject, [1])
    subject.pass(.seconds(5))
    #expect(subject.sent.isEmpty)
    subject.alive("c", 1)
    subject.left("c", 1)
    subject.pass(.seconds(5))
    #expect(subject.sent.isEmpty)
  }

  @Test("a message of the layer above travels behind a type byte, and its end is reported")
  func user() throws {
    let subject = subject()
    subject.alive("a", 1)
    subject.pass(.seconds(5))
    subject.sent = []
    broadcast(subject, [9, 8, 7], .intent, id: BroadcastID(77))
    let packet = try #require(subject.pass(untilSent: { _ in true }))
    #expect(packet.bytes == [8, 9, 8, 7], "alone it goes bare")
    subject.pass(.seconds(1))
    #expect(subject.sent.count == 4, "two nodes: four transmissions")
    #expect(subject.finished == [BroadcastID(77)])
  }

  @Test("intents go before queries, queries before events, updates about members before all")
  func order() throws {
    let subject = subject()
    subject.alive("a", 1)
    broadcast(subject, [3, 3, 3, 3], .event)
    broadcast(subject, [2, 2, 2], .query)
    broadcast(subject, [1, 1], .intent)
    subject.sent = []
    let packet = try #require(subject.pass(untilSent: { _ in true }))
    #expect(packet.messages == ["alive me 1", "alive a 1", "user 2 bytes", "user 3 bytes", "user 4 bytes"].sortedLike(packet.messages))
    #expect(packet.messages.suffix(3) == ["user 2 bytes", "user 3 bytes", "user 4 bytes"])
  }

  @Test("no packet is larger than its budget, none has more than 127 parts", arguments: [100, 300, 1160, 1395, 4000])
  func budget(budget: Int) {
    let subject = subject {
      $0.transport.packetBudget = budget
      $0.limits.queuedBroadcasts = 10_000
    }
    var random = SeededRandom(seed: UInt64(budget))
    for number in 0..<300 { subject.alive(NodeName("node-\(number)"), 1, address: NodeAddress(ipv4: 1, 1, 1, 1, port: UInt16(number + 1))) }
    for _ in 0..<1000 { broadcast(subject, Array(repeating: 7, count: 1 + random.below(60))) }
    subject.sent = []
    subject.pass(.seconds(20))
    for number in 0..<20 as Range<UInt32> { subject.receive(Message.ping(number, to: "me"), from: Subject.peer("a")) }
    #expect(subject.sent.count > 100)
    var most = 0
    for packet in subject.sent {
      #expect(packet.bytes.count <= budget)
      #expect(packet.messages.count <= 127)
      #expect(!packet.messages.contains { $0.hasPrefix("unreadable") })
      most = max(most, packet.bytes.count)
    }
    #expect(most > budget * 3 / 4, "and packets are filled")
  }

  @Test("a flood of updates about members leaves a share to the layer above")
  func share() throws {
    let subject = subject()
    for number in 0..<200 { subject.alive(NodeName("node-\(number)"), 1, address: NodeAddress(ipv4: 1, 1, 1, 1, port: UInt16(number + 1))) }
    for _ in 0..<50 { broadcast(subject, Array(repeating: 7, count: 20)) }
    subject.sent = []
    let packet = try #require(subject.pass(untilSent: { _ in true }))
    let users = packet.messages.filter { $0.hasPrefix("user") }.count
    #expect(users >= 10)
    #expect(packet.messages.count - users >= 10)
  }

  @Test("what fits no packet goes alone where the transport can carry it, else it waits", arguments: [true, false])
  func oversized(isSent: Bool) {
    let subject = subject { $0.transport.carriesOversizedPackets = isSent }
    subject.alive("a", 1)
    subject.pass(.seconds(5))
    subject.sent = []
    broadcast(subject, Array(repeating: 7, count: 3000), id: BroadcastID(1))
    broadcast(subject, [1, 2])
    subject.pass(.seconds(5))
    #expect(subject.sent.filter { $0.messages == ["user 2 bytes"] }.count == 4)
    #expect(subject.sent.filter { $0.messages == ["user 3000 bytes"] }.count == (isSent ? 4 : 0))
    #expect(subject.finished == (isSent ? [BroadcastID(1)] : []))
  }

  @Test("a full queue drops what was sent most, counts it and tells its waiter")
  func full() {
    let subject = subject { $0.limits.queuedBroadcasts = 10 }
    for number in 0..<15 as Range<UInt64> { broadcast(subject, [UInt8(number)], id: BroadcastID(number)) }
    #expect(subject.membership.queueDepth(.event) == 10)
    #expect(subject.counters.broadcastsDropped == 5)
    #expect(subject.finished == (0..<5).map { BroadcastID($0) })
    #expect(subject.limits.allSatisfy { $0 == .queuedBroadcasts })
  }

  @Test("a queue full of what fits no packet does not keep new messages out")
  func fullOfOversized() {
    let subject = subject { $0.limits.queuedBroadcasts = 10 }
    subject.alive("a", 1)
    subject.pass(.seconds(5))
    let room = subject.membership.transport.packetBudget
    for number in 0..<10 as Range<UInt64> { broadcast(subject, [UInt8](repeating: 1, count: room), id: BroadcastID(number)) }
    subject.sent = []
    broadcast(subject, [7], id: BroadcastID(99))
    #expect(subject.finished.count == 1 && !subject.finished.contains(BroadcastID(99)))
    subject.pass(.seconds(5))
    #expect(subject.sent.contains { $0.bytes == [MessageType.user.rawValue, 7] })
  }

  @Test("the layer above may know more members, and counts transmissions on them")
  func applicationCount() {
    let subject = subject()
    subject.alive("a", 1)
    subject.pass(.seconds(5))
    subject.membership.applicationMemberCount = 1000
    subject.sent = []
    broadcast(subject, [1])
    subject.pass(.seconds(5))
    #expect(subject.sent.count == 16)
  }

  @Test("a user message in a packet or on a stream is handed up; an empty one on a stream is not")
  func received() {
    let subject = subject()
    subject.receive([8, 1, 2, 3], from: Subject.peer("a"))
    var stream: [UInt8] = []
    UserMessageHeader(length: 2).encode(into: &stream)
    let whole = stream + [5, 6]
    subject.input { $0.exchangeReceived(ExchangeID(1 << 63), message: whole.span.bytes, from: Subject.peer("a"), at: $1) }
    stream = []
    UserMessageHeader(length: 0).encode(into: &stream)
    subject.input { $0.exchangeReceived(ExchangeID(1 << 63 + 1), message: stream.span.bytes, from: Subject.peer("a"), at: $1) }
    #expect(subject.userMessages == [[1, 2, 3], [5, 6]])
    // The layer above ends the other exchange, with an answer or without one.
    #expect(subject.answers.count == 1)
    subject.input { membership, _ in membership.endUserExchange(ExchangeID(1 << 63)) }
    #expect(subject.answers.count == 2)
  }

  @Test("a user message goes out alone, to a member with a checksum, or on a stream")
  func direct() {
    let subject = subject()
    subject.alive("a", 1)
    subject.sent = []
    let message: [UInt8] = [1, 2]
    subject.input { membership, _ in membership.sendUserMessage(message.span.bytes, to: .member("a", Subject.address("a"))) }
    subject.input { membership, _ in membership.sendUserMessage(message.span.bytes, to: .anyMember(Subject.address("a"))) }
    #expect(subject.sent.map(\.bytes) == [[8, 1, 2], [8, 1, 2]])
    #expect(subject.sent.map(\.checksummed) == [true, false])
    subject.input { membership, now in
      _ = membership.sendUserMessageReliably(message.span.bytes, to: .member("a", Subject.address("a")), at: now)
    }
    #expect(subject.opened.last?.bytes.suffix(2) == [1, 2])
    #expect(subject.opened.last?.bytes.first == 8)
  }
}

extension [String] {
  /// The same strings in the order in which `other` has them.
  func sortedLike(_ other: [String]) -> [String] { sorted { (other.firstIndex(of: $0) ?? .max) < (other.firstIndex(of: $1) ?? .max) } }
}
