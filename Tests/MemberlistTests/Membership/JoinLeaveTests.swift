import Memberlist
import SerfPrimitives
import SerfWire
import Testing

@Suite struct JoinTests {
  private static let targets = ["a", "b", "c"].map { JoinTarget(Subject.address(NodeName($0))) }

  private func quiet(_ configure: (inout Subject.Setup) -> Void = { _ in }) -> Subject {
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

  @Test("targets are asked side by side; each is reported as it answers, and has its result")
  func sideBySide() throws {
    let subject = quiet()
    subject.input { $0.join(Self.targets, id: JoinID(4), at: $1) }
    #expect(subject.opened.map(\.to) == Self.targets.map { .anyMember($0.address) })
    for opened in subject.opened { #expect(opened.isPushPull && opened.deadline == subject.now + .seconds(10)) }
    fail(subject, 1)
    #expect(subject.joinAnswers.map(\.targets) == [[1]])
    complete(subject, 0, Message.pushPull(isJoin: true, [.init(name: "a"), .init(name: "x")], userState: [5]))
    #expect(subject.state("x") == .alive)
    #expect(subject.userStates.map(\.join) == [JoinID(4)])
    #expect(subject.joinAnswers.map(\.targets) == [[1], [0]])
    #expect(subject.joins.isEmpty)
    complete(subject, 2, Message.error("go away"))
    #expect(subject.joinAnswers.map(\.failure) == [.contact(.noContact), nil, .remote(Array("go away".utf8))])
    #expect(subject.joins.count == 1)
    #expect(subject.joins[0].results.map(\.target) == Self.targets)
    #expect(subject.joins[0].results.map(\.failure) == [nil, .contact(.noContact), .remote(Array("go away".utf8))])
  }

  @Test("targets that are the same, in whatever form, are asked once, and each has the result")
  func duplicates() {
    let subject = quiet()
    let (a, b) = (Self.targets[0], Self.targets[1])
    subject.input { $0.join([a, b, a, JoinTarget(a.address.mapped), JoinTarget(a.address, name: "a")], id: JoinID(1), at: $1) }
    #expect(subject.opened.map(\.to) == [.anyMember(a.address), .anyMember(b.address), .member("a", a.address)])
    complete(subject, 0, Message.pushPull(isJoin: true, [.init(name: "a")]))
    #expect(subject.joinAnswers.map(\.targets) == [[0, 2, 3]])
    fail(subject, 1)
    fail(subject, 2)
    let failures = subject.joins.first?.results.map(\.failure)
    #expect(failures == [nil, .contact(.noContact), nil, nil, .contact(.noContact)])
  }

  @Test("a host's further addresses wait for a failure or 250 ms, and one answer is enough")
  func alternatives() {
    let subject = quiet()
    let (first, second, third) = (Self.targets[0].address, Self.targets[1].address, Self.targets[2].address)
    subject.input { $0.join([JoinTarget(first, alternatives: [second, third])], id: JoinID(1), at: $1) }
    #expect(subject.opened.map(\.to) == [.anyMember(first)])
    subject.pass(.milliseconds(249))
    #expect(subject.opened.count == 1)
    subject.pass(.milliseconds(1))
    #expect(subject.opened.map(\.to) == [.anyMember(first), .anyMember(second)])
    fail(subject, 1)
    #expect(subject.opened.count == 2, "the first still may answer, and the third is not due")
    fail(subject, 0)
    #expect(subject.opened.last?.to == .anyMember(third))
    complete(subject, 2, Message.pushPull(isJoin: true, [.init(name: "c")]))
    #expect(subject.joinAnswers.map(\.failure) == [.contact(.noContact), .contact(.noContact), nil])
    #expect(subject.joins.map { $0.results.map(\.failure) } == [[nil]])
  }

  @Test("what another address of the same host answers after the join has ended is not merged")
  func lateAlternative() {
    let subject = quiet()
    subject.input { $0.join([JoinTarget(Self.targets[0].address, alternatives: [Self.targets[1].address])], id: JoinID(1), at: $1) }
    subject.pass(.milliseconds(250))
    complete(subject, 1, Message.pushPull(isJoin: true, [.init(name: "b")]))
    #expect(subject.joins.count == 1)
    complete(subject, 0, Message.pushPull(isJoin: true, [.init(name: "a")], userState: [7]))
    #expect(subject.state("a") == nil && subject.userStates.isEmpty)
    #expect(subject.joins.count == 1 && subject.joinAnswers.count == 1)
  }

  @Test("however many addresses are dead, a join asks 16 at once and all of them within one deadline", arguments: [1, 16, 17, 40, 160])
  func oneDeadline(count: Int) {
    let subject = quiet()
    let start = subject.now
    // The last host has the remaining addresses, and only the very last one answers.
    let addresses = (0..<count).map { NodeAddress(ipv4: 10, 9, UInt8($0 / 256), UInt8($0 % 256), port: 7946) }
    let single = addresses.prefix(count * 3 / 4)
    let host = Array(addresses.dropFirst(single.count))
    var targets = single.map { JoinTarget($0) }
    targets.append(JoinTarget(host[0], alternatives: Array(host.dropFirst())))
    subject.input { $0.join(targets, id: JoinID(1), at: $1) }
    var ended = 0
    while subject.joins.isEmpty {
      #expect(subject.opened.count - ended <= 16)
      guard subject.opened.count > ended else { return #expect(Bool(false), "it has stopped") }
      // In the order of the deadlines, which is that of the openings within one turn.
      let next = subject.opened[ended...].min { $0.deadline < $1.deadline }!
      subject.pass(max(.zero, next.deadline - subject.now))
      let position = subject.opened[ended...].firstIndex { $0.id == next.id }!
      subject.opened.swapAt(ended, position)
      if next.to == .anyMember(addresses.last!) {
        complete(subject, ended, Message.pushPull(isJoin: true, [.init(name: "b")]))
      } else {
        fail(subject, ended, .deadline)
      }
      ended += 1
    }
    #expect(subject.now - start <= .seconds(10))
    #expect(Set(subject.opened.map(\.to)) == Set(addresses.map { .anyMember($0) }))
    #expect(subject.joins[0].results.filter { $0.failure == nil }.count == 1)
  }

  @Test("a target that is too busy is asked again after 250 ms, eight times at most; where names are proven a join lasts twice as long")
  func busy() {
    let subject = quiet { $0.transport.provesNames = true }
    subject.input { $0.join([Self.targets[0], Self.targets[1]], id: JoinID(1), at: $1) }
    #expect(subject.opened.allSatisfy { $0.deadline == subject.now + .seconds(20) })
    let end = subject.now + .seconds(20)
    fail(subject, 0, .overloaded)
    subject.pass(.milliseconds(249))
    #expect(subject.opened.count == 2)
    subject.pass(.milliseconds(1))
    #expect(subject.opened.count == 3 && subject.opened[2].to == .anyMember(Self.targets[0].address) && subject.opened[2].deadline == end)
    #expect(subject.joinAnswers.isEmpty)
    let reply = Message.pushPull(isJoin: true, [.init(name: "a")])
    let asked = subject.opened[2].id
    subject.input { $0.exchangeCompleted(asked, reply: reply.span.bytes, from: Subject.proven("a"), at: $1) }
    #expect(subject.joinAnswers.map(\.targets) == [[0]])
    for repeated in 0..<8 {
      fail(subject, repeated == 0 ? 1 : subject.opened.count - 1, .overloaded)
      subject.pass(.milliseconds(250))
      #expect(subject.opened.count == 4 + repeated && subject.joins.isEmpty)
    }
    fail(subject, subject.opened.count - 1, .overloaded)
    subject.pass(.milliseconds(250))
    #expect(subject.opened.count == 11)
    #expect(subject.joins.map { $0.results.map(\.failure) } == [[nil, .contact(.overloaded)]])
  }

  @Test("a target that is too busy is not asked again once the join's time is over")
  func busyTooLong() {
    let subject = quiet()
    subject.input { $0.join([Self.targets[0]], id: JoinID(1), at: $1) }
    subject.pass(.seconds(10))
    fail(subject, 0, .overloaded)
    #expect(subject.opened.count == 1)
    #expect(subject.joins.map { $0.results.map(\.failure) } == [[.contact(.overloaded)]])
  }

  /// A node with a join to `targets`, whose last timer came up in time, or 400 ms late.
  private func joining(_ targets: [JoinTarget], isLate: Bool, _ configure: (inout Subject.Setup) -> Void = { _ in }) -> Subject {
    let subject = Subject {
      $0.transport.provesNames = true
      $0.gossip.interval = .zero
      $0.pushPull.interval = .zero
      configure(&$0)
    }
    subject.input { $0.join(targets, id: JoinID(1), at: $1) }
    subject.pass(.seconds(4))
    subject.now = (subject.membership.nextDeadline ?? subject.now) + (isLate ? .milliseconds(400) : .zero)
    subject.input { $0.advance(to: $1) }
    return subject
  }

  @Test("a target that does not answer is asked again while we are late ourselves, and only then", arguments: [true, false])
  func silentWhileLate(isLate: Bool) {
    let subject = joining([Self.targets[0]], isLate: isLate)
    fail(subject, 0, .noContact)
    #expect(subject.joins.isEmpty == isLate)
    subject.pass(.milliseconds(250))
    #expect(subject.opened.count == (isLate ? 2 : 1))
  }

  @Test("a target that does not answer makes room for those that wait, and is not asked again once another one has answered")
  func silentBesideOthers() throws {
    let crowded = joining(Self.targets, isLate: true) { $0.limits.joinExchanges = 2 }
    #expect(crowded.opened.count == 2)
    fail(crowded, 0, .noContact)
    #expect(crowded.opened.count == 3 && crowded.opened[2].to == .anyMember(Self.targets[2].address))
    let answered = joining([Self.targets[0], Self.targets[1]], isLate: true)
    let reply = Message.pushPull(isJoin: true, [.init(name: "a")])
    answered.input { $0.exchangeCompleted(answered.opened[0].id, reply: reply.span.bytes, from: Subject.proven("a"), at: $1) }
    fail(answered, 1, .noContact)
    #expect(answered.joins.map { $0.results.map(\.failure) } == [[nil, .contact(.noContact)]])
  }

  @Test("an answer that can only be our own is no member's, whatever we had forgotten of our addresses")
  func ourselves() throws {
    let subject = quiet()
    func answer(_ entries: [Message.Entry]) throws -> JoinFailure? {
      subject.joins = []
      subject.input { $0.join([Self.targets[0]], id: JoinID(1), at: $1) }
      try complete(subject, Message.pushPull(isJoin: true, entries, userState: [1]))
      return try #require(subject.joins.first?.results.first).failure
    }
    #expect(try answer([.init(name: "me")]) == .contact(.ourselves))
    #expect(subject.userStates.isEmpty)
    // Its members that are gone are gone here as well.
    subject.alive("gone", 1)
    subject.dead("gone", 1, by: "x")
    #expect(try answer([.init(name: "me"), .init(name: "gone", state: 2)]) == .contact(.ourselves))
    // Another node with our name, a member that knows us, and one that is just leaving.
    #expect(try answer([.init(name: "me", address: Subject.address("elsewhere"))]) == nil)
    #expect(try answer([.init(name: "me"), .init(name: "leaver", state: 3)]) == nil)
    #expect(try answer([.init(name: "me"), .init(name: "b")]) == nil)
  }

  private func complete(_ subject: Subject, _ position: Int, _ bytes: [UInt8]) {
    guard subject.opened.indices.contains(position) else {
      Issue.record("exchange \(position) was not opened")
      return
    }
    let id = subject.opened[position].id
    subject.input { $0.exchangeCompleted(id, reply: bytes.span.bytes, from: subject.defaultPeer("a"), at: $1) }
  }

  private func fail(_ subject: Subject, _ position: Int, _ reason: ContactFailure = .noContact) {
    guard subject.opened.indices.contains(position) else {
      Issue.record("exchange \(position) was not opened")
      return
    }
    let id = subject.opened[position].id
    subject.input { $0.exchangeFailed(id, reason: reason, at: $1) }
  }

  /// The sequence number of the ping in the last exchange, which must be for this name.
  private func pingNumber(_ subject: Subject, for name: NodeName) throws -> UInt32 {
    let exchange = try #require(subject.opened.last)
    #expect(!exchange.isPushPull && exchange.to == .member(name, Subject.address(name)))
    let bytes = exchange.bytes
    try #require(bytes.first == MessageType.ping.rawValue)
    let ping = try Ping(decoding: bytes.span.bytes.extracting(1..<bytes.count))
    let isForIt = ping.node.equals(name.bytes)
    #expect(isForIt)
    return ping.sequenceNumber
  }

  private let byName = [JoinTarget(Subject.address("a"), name: "a")]

  @Test("a target with a name must be that member: without proof it is asked before it gets our state, and has to list itself")
  func named() throws {
    let subject = quiet()
    subject.input { $0.join(byName, id: JoinID(1), at: $1) }
    try complete(subject, Message.ack(pingNumber(subject, for: "a")))
    #expect(subject.opened.count == 2 && subject.opened.last?.isPushPull == true)
    #expect(subject.opened.last?.to == .member("a", Subject.address("a")) && subject.opened[0].deadline == subject.opened[1].deadline)
    try complete(subject, Message.pushPull(isJoin: true, [.init(name: "a"), .init(name: "b")]))
    #expect(subject.joins.first?.results.map(\.failure) == [nil])
    #expect(subject.state("b") == .alive)
    // It has gone in between, and another node took its place.
    for entries: [Message.Entry] in [[.init(name: "x")], [.init(name: "x"), .init(name: "a", state: 2)]] {
      let subject = quiet()
      subject.input { $0.join(byName, id: JoinID(1), at: $1) }
      try complete(subject, Message.ack(pingNumber(subject, for: "a")))
      try complete(subject, Message.pushPull(isJoin: true, entries))
      #expect(subject.joins.first?.results.map(\.failure) == [.contact(.identityMismatch)])
      #expect(subject.membership.count == 1)
    }
  }

  @Test("another node, which does not answer to the name, gets nothing", arguments: 0..<5)
  func otherName(answer: Int) throws {
    let subject = quiet()
    subject.input { $0.join(byName, id: JoinID(1), at: $1) }
    let number = try pingNumber(subject, for: "a")
    switch answer {
    case 0: try complete(subject, [])
    case 1: try complete(subject, Message.ack(number + 1))
    case 2: try complete(subject, Message.pushPull(isJoin: true, [.init(name: "a")]))
    case 3: fail(subject, 0, .refused)
    default: fail(subject, 0, .broken)
    }
    #expect(subject.opened.count == 1 && subject.membership.count == 1)
    #expect(subject.joins.first?.results.map(\.failure) == [.contact(.identityMismatch)])
  }

  @Test("an address with a name where nothing answers fails for that reason")
  func namedSilent() throws {
    let subject = quiet()
    subject.input { $0.join(byName, id: JoinID(1), at: $1) }
    fail(subject, 0, .noContact)
    #expect(subject.joins.first?.results.map(\.failure) == [.contact(.noContact)])
  }

  @Test("a transport that proves names needs no question")
  func namedAndProven() {
    let subject = quiet { $0.transport.provesNames = true }
    subject.input { $0.join(byName, id: JoinID(1), at: $1) }
    #expect(subject.opened.last?.isPushPull == true && subject.opened.last?.to == .member("a", Subject.address("a")))
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
    complete(subject, 0, Message.pushPull(isJoin: true, [.init(name: "evil")]))
    let other = ProtocolVersions(
      protocolMinimum: 4, protocolMaximum: 5, protocolCurrent: 4, delegateMinimum: 2, delegateMaximum: 5, delegateCurrent: 5)
    complete(subject, 1, Message.pushPull(isJoin: true, [.init(name: "b", versions: other)]))
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

  @Test("answers to exchanges that are not ours, or come twice, do nothing")
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

  @Test("a node that left is not called back, neither by accusations, nor by its own past, nor by a join")
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

  @Test("it still answers pings, and says goodbye again to a member that suspects it")
  func answers() {
    let subject = subject()
    subject.alive("a", 1)
    subject.input { $0.leave(timeout: .seconds(5), at: $1) }
    subject.pass(.seconds(5))
    subject.sent = []
    subject.receive(Message.compound(Message.ping(3, to: "me"), Message.suspect("me", 1, by: "a")), from: Subject.peer("a"))
    #expect(subject.sent.map(\.messages) == [["ack 3", "left me 1"]])
  }

  @Test("a broadcast of the layer above goes with the farewell")
  func farewell() {
    let subject = subject()
    subject.alive("a", 1)
    let message: [UInt8] = [1, 2]
    subject.input { membership, now in
      membership.broadcast(message.span.bytes, tier: .intent, at: now)
      membership.leave(timeout: .seconds(5), at: now)
    }
    subject.sent = []
    let packet = subject.pass(untilSent: { _ in true })
    #expect(packet?.messages.contains("left me 1") == true)
    #expect(packet?.messages.contains("user 2 bytes") == true)
  }

  @Test("the farewell of a node that stops at once goes to members with a connection first, and changes nothing here")
  func farewellToTheWarm() {
    let subject = Subject {
      $0.probe.interval = .zero
      $0.pushPull.interval = .zero
      $0.transport.provesNames = true
    }
    let names = (1...40).map { NodeName("n\($0)") }
    for name in names { subject.alive(name, 1) }
    for name in [names[7], names[30]] { subject.membership.setWarm(name, true) }
    subject.sent = []
    let message: [UInt8] = [1, 2]
    subject.input { membership, _ in membership.sendFarewell(message.span.bytes) }
    #expect(subject.sent.count == 3)
    #expect(Set(subject.sent.map(\.to)).isSuperset(of: [names[7], names[30]].map { .member($0, Subject.address($0)) }))
    for packet in subject.sent { #expect(packet.messages == ["user 2 bytes"]) }
    #expect(subject.state("me") == .alive)
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
