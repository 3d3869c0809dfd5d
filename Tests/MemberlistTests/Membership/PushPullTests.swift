import Memberlist
import SerfPrimitives
import SerfWire
import Testing

@Suite struct PushPullTests {
  private func exchange(_ subject: Subject, _ bytes: [UInt8], from peer: Peer? = nil) {
    subject.input {
      $0.exchangeReceived(ExchangeID(1 << 63), message: bytes.span.bytes, from: peer ?? subject.defaultPeer("r"), at: $1)
    }
  }

  @Test("the whole state is sent: dead and left ones too, with what the layer above adds")
  func encode() throws {
    let subject = Subject()
    for name in ["a", "b", "c"] { subject.alive(NodeName(name), 3) }
    subject.dead("b", 3, by: "a")
    subject.left("c", 3)
    var bytes: [UInt8] = []
    let above: [UInt8] = [9, 9]
    subject.membership.encodePushPull(isJoin: true, userState: above.span.bytes, into: &bytes)
    var state = try PushPull(decoding: bytes.span.bytes)
    #expect(state.header == PushPullHeader(isJoin: true, nodeCount: 4, userStateLength: 2))
    var states: [String: Int] = [:]
    while let node = try state.nextNode() { states[NodeName(bytes: [UInt8](copying: node.name)).description] = node.state }
    #expect(states == ["me": 0, "a": 0, "b": 2, "c": 3])
  }

  @Test("a received state is answered with ours, then merged: alive joins, dead and suspect are suspected, left has left")
  func merge() throws {
    let subject = Subject()
    for name in ["dead", "suspect", "left", "revived"] { subject.alive(NodeName(name), 2) }
    subject.suspect("revived", 2, by: "x")
    subject.events = []
    exchange(
      subject,
      Message.pushPull(
        [
          .init(name: "new"), .init(name: "dead", incarnation: 2, state: 2), .init(name: "suspect", incarnation: 2, state: 1),
          .init(name: "left", incarnation: 2, state: 3), .init(name: "revived", incarnation: 3), .init(name: "gone", state: 2),
          .init(name: "gone-left", state: 3),
        ], userState: [7]))
    #expect(subject.state("new") == .alive)
    #expect(subject.state("dead") == .suspect)
    #expect(subject.state("suspect") == .suspect)
    #expect(subject.state("left") == .left)
    #expect(subject.state("revived") == .alive)
    #expect(subject.state("gone") == nil && subject.state("gone-left") == nil, "newcomers do not learn of the dead")
    #expect(subject.events == ["new joined", "left left"])
    #expect(subject.answers.count == 1)
    #expect(subject.userStates.map(\.bytes) == [[7]])
    #expect(subject.userStates.first?.isJoin == false)
  }

  @Test("the state tells us of our own past, which we refute", arguments: [1, 2, 3])
  func ownPast(state: Int) {
    let subject = Subject()
    exchange(subject, Message.pushPull([.init(name: "me", incarnation: 8, state: state)]))
    #expect(subject.state("me") == .alive)
    #expect(subject.incarnation("me") == 9)
  }

  @Test("an empty state of the layer above counts as none")
  func emptyUserState() {
    let subject = Subject()
    exchange(subject, Message.pushPull([.init(name: "a")]))
    #expect(subject.userStates.isEmpty)
  }

  @Test("an entry without versions is skipped alone, whatever its state", arguments: [0, 1, 2, 3])
  func badEntry(state: Int) {
    let subject = Subject()
    subject.alive("b", 1)
    exchange(
      subject, Message.pushPull([.init(name: "a"), .init(name: "b", incarnation: 5, state: state, versions: nil), .init(name: "c")]))
    #expect(subject.state("a") == .alive && subject.state("c") == .alive)
    #expect(subject.state("b") == .alive && subject.incarnation("b") == 1)
    #expect(subject.counters.claimsWithBadVersions == 1)
    #expect(subject.answers.count == 1)
  }

  @Test("an unknown state is skipped alone")
  func badState() {
    let subject = Subject()
    exchange(subject, Message.pushPull([.init(name: "a", state: 4), .init(name: "b", state: -1), .init(name: "c")]))
    #expect(subject.membership.count == 2)
    #expect(subject.counters.claimsWithBadState == 2)
  }

  @Test("one random alive member is asked each interval, stretched with the cluster")
  func tick() {
    let subject = Subject {
      $0.probe.interval = .zero
      $0.gossip.interval = .zero
    }
    subject.alive("a", 1)
    subject.alive("b", 1)
    subject.dead("b", 1, by: "a")
    subject.pass(.seconds(300))
    #expect(subject.opened.count == 10)
    #expect(subject.opened.allSatisfy { $0.to == .member("a", Subject.address("a")) && $0.isPushPull })
    #expect(subject.opened.allSatisfy { $0.deadline > .zero })
  }

