import Memberlist
import SerfPrimitives
import Testing

/// A node that is late with its own work, on a transport where a new connection costs a handshake (`secure-transport.md` 2.3).
@Suite struct LateNodeTests {
  private func subject(_ names: [NodeName], isWarm: Bool = true, _ configure: (inout Subject.Setup) -> Void = { _ in }) -> Subject {
    var interval = Duration.zero
    let subject = Subject {
      $0.transport.provesNames = true
      $0.gossip.interval = .zero
      $0.pushPull.interval = .zero
      $0.probe.usesReliablePing = false
      configure(&$0)
      interval = $0.probe.interval
    }
    for name in names {
      subject.alive(name, 1, from: Subject.proven(name))
      subject.membership.setWarm(name, isWarm)
    }
    // For that time no member is dialled for a probe.
    if !isWarm { subject.pass(interval * 10) }
    subject.sent = []
    return subject
  }

  /// Lets the next probe begin. Returns its number.
  private func probe(_ subject: Subject) throws -> UInt32 {
    let packet = try #require(subject.pass(untilSent: { $0.messages.first?.hasPrefix("ping") == true }))
    return try #require(UInt32(packet.messages[0].split(separator: " ")[2]))
  }

  /// Lets the probe's last timer fire `late`, without an answer.
  private func stand(_ subject: Subject, _ late: Duration) {
    subject.pass(.milliseconds(600))
    subject.now += .milliseconds(400) + late
    subject.input { $0.advance(to: $1) }
  }

  @Test("an answer that was in the socket in time counts, although the verdict is due before it is read")
  func answerInSocket() throws {
    let subject = subject(["a"])
    let number = try probe(subject)
    stand(subject, .milliseconds(100))
    #expect(subject.state("a") == .alive)
    subject.receive(Message.ack(number), from: Subject.proven("a"))
    subject.pass(.milliseconds(200))
    #expect(subject.state("a") == .alive)
    #expect(subject.counters.strayAcks == 0)
  }

  @Test("a node that is a little late accuses after it has read what had arrived")
  func secondLook() throws {
    let subject = subject(["a"])
    _ = try probe(subject)
    stand(subject, .milliseconds(100))
    subject.pass(.milliseconds(100))
    #expect(subject.state("a") == .suspect)
  }

  @Test("a node that is later than half of the probe timeout accuses no member, and doubts itself")
  func tooLate() throws {
    let subject = subject(["a"])
    _ = try probe(subject)
    stand(subject, .milliseconds(300))
    subject.pass(.milliseconds(300))
    #expect(subject.state("a") == .alive)
    #expect(subject.counters.probesStalled == 1 && subject.score == 1)
  }

  @Test("a node that stood still for a minute finds dead members again within seconds", arguments: [true, false])
  func longPause(isWarm: Bool) {
    let names = (0..<4).map { NodeName("n\($0)") }
    let subject = subject(names, isWarm: isWarm)
    subject.now += .seconds(60)
    subject.input { $0.advance(to: $1) }
    // Alone with four silent members it doubts itself more with each, and twenty seconds may pass before it begins a dial.
    subject.pass(.seconds(isWarm ? 30 : 90))
    #expect(names.allSatisfy { subject.state($0) != .alive })
  }

  @Test("a node that is always late accuses in the end, when it has given the longest time that it can")
  func alwaysLate() throws {
    let subject = subject(["a"])
    for _ in 0..<600 where subject.state("a") == .alive {
      let due = try #require(subject.nextDeadline)
      subject.now = max(subject.now, due) + .milliseconds(300)
      subject.input { $0.advance(to: $1) }
    }
    #expect(subject.state("a") == .suspect)
    #expect(subject.counters.probesStalled >= 7 && subject.score == 7)
  }

  @Test("timers that fire a few milliseconds late cost no turn")
  func slightlyLate() throws {
    let subject = subject((0..<40).map { NodeName("n\($0)") })
    func pass(untilProbe number: UInt64) throws {
      while subject.counters.probes < number {
        let due = try #require(subject.nextDeadline)
        subject.now = due + .milliseconds(2)
        subject.input { $0.advance(to: $1) }
      }
    }
    try pass(untilProbe: 1)
    let begun = subject.now
    try pass(untilProbe: 2)
    #expect(subject.counters.suspicions == 1 && subject.now - begun < .milliseconds(1100))
  }

  @Test("the next probe of a late node waits longer by what it is late, twice for the ack and twice for the helpers")
  func stretched() throws {
    let subject = subject(["a"])
    let tick = try #require(subject.nextDeadline)
    subject.now = tick + .milliseconds(100)
    subject.input { $0.advance(to: $1) }
    #expect(subject.sent.last?.messages.first?.hasPrefix("ping") == true)
    subject.pass(.milliseconds(1399))
    #expect(subject.state("a") == .alive)
    subject.pass(.milliseconds(2))
    #expect(subject.state("a") == .suspect)
  }

