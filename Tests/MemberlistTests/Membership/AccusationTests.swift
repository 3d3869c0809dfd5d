import Memberlist
import SerfPrimitives
import Testing

@Suite struct SuspectTests {
  @Test("an accusation of a stranger is ignored")
  func stranger() {
    let subject = Subject()
    subject.suspect("a", 1, by: "b")
    subject.dead("a", 1, by: "b")
    #expect(subject.membership.count == 1)
    #expect(subject.news() == ["alive me 1"])
  }

  @Test("a suspect that does not refute is dead when its time is over")
  func expiry() {
    let subject = Subject { $0.probe.interval = .zero }
    // The length of a suspicion depends on the probe interval. No probes run here, so the wait is zero.
    subject.alive("a", 1)
    subject.suspect("a", 1, by: "b")
    #expect(subject.state("a") == .suspect)
    #expect(subject.news() == ["alive me 1", "suspect a 1 by b"])
    subject.pass(.milliseconds(1))
    #expect(subject.state("a") == .dead)
    #expect(subject.events == ["a joined", "a dead"])
    #expect(subject.departed.map(\.name) == ["a"])
    #expect(subject.departed.first?.eventsBefore == 1, "the transport hears of it before the layer above")
    #expect(subject.news() == ["alive me 1", "dead a 1 by me"])
  }

  /// Ten members, so two confirmations are waited for: 4 s at least, 24 s at most.
  private func cluster() -> Subject {
    let subject = Subject { $0.gossip.interval = .zero }
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] { subject.alive(NodeName(name), 1) }
    subject.events = []
    return subject
  }

  /// When the member dies, if all its probes and those of the others are answered.
  private func death(of name: NodeName, in subject: Subject, within limit: Duration = .seconds(60)) -> Duration? {
    let start = subject.now
    let end = subject.now + limit
    var answered = subject.sent.count
    while let next = subject.membership.nextDeadline, next <= end {
      subject.now = max(subject.now, next)
      subject.input { $0.advance(to: $1) }
      while answered < subject.sent.count {
        for message in subject.sent[answered].messages where message.hasPrefix("ping") {
          let number = message.split(separator: " ")[2]
          if let number = UInt32(number) { subject.receive(Message.ack(number), from: Subject.peer("a")) }
        }
        answered += 1
      }
      if subject.state(name) == .dead { return subject.now - start }
    }
    return nil
  }

  @Test("no member confirms: the longest wait", arguments: [0, 1, 2, 3])
  func waits(confirmations: Int) {
    let subject = cluster()
    subject.suspect("a", 1, by: "b")
    for accuser in ["c", "d", "e"].prefix(confirmations) { subject.suspect("a", 1, by: NodeName(accuser)) }
    let expected: [Duration] = [.seconds(24), .milliseconds(11_381), .seconds(4), .seconds(4)]
    #expect(death(of: "a", in: subject) == expected[confirmations])
  }

  @Test("a confirmation that makes the suspicion overdue is the end at once")
  func overdue() {
    let subject = cluster()
    subject.suspect("a", 1, by: "b")
    _ = death(of: "a", in: subject, within: .milliseconds(11_380))
    subject.suspect("a", 1, by: "c")
    #expect(subject.state("a") == .suspect, "11.381 s is the time for one confirmation")
    subject.suspect("a", 1, by: "d")
    #expect(subject.state("a") == .dead)
    #expect(subject.events.last == "a dead")
    #expect(subject.news().contains("dead a 1 by me"))
  }

  @Test("a confirmation that is read after we stood still ends nothing, because the refutation may be behind it")
  func stalled() {
    let subject = cluster()
    subject.suspect("a", 1, by: "b")
    subject.now += .seconds(13)
    subject.suspect("a", 1, by: "c")
    subject.suspect("a", 1, by: "d")
    #expect(subject.state("a") == .suspect)
    subject.alive("a", 2)
    subject.pass(.milliseconds(1))
    #expect(subject.state("a") == .alive)
  }

  @Test("accepted confirmations are relayed as they came, repeated ones are not")
  func relay() {
    let subject = cluster()
    subject.suspect("a", 1, by: "b")
    #expect(subject.news().contains("suspect a 1 by b"))
    subject.suspect("a", 1, by: "b")
    #expect(subject.news().contains("suspect a 1 by b"))
    subject.suspect("a", 1, by: "c")
    #expect(subject.news().contains("suspect a 1 by c"))
    #expect(subject.counters.suspicionsConfirmed == 1)
    #expect(subject.counters.suspicions == 1)
  }

  @Test("an outdated accusation is ignored")
  func old() {
    let subject = Subject()
    subject.alive("a", 10)
    subject.suspect("a", 9, by: "b")
    subject.dead("a", 9, by: "b")
    #expect(subject.state("a") == .alive)
  }

  @Test("an accused refutes by raising its incarnation above the accusation's", arguments: [1, 7] as [UInt32])
  func refute(incarnation: UInt32) {
    let subject = Subject()
    subject.suspect("me", incarnation, by: "b")
    #expect(subject.state("me") == .alive)
    #expect(subject.incarnation("me") == incarnation + 1)
    #expect(subject.score == 1)
    #expect(subject.news() == ["alive me \(incarnation + 1)"])
  }

  @Test("one that is outdated needs no refutation")
  func outdated() {
    let subject = Subject()
    subject.suspect("me", 0, by: "b")
    subject.dead("me", 0, by: "b")
    #expect(subject.incarnation("me") == 1)
    #expect(subject.score == 0)
  }

  @Test("the incarnation saturates instead of beginning again")
  func saturation() {
    let subject = Subject()
    subject.suspect("me", .max - 1, by: "b")
    #expect(subject.incarnation("me") == .max)
    subject.dead("me", .max, by: "b")
    #expect(subject.incarnation("me") == .max)
    #expect(subject.state("me") == .alive)
    subject.suspect("me", .max - 1, by: "b")
    #expect(subject.incarnation("me") == .max)
  }

  @Test("an alive has to outdo the highest accusation ever heard")
  func highest() {
    let subject = Subject()
    subject.alive("a", 1)
    subject.suspect("a", 1, by: "b")
    subject.suspect("a", 5, by: "b")
    subject.alive("a", 3)
    #expect(subject.state("a") == .suspect)
    subject.dead("a", 5, by: "b")
    subject.dead("a", 8, by: "b")
    subject.alive("a", 7)
    #expect(subject.state("a") == .dead)
    subject.suspect("a", 9, by: "b")
    subject.alive("a", 9)
    #expect(subject.state("a") == .dead)
    subject.alive("a", 10)
    #expect(subject.state("a") == .alive)
  }

  @Test("accusing and refuting over and over does not fill the timer queue")
  func flapping() {
    let subject = cluster()
    let before = subject.membership.timerCount
    for incarnation in 1..<1000 as Range<UInt32> {
      subject.suspect("a", incarnation, by: "b")
      subject.alive("a", incarnation + 1)
    }
    #expect(subject.state("a") == .alive)
    #expect(subject.membership.timerCount <= before + 8)
  }
}

