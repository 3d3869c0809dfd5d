import Memberlist
import SerfPrimitives
import SerfWire
import Testing

@Suite struct ProbeTests {
  /// Members whose probes the test answers or not; no gossip.
  private func subject(_ names: [NodeName], _ configure: (inout Subject.Setup) -> Void = { _ in }) -> Subject {
    let subject = Subject {
      $0.gossip.interval = .zero
      $0.pushPull.interval = .zero
      configure(&$0)
    }
    for name in names { subject.alive(name, 1) }
    // Queued updates would go with the pings.
    for _ in 0..<10 { _ = subject.news() }
    subject.sent = []
    subject.events = []
    return subject
  }

  /// Lets time pass until the next ping. Returns its number.
  private func nextPing(_ subject: Subject) throws -> UInt32 {
    let packet = try #require(subject.pass(untilSent: { $0.messages.first?.hasPrefix("ping") == true }))
    return try #require(UInt32(packet.messages[0].split(separator: " ")[2]))
  }

  private func versions(maximum: UInt8) -> ProtocolVersions {
    ProtocolVersions(
      protocolMinimum: 1, protocolMaximum: maximum, protocolCurrent: 2, delegateMinimum: 2, delegateMaximum: 5, delegateCurrent: 5)
  }

  @Test("a member that answers stays alive; the round trip and the ack's payload are reported")
  func answered() throws {
    let subject = subject(["a"])
    let number = try nextPing(subject)
    #expect(subject.sent.last?.to == .member("a", Subject.address("a")))
    subject.now += .milliseconds(20)
    subject.receive(Message.ack(number, payload: [1, 2]), from: Subject.peer("a"))
    #expect(subject.acks.count == 1)
    #expect(subject.acks.first?.name == "a")
    #expect(subject.acks.first?.roundTrip == .milliseconds(20))
    #expect(subject.acks.first?.payload == [1, 2])
    subject.pass(.milliseconds(900))
    #expect(subject.state("a") == .alive)
    #expect(subject.opened.isEmpty, "nobody else was asked")
  }

  @Test("one member a tick, at most one probe at a time")
  func oneAtATime() throws {
    let subject = subject(["a", "b", "c"]) { $0.probe.usesReliablePing = false }
    _ = try nextPing(subject)
    let start = subject.now
    subject.sent = []
    subject.pass(.milliseconds(999))
    #expect(!subject.sent.contains { $0.messages.contains { $0.hasPrefix("ping") } })
    _ = try nextPing(subject)
    #expect(subject.now - start == .seconds(1), "the failed probe ends before the next begins")
  }

