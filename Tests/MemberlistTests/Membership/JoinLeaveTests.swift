import Memberlist
import SerfPrimitives
import Testing

@Suite struct JoinTests {
  private static let targets = ["a", "b", "c"].map { JoinTarget(Subject.address(NodeName($0))) }

  private func quiet(_ configure: (inout MembershipConfiguration) -> Void = { _ in }) -> Subject {
    Subject {
      $0.probe.interval = .zero
      $0.gossip.interval = .zero
      $0.pushPull.interval = .zero
      configure(&$0)
    }
  }

  private func complete(_ subject: Subject, _ bytes: [UInt8], from peer: Peer? = nil) throws {
    let exchange = try #require(subject.opened.last)
    subject.input {
      $0.exchangeCompleted(exchange.id, reply: bytes.span.bytes, from: peer ?? subject.defaultPeer("a"), at: $1)
    }
  }

  @Test("targets are asked one after another, and each has its result")
  func sequence() throws {
    let subject = quiet()
    subject.input { $0.join(Self.targets, id: JoinID(4), at: $1) }
    #expect(subject.opened.count == 1)
    #expect(subject.opened[0].to == .anyMember(Self.targets[0].address))
    #expect(subject.opened[0].isPushPull)
    #expect(subject.opened[0].deadline == subject.now + .seconds(10))
    try complete(subject, Message.pushPull(isJoin: true, [.init(name: "a"), .init(name: "x")], userState: [5]))
    #expect(subject.state("x") == .alive)
    #expect(subject.userStates.map(\.join) == [JoinID(4)])
    #expect(subject.opened.count == 2)
    let second = subject.opened[1].id
    subject.input { $0.exchangeFailed(second, reason: .noContact, at: $1) }
    try complete(subject, Message.error("go away"))
    #expect(subject.joins.count == 1)
    #expect(subject.joins[0].results.map(\.target) == Self.targets)
    #expect(subject.joins[0].results.map(\.failure) == [nil, .contact(.noContact), .remote(Array("go away".utf8))])
  }

  @Test("a target with a name must be that member")
  func named() {
    let subject = quiet()
    subject.input { $0.join([JoinTarget(Subject.address("a"), name: "a")], id: JoinID(1), at: $1) }
    #expect(subject.opened.last?.to == .member("a", Subject.address("a")))
  }

  @Test(
    "a reply that is none is a failure of its target",
    arguments: [[], [9, 9], [2, 0x80], Array(Message.pushPull([.init(name: "a")]).dropLast())])
  func malformed(reply: [UInt8]) throws {
    let subject = quiet()
    subject.input { $0.join([Self.targets[0]], id: JoinID(1), at: $1) }
    try complete(subject, reply)
    guard case .malformed? = subject.joins.first?.results.first?.failure else { return #expect(Bool(false)) }
    #expect(subject.membership.count == 1)
  }

  @Test("what the merge filter or the version check refuses is a failure, and nothing is merged")
  func refused() throws {
    let subject = quiet { $0.mergeFilter = { !$0.contains { $0.name == "evil" } } }
    subject.input { $0.join([Self.targets[0], Self.targets[1]], id: JoinID(1), at: $1) }
    try complete(subject, Message.pushPull(isJoin: true, [.init(name: "evil")]))
    let other = ProtocolVersions(
      protocolMinimum: 4, protocolMaximum: 5, protocolCurrent: 4, delegateMinimum: 2, delegateMaximum: 5, delegateCurrent: 5)
    try complete(subject, Message.pushPull(isJoin: true, [.init(name: "b", versions: other)]))
    #expect(subject.joins.first?.results.map(\.failure) == [.filtered, .versionMismatch])
    #expect(subject.membership.count == 1)
  }

  @Test("a join of nothing is done at once; too many at a time are refused")
  func limits() {
    let subject = quiet { $0.limits.joins = 2 }
    subject.input { $0.join([], id: JoinID(1), at: $1) }
    #expect(subject.joins.map(\.id) == [JoinID(1)])
    for number in 2...4 as ClosedRange<UInt64> { subject.input { $0.join([Self.targets[0]], id: JoinID(number), at: $1) } }
    #expect(subject.joins.map(\.id) == [JoinID(1), JoinID(4)])
    #expect(subject.joins.last?.results.map(\.failure) == [.tooMany])
  }

  @Test("answers to exchanges that are none of ours, or come twice, do nothing")
  func stray() throws {
    let subject = quiet()
    subject.input { $0.join([Self.targets[0]], id: JoinID(1), at: $1) }
    let reply = Message.pushPull(isJoin: true, [.init(name: "a")])
    try complete(subject, reply)
    try complete(subject, reply)
    subject.input { $0.exchangeFailed(ExchangeID(77), reason: .deadline, at: $1) }
    #expect(subject.joins.count == 1)
  }
}

@Suite struct LeaveTests {
  private func subject() -> Subject {
    Subject {
      $0.probe.interval = .zero
      $0.pushPull.interval = .zero
    }
  }