  @Test("the reply to our own exchange is merged")
  func reply() throws {
    let subject = Subject {
      $0.probe.interval = .zero
      $0.gossip.interval = .zero
    }
    subject.alive("a", 1)
    subject.pass(.seconds(30))
    let id = try #require(subject.opened.last?.id)
    let reply = Message.pushPull([.init(name: "a"), .init(name: "b")])
    subject.input { $0.exchangeCompleted(id, reply: reply.span.bytes, from: Subject.peer("a"), at: $1) }
    #expect(subject.state("b") == .alive)
  }

  /// A node whose first push/pull has just brought a member that it did not know. The next one in turn is 31.9 s later.
  private func surprised() throws -> Subject {
    let subject = Subject {
      $0.probe.interval = .zero
      $0.gossip.interval = .zero
      $0.pushPull.interval = .milliseconds(31_900)
    }
    subject.alive("a", 1)
    for _ in 0..<320 where subject.opened.isEmpty { subject.pass(.milliseconds(100)) }
    try answer(subject, [.init(name: "a"), .init(name: "b")])
    return subject
  }

  private func answer(_ subject: Subject, _ entries: [Message.Entry]) throws {
    let id = try #require(subject.opened.last?.id)
    subject.input { $0.exchangeCompleted(id, reply: Message.pushPull(entries).span.bytes, from: Subject.peer("a"), at: $1) }
  }

  @Test("an exchange that brings a member that gossip has not brought is followed by another one")
  func followed() throws {
    let subject = try surprised()
    subject.pass(.seconds(16))
    #expect(subject.opened.count == 2)
    try answer(subject, [.init(name: "a"), .init(name: "b")])
    subject.pass(.milliseconds(15_700))
    #expect(subject.opened.count == 2)
    subject.pass(.milliseconds(300))
    #expect(subject.opened.count == 3)
  }

  @Test("exchanges go on while gossip brings members too")
  func followedWhileGrowing() throws {
    let subject = try surprised()
    subject.alive("c", 1)
    subject.pass(.milliseconds(31_700))
    #expect(subject.opened.count == 3)
  }

  @Test("a join begins its own exchanges, whatever is due already")
  func followedByJoin() throws {
    let subject = try surprised()
    subject.input { $0.join([JoinTarget(Subject.address("d"))], id: JoinID(1), at: $1) }
    try answer(subject, [.init(name: "d")])
    // Half a second to a second later, then one to two.
    subject.pass(.seconds(3))
    #expect(subject.opened.count == 4)
  }

  @Test("whatever is no message of an exchange is refused and counted")
  func malformed() {
    let subject = Subject()
    let good = Message.pushPull([.init(name: "a"), .init(name: "b")], userState: [1, 2, 3])
    for bytes in [[], [6], [99], Message.alive("a", 1), Array(good.dropLast()), Array(good.prefix(60)), [6, 0x83], [13]] as [[UInt8]] {
      exchange(subject, bytes)
    }
    #expect(subject.refused.count == 8)
    #expect(subject.counters.exchangesMalformed == 8)
    #expect(subject.membership.count == 1, "nothing of a cut message is applied")
    #expect(subject.answers.isEmpty)
  }

  @Test("the merge filter sees all of a join, on both sides, and can refuse the whole")
  func filter() {
    let subject = Subject { $0.mergeFilter = { members in !members.contains { $0.name == "evil" } } }
    exchange(subject, Message.pushPull(isJoin: true, [.init(name: "a"), .init(name: "evil")]))
    #expect(subject.refused == [.filtered])
    #expect(subject.membership.count == 1)
    #expect(subject.answers.isEmpty, "and it does not get our state")
    exchange(subject, Message.pushPull(isJoin: false, [.init(name: "a"), .init(name: "evil")]))
    #expect(subject.membership.count == 3, "a periodic one is not asked about")
    exchange(subject, Message.pushPull(isJoin: true, [.init(name: "b")]))
    #expect(subject.state("b") == .alive)
  }

  @Test("a stream ping is acked under our name, and refused under another")
  func reliablePing() {
    let subject = Subject()
    exchange(subject, Message.ping(5, to: "me", from: "r"))
    #expect(subject.answers.map { Subject.describe($0.bytes) } == [["ack 5"]])
    exchange(subject, Message.ping(6, to: "you", from: "r"))
    #expect(subject.refused == [.wrongNode])
  }
}