  @Test("a silent member: helpers are asked after the timeout, then it is suspected at the incarnation probed")
  func silent() throws {
    let subject = subject(["a", "b", "c", "d", "e"])
    let number = try nextPing(subject)
    guard case .member(let target, _) = subject.sent.last?.to else { return #expect(Bool(false)) }
    let start = subject.now
    subject.sent = []
    let indirect = try #require(subject.pass(untilSent: { $0.messages.first?.hasPrefix("indirect") == true }))
    #expect(subject.now - start == .milliseconds(500))
    #expect(indirect.messages[0] == "indirect ping \(target) \(number) nack")
    let helpers = subject.sent.map(\.to)
    #expect(helpers.count == 3 && Set(helpers).count == 3)
    #expect(!helpers.contains(.member(target, Subject.address(target))))
    let reliable = try #require(subject.opened.first)
    #expect(reliable.to == .member(target, Subject.address(target)))
    #expect(reliable.deadline == start + .seconds(1))
    #expect(Subject.describe(reliable.bytes) == ["ping \(target) \(number)"])
    subject.pass(.milliseconds(499))
    #expect(subject.state(target) == .alive)
    subject.pass(.milliseconds(1))
    #expect(subject.state(target) == .suspect)
    #expect(subject.news().contains("suspect \(target) 1 by me"))
  }

  @Test("an ack through a helper counts, without a round trip")
  func relayed() throws {
    let subject = subject(["a", "b", "c"])
    let number = try nextPing(subject)
    subject.pass(.milliseconds(600))
    subject.receive(Message.ack(number), from: Subject.peer("b"))
    subject.pass(.milliseconds(390))
    #expect(subject.counters.suspicions == 0)
    #expect(subject.acks.isEmpty)
  }

  @Test("an ack after the probe's end rescues no member")
  func late() throws {
    let subject = subject(["a"]) { $0.probe.usesReliablePing = false }
    let number = try nextPing(subject)
    subject.pass(.seconds(1))
    #expect(subject.state("a") == .suspect)
    subject.receive(Message.ack(number), from: Subject.peer("a"))
    #expect(subject.state("a") == .suspect)
    #expect(subject.counters.strayAcks == 1)
  }

  @Test("an ack to the reliable ping keeps the member alive")
  func reliable() throws {
    let subject = subject(["a"])
    let number = try nextPing(subject)
    subject.pass(.milliseconds(600))
    let exchange = try #require(subject.opened.first)
    let ack = Message.ack(number)
    subject.input { $0.exchangeCompleted(exchange.id, reply: ack.span.bytes, from: Subject.peer("a"), at: $1) }
    subject.pass(.milliseconds(400))
    #expect(subject.state("a") == .alive)
    #expect(subject.score == 0)
  }

  @Test("a reliable ping answered with another number or another message does not count", arguments: [true, false])
  func unreliable(isAck: Bool) throws {
    let subject = subject(["a"])
    let number = try nextPing(subject)
    subject.pass(.milliseconds(600))
    let exchange = try #require(subject.opened.first)
    let reply = isAck ? Message.ack(number + 1) : Message.alive("a", 1)
    subject.input { $0.exchangeCompleted(exchange.id, reply: reply.span.bytes, from: Subject.peer("a"), at: $1) }
    subject.pass(.milliseconds(400))
    #expect(subject.state("a") == .suspect)
  }

  @Test("members of old protocols get no reliable ping and owe no nack", arguments: [(2, 0, 0), (3, 1, 0), (4, 1, 1), (5, 1, 1)])
  func versions(maximum: Int, reliablePings: Int, nacks: Int) throws {
    let subject = subject([])
    subject.alive("a", 1, versions: versions(maximum: UInt8(maximum)))
    subject.alive("b", 1, versions: versions(maximum: UInt8(maximum)))
    for _ in 0..<10 { _ = subject.news() }
    subject.sent = []
    _ = try nextPing(subject)
    subject.sent = []
    subject.pass(.milliseconds(500))
    #expect(subject.opened.count == reliablePings)
    #expect(subject.sent.flatMap(\.messages).filter { $0.hasSuffix("nack") }.count == nacks)
  }

  @Test("a suspect gets the accusation in the packet of its ping, and nothing else")
  func buddy() throws {
    let subject = subject(["a", "b", "c", "d"]) { $0.probe.usesReliablePing = false }
    subject.suspect("a", 4, by: "b")
    subject.alive("c", 2)
    let packet = try #require(
      subject.pass(untilSent: { $0.to == .member("a", Subject.address("a")) && $0.messages.first?.hasPrefix("ping") == true }))
    #expect(packet.messages.count == 2)
    #expect(packet.messages.last == "suspect a 4 by me")
    #expect(packet.checksummed, "the member's versions are at hand")
  }

  @Test("an accused that is asked in the same packet answers with its refutation")
  func buddyAnswer() {
    let subject = subject([])
    subject.receive(
      Message.compound(Message.ping(7, to: "me", from: "b", at: Subject.address("b")), Message.suspect("me", 1, by: "b")),
      from: Subject.peer("b"))
    #expect(subject.sent.map(\.messages) == [["ack 7", "alive me 2"]])
  }

  // MARK: Awareness

