import Memberlist
import SerfPrimitives
import Testing

/// Members near the end of the incarnations (`secure-transport.md` 1.9), on every transport.
@Suite struct HighIncarnationTests {
  private static let limit = UInt32.max - (1 << 20) + 1

  /// Two members at this incarnation; only probes send anything.
  private func subject(_ namesAreProven: Bool, at incarnation: UInt32 = 1) -> Subject {
    let subject = Subject {
      $0.transport.provesNames = namesAreProven
      $0.gossip.interval = .zero
      $0.pushPull.interval = .zero
    }
    for name in ["a", "b"] as [NodeName] {
      subject.alive(name, incarnation)
      if namesAreProven { subject.membership.setWarm(name, true) }
    }
    for _ in 0..<10 { _ = subject.news() }
    subject.sent = []
    subject.events = []
    return subject
  }

  private func pings(_ subject: Subject, of name: String) -> [UInt32] {
    subject.sent.flatMap(\.messages).filter { $0.hasPrefix("ping \(name) ") }.compactMap { UInt32($0.split(separator: " ")[2]) }
  }

  /// Lets time pass; of the members that are pinged, these answer.
  private func pass(_ duration: Duration, _ subject: Subject, answering names: [String]) {
    let end = subject.now + duration
    var seen = subject.sent.count
    while let next = subject.membership.nextDeadline, next <= end {
      subject.now = max(subject.now, next)
      subject.input { $0.advance(to: $1) }
      while seen < subject.sent.count {
        for message in subject.sent[seen].messages where message.hasPrefix("ping ") {
          let words = message.split(separator: " ").map(String.init)
          guard names.contains(words[1]), let number = UInt32(words[2]) else { continue }
          subject.receive(Message.ack(number), from: subject.defaultPeer(NodeName(words[1])))
        }
        seen += 1
      }
    }
    subject.now = end
  }

  @Test(
    "an accusation from another node above 2³² − 2²⁰ is a reason to probe and no more", arguments: [false, true],
    [limit + 1, .max] as [UInt32])
  func accusation(namesAreProven: Bool, incarnation: UInt32) {
    let subject = subject(namesAreProven)
    subject.suspect("a", incarnation, by: "b")
    #expect(pings(subject, of: "a").count == 1, "at once")
    subject.dead("a", incarnation, by: "b")
    subject.left("a", incarnation, from: subject.defaultPeer("b"))
    for state in 1...3 {
      let bytes = Message.pushPull([.init(name: "b"), .init(name: "a", incarnation: incarnation, state: state)])
      subject.input { $0.exchangeReceived(ExchangeID(1 << 63), message: bytes.span.bytes, from: subject.defaultPeer("b"), at: $1) }
    }
    #expect(subject.state("a") == .alive && subject.incarnation("a") == 1)
    #expect(subject.counters.claimsWithHighIncarnation == 6)
    #expect(pings(subject, of: "a").count == 1, "once per probe interval")
    #expect(subject.news().isEmpty, "and it is not relayed")
    subject.suspect("a", Self.limit, by: "b")
    #expect(subject.state("a") == .suspect && subject.incarnation("a") == Self.limit)
  }

  @Test("an alive is believed and relayed at any incarnation", arguments: [false, true], [limit + 1, .max] as [UInt32])
  func alive(namesAreProven: Bool, incarnation: UInt32) {
    let subject = subject(namesAreProven)
    subject.dead("a", Self.limit, by: "b")
    subject.alive("a", incarnation, from: subject.defaultPeer("b"))
    #expect(subject.state("a") == .alive && subject.incarnation("a") == incarnation)
    #expect(subject.news() == ["alive a \(incarnation)"])
  }

  @Test("this node refutes an accusation at any incarnation", arguments: [false, true], [limit + 1, UInt32.max - 1] as [UInt32])
  func own(namesAreProven: Bool, incarnation: UInt32) {
    let subject = subject(namesAreProven)
    subject.suspect("me", incarnation, by: "b")
    #expect(subject.incarnation("me") == incarnation + 1)
    subject.dead("me", .max, by: "b")
    #expect(subject.state("me") == .alive && subject.incarnation("me") == .max)
  }

  @Test("a member at the last incarnation that crashed is found dead, and stays so", arguments: [false, true])
  func killed(namesAreProven: Bool) {
    let subject = subject(namesAreProven, at: .max)
    pass(.seconds(60), subject, answering: ["b"])
    #expect(subject.state("b") == .alive)
    #expect(subject.state("a") == .dead || subject.state("a") == nil)
    #expect(subject.events == ["a dead"])
  }

  @Test("a suspect at the last incarnation cannot refute: an answer to our next ping ends the suspicion", arguments: [false, true])
  func answered(namesAreProven: Bool) {
    let subject = subject(namesAreProven, at: .max)
    pass(.milliseconds(3_500), subject, answering: ["b"])
    #expect(subject.state("a") == .suspect)
    pass(.milliseconds(1_500), subject, answering: ["a", "b"])
    #expect(subject.state("a") == .alive && subject.incarnation("a") == .max)
    pass(.seconds(60), subject, answering: ["a", "b"])
    #expect(subject.events.isEmpty)
  }

  @Test("one that is dead at the last incarnation is asked when it is said to be alive, once a second", arguments: [false, true])
  func returned(namesAreProven: Bool) throws {
    let subject = subject(namesAreProven, at: .max)
    pass(.seconds(20), subject, answering: ["b"])
    #expect(subject.state("a") == .dead)
    subject.sent = []
    for _ in 0..<5 { subject.alive("a", 1, meta: [7], from: subject.defaultPeer("b")) }
    #expect(subject.state("a") == .dead, "another's word alone does not bring it back")
    let number = try #require(pings(subject, of: "a").first)
    #expect(pings(subject, of: "a").count == 1)
    subject.receive(Message.ack(number), from: subject.defaultPeer("a"))
    #expect(subject.state("a") == .alive && subject.incarnation("a") == .max && subject.member("a")?.meta == [7])
    #expect(subject.events == ["a dead", "a joined"])
  }

  @Test("on its own connection a member always decides, over what others say at the last incarnation")
  func lastWord() {
    let subject = subject(true)
    subject.alive("a", .max, meta: [6, 6, 6], from: Subject.proven("b"))
    #expect(subject.member("a")?.meta == [6, 6, 6])
    subject.alive("a", .max, meta: [1])
    #expect(subject.member("a")?.meta == [1])
    subject.alive("a", .max, meta: [6, 6, 6], from: Subject.proven("b"))
    #expect(subject.member("a")?.meta == [1])
    subject.left("a", .max)
    #expect(subject.state("a") == .left, "and it can leave")
    subject.alive("a", .max, meta: [2])
    #expect(subject.state("a") == .alive && subject.member("a")?.meta == [2])
  }
}