  @Test("a leave is over when its news went out often enough")
  func spread() {
    let subject = subject()
    subject.alive("a", 1)
    subject.input { $0.leave(timeout: .seconds(5), at: $1) }
    #expect(subject.state("me") == .left)
    #expect(subject.events.last == "me left")
    #expect(subject.departures.isEmpty)
    subject.pass(.seconds(2))
    #expect(subject.departures == [true])
    #expect(subject.sent.flatMap(\.messages).filter { $0 == "left me 1" }.count == 4)
    subject.pass(.seconds(10))
    #expect(subject.departures == [true])
  }

  @Test("or when its time is over")
  func timeout() {
    let subject = subject()
    subject.alive("a", 1)
    subject.input { $0.leave(timeout: .milliseconds(100), at: $1) }
    subject.pass(.milliseconds(100))
    #expect(subject.departures == [false])
    subject.pass(.seconds(5))
    #expect(subject.departures == [false])
  }

  @Test("alone it is over at once, and so is one among the dead")
  func alone() {
    for withDead in [false, true] {
      let subject = subject()
      if withDead {
        subject.alive("a", 1)
        subject.dead("a", 1, by: "b")
      }
      subject.input { $0.leave(timeout: nil, at: $1) }
      #expect(subject.departures == [true])
    }
  }

  @Test("who left is not to be called back: not by accusations, not by its own past, not by a join")
  func inert() {
    let subject = subject()
    subject.alive("a", 1)
    subject.input { $0.leave(timeout: .seconds(5), at: $1) }
    subject.alive("me", 9, meta: [1], from: Subject.peer("a"))
    subject.suspect("me", 9, by: "a")
    subject.dead("me", 9, by: "a")
    #expect(subject.state("me") == .left)
    #expect(subject.incarnation("me") == 1)
    #expect(subject.score == 0)
    subject.input { $0.join([JoinTarget(Subject.address("a"))], id: JoinID(1), at: $1) }
    #expect(subject.joins.last?.results.map(\.failure) == [.leaving])
    subject.input { membership, now in
      let isTaken = membership.updateMeta([1], at: now)
      #expect(!isTaken)
    }
    subject.input { $0.leave(timeout: .seconds(5), at: $1) }
    subject.pass(.seconds(10))
    #expect(subject.departures == [true])
  }

  @Test("it still answers pings, and says goodbye again to who suspects it")
  func answers() {
    let subject = subject()
    subject.alive("a", 1)
    subject.input { $0.leave(timeout: .seconds(5), at: $1) }
    subject.pass(.seconds(5))
    subject.sent = []
    subject.receive(Message.compound(Message.ping(3, to: "me"), Message.suspect("me", 1, by: "a")), from: Subject.peer("a"))
    #expect(subject.sent.map(\.messages) == [["ack 3", "left me 1"]])
  }

  @Test("a broadcast of the layer above rides the farewell")
  func farewell() {
    let subject = subject()
    subject.alive("a", 1)
    let message: [UInt8] = [1, 2]
    subject.input { membership, now in
      membership.broadcast(message.span.bytes, tier: .intent)
      membership.leave(timeout: .seconds(5), at: now)
    }
    subject.sent = []
    let packet = subject.pass(untilSent: { _ in true })
    #expect(packet?.messages.contains("left me 1") == true)
    #expect(packet?.messages.contains("user 2 bytes") == true)
  }

  @Test("this node is never reaped, however long it has left")
  func neverReaped() {
    let subject = Subject { $0.pushPull.interval = .zero }
    subject.alive("a", 1)
    subject.input { $0.leave(timeout: .seconds(1), at: $1) }
    subject.pass(.seconds(300))
    #expect(subject.state("me") == .left)
    #expect(subject.membership.local.name == "me")
  }
}