@Suite struct DeadTests {
  @Test("a death notice is believed, told and relayed")
  func dead() {
    let subject = Subject()
    subject.alive("a", 1)
    subject.dead("a", 1, by: "b")
    #expect(subject.state("a") == .dead)
    #expect(subject.events == ["a joined", "a dead"])
    #expect(subject.news() == ["alive me 1", "dead a 1 by b"])
  }

  @Test("a second one is not news")
  func second() {
    let subject = Subject()
    subject.alive("a", 1)
    subject.dead("a", 1, by: "b")
    subject.dead("a", 1, by: "c")
    #expect(subject.events == ["a joined", "a dead"])
    #expect(subject.news() == ["alive me 1", "dead a 1 by b"])
  }

  @Test("a member that says it of itself has left")
  func left() {
    let subject = Subject()
    subject.alive("a", 1)
    subject.left("a", 1)
    #expect(subject.state("a") == .left)
    #expect(subject.events == ["a joined", "a left"])
    #expect(subject.news() == ["alive me 1", "left a 1"])
  }

  @Test("dead about a suspect ends the suspicion")
  func suspect() {
    let subject = Subject()
    subject.alive("a", 1)
    subject.suspect("a", 1, by: "b")
    subject.dead("a", 1, by: "b")
    subject.pass(.seconds(30))
    #expect(subject.events.filter { $0 == "a dead" }.count == 1)
  }

  @Test("this node, said to be dead, refutes")
  func refute() {
    let subject = Subject()
    subject.dead("me", 3, by: "b")
    #expect(subject.state("me") == .alive)
    #expect(subject.incarnation("me") == 4)
    #expect(subject.score == 1)
    #expect(subject.news() == ["alive me 4"])
  }

  @Test("this node, said to have left, refutes")
  func refuteLeave() {
    let subject = Subject()
    subject.left("me", 3, from: Subject.peer("b"))
    #expect(subject.state("me") == .alive)
    #expect(subject.incarnation("me") == 4)
  }
}