  @Test("a member without a connection is probed by a dial, and the connection is the answer; others are probed meanwhile")
  func probedByDial() throws {
    let subject = subject(["a", "b"], isWarm: false)
    subject.membership.setWarm("b", true)
    let isPing = { (sent: Subject.Sent) in sent.messages.first?.hasPrefix("ping a") == true }
    let packet = try #require(subject.pass(untilSent: isPing))
    var answered: Set<String> = []
    for _ in 0..<40 {
      subject.pass(.milliseconds(100))
      for message in subject.sent.filter({ $0.to == .member("b", Subject.address("b")) }).flatMap(\.messages)
      where message.hasPrefix("ping") && answered.insert(message).inserted {
        subject.receive(Message.ack(try #require(UInt32(message.split(separator: " ")[2]))), from: Subject.proven("b"))
      }
    }
    #expect(answered.count >= 3)
    #expect(subject.sent.filter(isPing).count == 1, "one dial is enough")
    let id = try #require(packet.id)
    subject.membership.setWarm("a", true)
    subject.input { $0.packetDelayed(id, at: $1) }
    #expect(subject.state("a") == .alive)
    // From now on it is probed like any other member.
    #expect(subject.pass(untilSent: isPing) != nil)
    subject.pass(.milliseconds(1001))
    #expect(subject.state("a") == .suspect)
  }

  @Test("a member is not dialled for a probe in its first ten probe intervals, nor after it has refuted")
  func newcomer() {
    let subject = subject(["a"], isWarm: false)
    #expect(subject.counters.probes == 0 && subject.counters.probesPassed > 4)
    subject.receive(Message.suspect("a", 1, by: "b"), from: Subject.proven("b"))
    subject.alive("a", 2)
    subject.sent = []
    subject.pass(.milliseconds(9900))
    #expect(subject.sent.isEmpty)
    subject.pass(.milliseconds(1200))
    #expect(subject.counters.probes == 1 && subject.sent.count == 1)
  }

  @Test("when the dial fails the member is probed in the usual way, and accused", arguments: [true, false])
  func dialFails(isToldEarly: Bool) throws {
    let subject = subject(["a"], isWarm: false)
    let packet = try #require(subject.pass(untilSent: { $0.to == .member("a", Subject.address("a")) }))
    let id = try #require(packet.id)
    if isToldEarly { subject.input { $0.packetNotSent(id, reason: .noContact, at: $1) } } else { subject.pass(.milliseconds(5500)) }
    #expect(subject.state("a") == .alive)
    #expect(subject.sent.count == 2, "a ping of the usual kind")
    subject.pass(.milliseconds(1001))
    #expect(subject.state("a") == .suspect)
    // It refutes through other members; then a dial is its probe again.
    subject.alive("a", 2)
    subject.pass(.seconds(4))
    #expect(subject.state("a") == .alive)
  }

  @Test("a dial that did not begin says nothing about the member, whose turn comes again")
  func notBegun() throws {
    let subject = subject(["a"], isWarm: false)
    let isPing = { (sent: Subject.Sent) in sent.to == .member("a", Subject.address("a")) }
    let packet = try #require(subject.pass(untilSent: isPing))
    let id = try #require(packet.id)
    subject.sent = []
    subject.input { $0.packetNotSent(id, reason: .notSent, at: $1) }
    #expect(subject.sent.isEmpty && subject.score == 1)
    #expect(subject.pass(untilSent: isPing) != nil)
    subject.pass(.milliseconds(1500))
    #expect(subject.state("a") == .alive, "it has the time of a dial again")
  }

  @Test("members that a peer makes us ask out of turn get half of the places for dials")
  func urgentDials() {
    let names = (0..<12).map { NodeName("n\($0)") }
    let subject = subject(names, isWarm: false)
    subject.membership.setWarm("n11", true)
    let before = subject.counters.probes
    for name in names.prefix(8) { subject.receive(Message.suspect(name, .max, by: "n11"), from: Subject.proven("n11")) }
    #expect(subject.counters.probes - before <= 3)
    #expect(names.allSatisfy { subject.state($0) == .alive })
  }

  @Test("six dials at once are probes, and the turns of further members pass: dead ones are still found")
  func manyDials() {
    let names = (0..<12).map { NodeName("n\($0)") }
    let subject = subject(names, isWarm: false) { $0.probe.interval = .milliseconds(500) }
    let passed = subject.counters.probesPassed
    subject.pass(.milliseconds(5400))
    #expect(subject.counters.probes == 6 && subject.counters.probesPassed > passed)
    #expect(subject.counters.suspicions == 0)
    // With no other member to ask, it doubts itself more with each one that does not answer.
    subject.pass(.seconds(120))
    #expect(names.allSatisfy { subject.state($0) != .alive })
  }

  @Test("a node that is late dials a member for a probe only now and then, forty times as late as it is itself")
  func lateDials() throws {
    let subject = subject((0..<40).map { NodeName("n\($0)") }, isWarm: false)
    let passed = subject.counters.probesPassed
    for _ in 0..<24 {
      // Each timer fires a tenth of a second late, and each dial is answered at once.
      let due = try #require(subject.nextDeadline)
      subject.now = due + .milliseconds(100)
      subject.input { $0.advance(to: $1) }
      for packet in subject.sent { if let id = packet.id { subject.input { $0.packetDelayed(id, at: $1) } } }
      subject.sent = []
    }
    #expect((4...8).contains(subject.counters.probes), "\(subject.counters.probes) in some 25 s")
    #expect(subject.counters.probesPassed - passed > 12)
  }

  @Test("a member that speaks while its ack is missing is neither dialled again nor accused")
  func heard() throws {
    let subject = subject(["a", "b"])
    let packet = try #require(subject.pass(untilSent: { $0.messages.first?.hasPrefix("ping") == true }))
    guard case .member(let target, _) = packet.to else {
      Issue.record("a probe goes to a member")
      return
    }
    subject.pass(.milliseconds(100))
    subject.receive(Message.ping(7, to: "me"), from: Subject.proven(target))
    subject.pass(.milliseconds(900))
    #expect(subject.sent.filter { $0.path != .warm }.isEmpty)
    #expect(subject.state(target) == .alive)
    #expect(subject.counters.probesHeard == 1)
  }

  @Test("a suspect that speaks is asked again instead of being declared dead; one that is silent is not")
  func suspectSpeaks() throws {
    let subject = subject(["a", "b", "c", "d"])
    for name in ["a", "b"] as [NodeName] { subject.receive(Message.suspect(name, 1, by: "c"), from: Subject.proven("c")) }
    subject.pass(.milliseconds(10))
    // It sends pings, and does not hear that it is suspected.
    for _ in 0..<40 {
      subject.receive(Message.ping(7, to: "me"), from: Subject.proven("a"))
      subject.pass(.seconds(1))
    }
    #expect(subject.state("a") == .suspect)
    #expect(subject.state("b") == .dead)
    // Then it crashes.
    subject.pass(.seconds(3))
    #expect(subject.state("a") == .dead)
  }

  @Test("an accusation of a suspect that has just spoken does not end its time")
  func voiceAfterSpeaking() {
    let subject = subject(["a", "b", "c", "d", "e"])
    subject.receive(Message.suspect("a", 1, by: "b"), from: Subject.proven("b"))
    // Without further accusers it has 24 s.
    subject.pass(.milliseconds(23_900))
    subject.receive(Message.ping(7, to: "me"), from: Subject.proven("a"))
    subject.pass(.milliseconds(200))
    #expect(subject.state("a") == .suspect)
    subject.receive(Message.suspect("a", 1, by: "c"), from: Subject.proven("c"))
    subject.pass(.milliseconds(700))
    #expect(subject.state("a") == .suspect)
    subject.pass(.milliseconds(300))
    #expect(subject.state("a") == .dead)
  }

  @Test("helpers are asked on existing connections, and use those that they have")
  func helpers() throws {
    let subject = subject((0..<20).map { NodeName("n\($0)") }, isWarm: false) { $0.probe.indirectChecks = 3 }
    let warm = (0..<4).map { NodeName("n\($0)") }
    for name in warm { subject.membership.setWarm(name, true) }
    let packet = try #require(subject.pass(untilSent: { $0.messages.first?.hasPrefix("ping") == true }))
    subject.pass(.milliseconds(900))
    let asked = subject.sent.filter { $0.messages.first?.hasPrefix("indirect") == true }.map(\.to)
    #expect(asked.count == 3 && !asked.contains(packet.to))
    #expect(asked.allSatisfy { to in warm.contains { to == .member($0, Subject.address($0)) } })
    subject.sent = []
    subject.receive(Message.indirectPing(1, to: "n1", target: Subject.address("n1"), from: "n0"), from: Subject.proven("n0"))
    subject.pass(.milliseconds(400))
    #expect(subject.sent.filter { $0.to == .member("n1", Subject.address("n1")) }.allSatisfy { $0.path == .warm })
  }

  @Test("gossip dials members until it has ln n + 4 of them, and dead ones all the time")
  func gossipDials() {
    let names = (0..<40).map { NodeName("n\($0)") }
    let subject = subject(names, isWarm: false) {
      $0.gossip.interval = .milliseconds(200)
      $0.probe.interval = .zero
    }
    func targets(_ seconds: Int) -> Set<Destination> {
      subject.sent = []
      for _ in 0..<seconds {
        subject.membership.broadcast([1, 2, 3].span.bytes, tier: .event, at: subject.now)
        subject.pass(.seconds(1))
      }
      return Set(subject.sent.map(\.to))
    }
    #expect(targets(20).count > 20)
    // ln 41 is 3.7.
    let warm = names[..<8]
    for name in warm { subject.membership.setWarm(name, true) }
    #expect(targets(20) == Set(warm.map { .member($0, Subject.address($0)) }))
    subject.receive(Message.dead("n30", 1, by: "n0"), from: Subject.proven("n0"))
    #expect(subject.state("n30") == .dead)
    #expect(targets(10).contains(.member("n30", Subject.address("n30"))))
  }
}
