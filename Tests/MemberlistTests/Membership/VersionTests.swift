import Memberlist
import SerfPrimitives
import SerfWire
import Testing

/// Members whose protocol versions do not fit (`memberlist.md` section 4.12).
@Suite struct VersionTests {
  typealias Six = (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8)

  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Our versions and theirs: minimum, maximum and current of the protocol, and the same of the layer above.
    let alive: [Six]
    var dead: [Six] = []
    let isAccepted: Bool
  }

  static let cases = [
    Case(testDescription: "identical", alive: [(1, 5, 2, 2, 5, 5), (1, 5, 2, 2, 5, 5)], isAccepted: true),
    Case(testDescription: "wider", alive: [(1, 5, 2, 2, 5, 5), (1, 9, 2, 1, 9, 5)], isAccepted: true),
    Case(testDescription: "each speaks what the other understands", alive: [(1, 3, 2, 1, 3, 2), (2, 5, 3, 2, 5, 3)], isAccepted: true),
    Case(testDescription: "the protocol above ours", alive: [(1, 3, 2, 2, 5, 5), (1, 5, 4, 2, 5, 5)], isAccepted: false),
    Case(testDescription: "the protocol below ours", alive: [(3, 5, 4, 2, 5, 5), (1, 4, 2, 2, 5, 5)], isAccepted: false),
    Case(testDescription: "the layer above outside", alive: [(1, 5, 2, 2, 3, 3), (1, 5, 2, 2, 5, 5)], isAccepted: false),
    Case(
      testDescription: "two that agree with us but not with each other",
      alive: [(1, 5, 3, 0, 0, 0), (3, 5, 3, 0, 0, 0), (1, 3, 2, 0, 0, 0)],
      isAccepted: false),
    Case(
      testDescription: "three with one in common", alive: [(0, 5, 3, 0, 0, 0), (2, 6, 3, 0, 0, 0), (1, 3, 3, 0, 0, 0)], isAccepted: true),
    Case(
      testDescription: "a dead one does not narrow the range", alive: [(1, 5, 2, 2, 5, 5)], dead: [(2, 2, 2, 5, 5, 5)], isAccepted: true),
    Case(testDescription: "but has to speak in it", alive: [(1, 3, 2, 2, 5, 5)], dead: [(1, 5, 5, 2, 5, 5)], isAccepted: false),
  ]

  private static func versions(_ six: Six) -> ProtocolVersions {
    ProtocolVersions(
      protocolMinimum: six.0, protocolMaximum: six.1, protocolCurrent: six.2, delegateMinimum: six.3, delegateMaximum: six.4,
      delegateCurrent: six.5)
  }

  @Test("all members have to speak what all alive ones understand", arguments: cases)
  func check(_ example: Case) {
    var range = VersionRange()
    for six in example.alive { range.add(Self.versions(six), isAlive: true) }
    for six in example.dead { range.add(Self.versions(six), isAlive: false) }
    #expect(range.isConsistent == example.isAccepted)
  }

  /// Valid in themselves, but they do not fit `1 5 2 2 5 5`.
  static let foreign = [
    (1, 1, 1, 2, 5, 5), (3, 5, 3, 2, 5, 5), (1, 6, 6, 2, 5, 5), (1, 5, 2, 2, 4, 4), (1, 5, 2, 6, 6, 6), (1, 5, 2, 1, 5, 1),
  ].map { versions($0) }

  @Test("an alive whose versions do not fit ours creates nothing, changes nothing and is not relayed", arguments: foreign)
  func foreignAlive(versions: ProtocolVersions) {
    let subject = Subject()
    subject.alive("a", 1, versions: versions)
    #expect(subject.state("a") == nil)
    subject.alive("b", 1, meta: [1])
    subject.dead("b", 1, by: "c")
    subject.alive("b", 2, meta: [9], versions: versions)
    #expect(subject.state("b") == .dead && subject.incarnation("b") == 1 && subject.member("b")?.meta == [1])
    #expect(subject.counters.claimsWithBadVersions == 2)
    #expect(subject.news() == ["alive me 1", "dead b 1 by c"])
  }

  @Test(
    "one whose versions are others and fit is a member",
    arguments: [(1, 5, 2, 2, 5, 4), (1, 9, 2, 1, 9, 5), (2, 2, 2, 5, 5, 5), (1, 5, 5, 2, 5, 2)].map { versions($0) })
  func other(versions: ProtocolVersions) {
    let subject = Subject()
    subject.alive("a", 1, versions: versions)
    #expect(subject.member("a")?.versions == versions)
  }

  @Test("of two that fit us but not each other the first is kept, until it is gone")
  func notEachOther() {
    let subject = Subject()
    subject.alive("narrow", 1, versions: Self.versions((2, 2, 2, 2, 5, 5)))
    subject.alive("b", 1, versions: Self.versions((1, 5, 5, 2, 5, 5)))
    #expect(subject.state("b") == nil)
    // It is known already, and now has versions that do not fit a third member's.
    subject.alive("c", 1)
    subject.alive("c", 2, versions: Self.versions((1, 5, 5, 2, 5, 5)))
    #expect(subject.incarnation("c") == 1)
    subject.dead("narrow", 1, by: "c")
    subject.alive("b", 1, versions: Self.versions((1, 5, 5, 2, 5, 5)))
    #expect(subject.state("b") == .alive)
    subject.alive("narrow", 2, versions: Self.versions((2, 2, 2, 2, 5, 5)))
    #expect(subject.state("narrow") == .dead)
  }

  @Test("a claim about our own versions is refuted, fitting or not", arguments: foreign + [versions((1, 5, 2, 2, 5, 4))])
  func own(versions: ProtocolVersions) {
    let subject = Subject(meta: [1])
    subject.alive("me", 7, meta: [1], versions: versions, from: Subject.peer("b"))
    #expect(subject.incarnation("me") == 8)
    exchange(subject, Message.pushPull([.init(name: "b"), .init(name: "me", incarnation: 8, versions: versions)]))
    exchange(subject, Message.pushPull([.init(name: "b"), .init(name: "me", incarnation: 9, state: 2, versions: versions)]))
    #expect(subject.state("me") == .alive && subject.incarnation("me") == 10)
    #expect(subject.membership.local.versions == .current)
  }

  @Test("a push/pull loses an entry that does not fit, whatever its state, and no other", arguments: foreign, [0, 1, 2, 3])
  func entry(versions: ProtocolVersions, state: Int) {
    let subject = Subject()
    subject.alive("known", 1)
    exchange(
      subject,
      Message.pushPull([
        .init(name: "a"), .init(name: "x", versions: versions), .init(name: "known", incarnation: 5, state: state, versions: versions),
        .init(name: "c"),
      ]))
    #expect(subject.refused.isEmpty && subject.answers.count == 1)
    #expect(subject.state("a") == .alive && subject.state("c") == .alive && subject.state("x") == nil)
    #expect(subject.state("known") == .alive && subject.incarnation("known") == 1)
    #expect(subject.counters.claimsWithBadVersions == 2)
  }

  @Test("a peer that does not fit itself is refused, and a join of it fails for that reason", arguments: foreign)
  func sender(versions: ProtocolVersions) throws {
    let subject = Subject { $0.transport.provesNames = true }
    let message = Message.pushPull(isJoin: true, [.init(name: "r", versions: versions), .init(name: "b")])
    exchange(subject, message)
    #expect(subject.refused == [.versionMismatch])
    subject.input { $0.join([JoinTarget(Subject.address("r"))], id: JoinID(1), at: $1) }
    let id = try #require(subject.opened.last?.id)
    subject.input { $0.exchangeCompleted(id, reply: message.span.bytes, from: Subject.proven("r"), at: $1) }
    #expect(subject.joins.first?.results.map(\.failure) == [.versionMismatch])
    #expect(subject.membership.count == 1)
  }

  @Test("without proven names the answering member is the one at the address that was joined, or of its name", arguments: [true, false])
  func answerer(isNamed: Bool) throws {
    let subject = Subject()
    let foreign = Self.foreign[0]
    let (here, elsewhere) = (Subject.address("r"), NodeAddress(ipv4: 10, 9, 9, 9, port: 7946))
    func join(_ entries: [Message.Entry]) throws {
      subject.input { $0.join([JoinTarget(here, name: isNamed ? "r" : nil)], id: JoinID(1), at: $1) }
      if isNamed {
        let asked = try #require(subject.opened.last)
        let number = try Ping(decoding: asked.bytes.span.bytes.extracting(1..<asked.bytes.count)).sequenceNumber
        let ack = Message.ack(number)
        subject.input { $0.exchangeCompleted(asked.id, reply: ack.span.bytes, from: Subject.peer("r"), at: $1) }
      }
      let id = try #require(subject.opened.last?.id)
      let reply = Message.pushPull(isJoin: true, entries)
      subject.input { $0.exchangeCompleted(id, reply: reply.span.bytes, from: Subject.peer("r"), at: $1) }
    }
    try join([.init(name: "r", versions: foreign), .init(name: "b")])
    try join([.init(name: "r", versions: foreign)])
    #expect(subject.membership.count == 1)
    // Neither a third member, nor an invented name at its address, is the one that answers.
    try join([
      .init(name: "r"), .init(name: "x", versions: foreign, address: elsewhere), .init(name: "y", versions: foreign, address: here),
    ])
    #expect(subject.joins.flatMap { $0.results.map(\.failure) } == [.versionMismatch, .versionMismatch, nil])
    #expect(subject.membership.count == 2)
  }

  @Test("whatever is claimed, Go would merge what we send", arguments: 0..<20 as Range<UInt64>)
  func told(seed: UInt64) throws {
    let subject = Subject { $0.pushPull.interval = .zero }
    var random = SeededRandom(seed: seed)
    func number(_ range: ClosedRange<Int>) -> UInt8 { UInt8(range.lowerBound + random.below(range.count)) }
    for _ in 0..<300 {
      let name = NodeName("n\(random.below(8))")
      let incarnation = UInt32(1 + random.below(50))
      let (minima, maxima) = ((number(1...3), number(1...6)), (number(1...6), number(4...6)))
      let versions = Self.versions((minima.0, maxima.0, number(1...5), minima.1, maxima.1, number(2...6)))
      switch random.below(5) {
      case 0: subject.dead(name, incarnation, by: "n0")
      case 1:
        exchange(
          subject,
          Message.pushPull([.init(name: "n0"), .init(name: name, incarnation: incarnation, state: random.below(4), versions: versions)]))
      default: subject.alive(name, incarnation, versions: versions)
      }
      var bytes: [UInt8] = []
      subject.membership.encodePushPull(isJoin: true, userState: RawSpan(), into: &bytes)
      var state = try PushPull(decoding: bytes.span.bytes)
      var range = VersionRange()
      while let node = try state.nextNode() {
        if let versions = node.versions { range.add(versions, isAlive: node.state == 0) }
      }
      try #require(range.isConsistent)
    }
    #expect(subject.membership.count > 3)
  }

  private func exchange(_ subject: Subject, _ bytes: [UInt8]) {
    subject.input { $0.exchangeReceived(ExchangeID(1 << 63), message: bytes.span.bytes, from: subject.defaultPeer("r"), at: $1) }
  }
}