  @Test("a failed probe costs the nacks that did not come, one without helpers costs one")
  func nacks() throws {
    for received in 0...3 {
      let subject = subject(["a", "b", "c", "d"])
      let number = try nextPing(subject)
      guard case .member(let target, _) = subject.sent.last?.to else { return #expect(Bool(false)) }
      subject.pass(.milliseconds(500))
      let helpers = ["a", "b", "c", "d"].map { NodeName($0) }.filter { $0 != target }
      // A flood of nacks from one helper is one nack.
      for helper in helpers.prefix(received) {
        for _ in 0..<3 { subject.receive(Message.nack(number), from: Subject.peer(helper)) }
      }
      subject.pass(.milliseconds(500))
      #expect(subject.state(target) == .suspect)
      #expect(subject.score == 3 - received)
      #expect(subject.counters.strayNacks == UInt64(2 * received))
    }
    let alone = subject(["a"])
    _ = try nextPing(alone)
    alone.pass(.seconds(1))
    #expect(alone.score == 1)
  }

  @Test("a node that doubts itself probes more slowly; a success reduces the doubt")
  func degraded() throws {
    let subject = subject(["a", "b"]) { $0.probe.usesReliablePing = false }
    subject.suspect("me", 1, by: "b")
    #expect(subject.score == 1)
    for _ in 0..<10 { _ = subject.news() }
    subject.sent = []
    let number = try nextPing(subject)
    let start = subject.now
    subject.pass(.milliseconds(1_900))
    #expect(subject.counters.suspicions == 0)
    subject.receive(Message.ack(number), from: Subject.peer("a"))
    #expect(subject.score == 0)
    #expect(subject.now - start == .milliseconds(1_900))
    #expect(subject.counters.suspicions == 0)
  }

  // MARK: Sending

  @Test("a packet that we could not send accuses no member, and makes us doubt ourselves")
  func notSent() throws {
    let subject = subject(["a"])
    _ = try nextPing(subject)
    let id = try #require(subject.sent.last?.id)
    subject.input { $0.packetNotSent(id, reason: .notSent, at: $1) }
    #expect(subject.score == 1)
    subject.pass(.milliseconds(999))
    #expect(subject.state("a") == .alive)
    #expect(subject.counters.probesNotSent == 1)
  }

  @Test("a member that cannot be contacted is asked for through others at once, without reward for us")
  func noContact() throws {
    let subject = subject(["a", "b"])
    let number = try nextPing(subject)
    let id = try #require(subject.sent.last?.id)
    subject.suspect("me", 1, by: "b")
    #expect(subject.score == 1)
    subject.sent = []
    subject.input { $0.packetNotSent(id, reason: .noContact, at: $1) }
    #expect(subject.sent.contains { $0.messages.first?.hasPrefix("indirect") == true })
    subject.receive(Message.ack(number), from: Subject.peer("b"))
    #expect(subject.score == 1)
  }

  @Test("an indirect ping that was not sent does not count as a missed nack")
  func indirectNotSent() throws {
    let subject = subject(["a", "b"])
    _ = try nextPing(subject)
    subject.sent = []
    subject.pass(.milliseconds(500))
    let id = try #require(subject.sent.first { $0.messages.first?.hasPrefix("indirect") == true }?.id)
    subject.input { $0.packetNotSent(id, reason: .notSent, at: $1) }
    subject.pass(.milliseconds(500))
    #expect(subject.counters.suspicions == 1)
    #expect(subject.score == 1, "as if nobody had been asked")
  }

  // MARK: The target changes meanwhile

  @Test("a member that refuted, left, or moved during its probe is not punished for it", arguments: ["refuted", "left", "moved"])
  func changed(how: String) throws {
    let subject = subject(["a"])
    _ = try nextPing(subject)
    subject.pass(.milliseconds(600))
    switch how {
    case "refuted": subject.alive("a", 2)
    case "left": subject.left("a", 1)
    default:
      subject.left("a", 1)
      subject.alive("a", 2, address: NodeAddress(ipv4: 10, 9, 9, 9, port: 1))
    }
    subject.pass(.milliseconds(400))
    #expect(subject.counters.suspicions == 0)
    #expect(subject.state("a") == (how == "left" ? .left : .alive))
  }

  @Test("a helper is not chosen twice for one address")
  func sameAddress() throws {
    let subject = subject(["a"])
    for name in ["b", "c", "d"] as [NodeName] { subject.alive(name, 1, address: NodeAddress(ipv4: 10, 5, 5, 5, port: 7)) }
    for _ in 0..<10 { _ = subject.news() }
    subject.sent = []
    while true {
      _ = try nextPing(subject)
      if subject.sent.last?.to == .member("a", Subject.address("a")) { break }
      if let number = subject.sent.last?.messages.first?.split(separator: " ").last {
        subject.receive(Message.ack(UInt32(number) ?? 0), from: Subject.peer("b"))
      }
    }
    subject.sent = []
    subject.pass(.milliseconds(500))
    #expect(subject.sent.filter { $0.messages.first?.hasPrefix("indirect") == true }.count == 1)
  }

  @Test("a node that stood still does not blame the member it was probing")
  func stalled() throws {
    let subject = subject(["a"])
    _ = try nextPing(subject)
    subject.now += .seconds(30)
    subject.input { $0.advance(to: $1) }
    #expect(subject.state("a") == .alive)
    #expect(subject.score == 1)
    #expect(subject.counters.probesStalled == 1)
  }

  @Test("a tiny probe interval does not cause instant deaths")
  func tiny() {
    let subject = subject(["a"]) {
      $0.probe.interval = .microseconds(500)
      $0.probe.timeout = .milliseconds(500)
      $0.probe.usesReliablePing = false
    }
    subject.pass(.milliseconds(1))
    #expect(subject.state("a") == .suspect)
    #expect(subject.events.isEmpty)
    subject.pass(.milliseconds(10))
    #expect(subject.events == ["a dead"])
  }

  @Test("a member that was dead for long is forgotten, and the transport is told")
  func forget() {
    let subject = subject(["a", "b"])
    subject.dead("a", 1, by: "b")
    subject.pass(.seconds(29))
    #expect(subject.state("a") == .dead)
    subject.pass(.seconds(10))
    #expect(subject.state("a") == nil)
    #expect(subject.forgotten.contains("a"))
  }
}
