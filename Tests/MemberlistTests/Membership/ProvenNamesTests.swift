import Memberlist
import SerfPrimitives
import Testing

private let elsewhere = NodeAddress(ipv4: 10, 9, 9, 9, port: 7946)

/// The rules of `secure-transport.md` that live in the core, by their numbers.
@Suite struct ProvenNamesTests {
  /// A member that has connections to the others, unless the test is about connections.
  private func subject(
    _ names: [NodeName] = [], isWarm: Bool = true, _ configure: (inout Subject.Setup) -> Void = { _ in }
  ) -> Subject {
    let subject = Subject {
      $0.transport.provesNames = true
      $0.gossip.interval = .zero
      $0.pushPull.interval = .zero
      configure(&$0)
    }
    for name in names {
      subject.alive(name, 1)
      subject.membership.setWarm(name, isWarm)
    }
    for _ in 0..<10 { _ = subject.news() }
    subject.sent = []
    subject.events = []
    return subject
  }

  private func exchange(_ subject: Subject, _ bytes: [UInt8], from peer: Peer) {
    subject.input { $0.exchangeReceived(ExchangeID(1 << 63), message: bytes.span.bytes, from: peer, at: $1) }
  }

  private func complete(_ subject: Subject, _ position: Int, _ bytes: [UInt8], from peer: Peer) {
    let id = subject.opened[position].id
    subject.input { $0.exchangeCompleted(id, reply: bytes.span.bytes, from: peer, at: $1) }
  }

  /// The ack to a ping on an exchange.
  private func ack(_ subject: Subject, _ position: Int, from peer: Peer) {
    let number = UInt32(Subject.describe(subject.opened[position].bytes)[0].split(separator: " ")[2]) ?? 0
    complete(subject, position, Message.ack(number), from: peer)
  }

  // MARK: 1.4

  @Test("1.4 a join reply without a live entry of the proven name is not merged", arguments: [-1, 2, 3])
  func joinReply(state: Int) {
    let subject = subject()
    subject.input { $0.join([JoinTarget(Subject.address("a"))], id: JoinID(1), at: $1) }
    let entries: [Message.Entry] = [.init(name: "x")] + (state < 0 ? [] : [.init(name: "a", state: state)])
    complete(subject, 0, Message.pushPull(isJoin: true, entries), from: Subject.proven("a"))
    #expect(subject.joins.first?.results.map(\.failure) == [.unproven])
    #expect(subject.membership.count == 1)
    #expect(subject.closed.map(\.reason) == [.claimedOtherName])
  }

  @Test("1.4 one with it is; our own name is no member to join")
  func joinReplyHolds() {
    let subject = subject()
    subject.input { $0.join([JoinTarget(Subject.address("a")), JoinTarget(Subject.address("b"))], id: JoinID(1), at: $1) }
    complete(subject, 0, Message.pushPull(isJoin: true, [.init(name: "a"), .init(name: "x")]), from: Subject.proven("a"))
    complete(subject, 1, Message.pushPull(isJoin: true, [.init(name: "me")]), from: Subject.proven("me"))
    #expect(subject.joins.first?.results.map(\.failure) == [nil, .unproven])
    #expect(subject.state("x") == .alive)
  }

  // MARK: 1.5

  @Test("1.5 a packet that speaks for another name is dropped whole, wherever the name is in it")
  func claimedOtherName() {
    let subject = subject(["b"])
    let liars = [
      Message.compound(Message.alive("x", 1), Message.ping(1, to: "me", from: "b")),
      Message.compound(Message.alive("x", 1), Message.indirectPing(1, to: "b", target: nil, from: "b")),
      Message.ping(1, to: "me", from: "b"),
    ]
    for packet in liars { subject.receive(packet, from: Subject.proven("a")) }
    #expect(subject.state("x") == nil)
    #expect(subject.sent.isEmpty)
    #expect(subject.counters.claimedOtherName == 3)
    #expect(subject.closed.map(\.reason) == [.claimedOtherName, .claimedOtherName, .claimedOtherName])
    #expect(subject.closed.first?.peer == Subject.proven("a"))
    subject.receive(Message.compound(Message.alive("x", 1), Message.ping(1, to: "me", from: "a")), from: Subject.proven("a"))
    #expect(subject.sent.count == 1, "the positive control")
  }

  @Test("1.5 a push/pull without its sender's own entry is refused whole")
  func pushPull() {
    let subject = subject()
    exchange(subject, Message.pushPull([.init(name: "x")]), from: Subject.proven("a"))
    #expect(subject.refused == [.claimedOtherName])
    #expect(subject.closed.map(\.reason) == [.claimedOtherName])
    #expect(subject.membership.count == 1)
    exchange(subject, Message.pushPull([.init(name: "a"), .init(name: "x")]), from: Subject.proven("a"))
    #expect(subject.membership.count == 3)
    #expect(subject.answers.count == 1)
  }

  @Test("1.5 a reliable ping for another name is refused")
  func reliablePing() {
    let subject = subject()
    exchange(subject, Message.ping(1, to: "me", from: "b"), from: Subject.proven("a"))
    #expect(subject.refused == [.claimedOtherName])
    exchange(subject, Message.ping(1, to: "me", from: "a"), from: Subject.proven("a"))
    #expect(subject.answers.count == 1)
  }

  @Test("1.5 an exchange whose peer proves a name is checked against it also where packets prove none, and others are not")
  func provenStreamsOnly() {
    let subject = Subject { $0.transport.provesNames = false }
    exchange(subject, Message.pushPull([.init(name: "x")]), from: Subject.proven("a"))
    exchange(subject, Message.ping(1, to: "me", from: "b"), from: Subject.proven("a"))
    #expect(subject.refused == [.claimedOtherName, .claimedOtherName])
    #expect(subject.membership.count == 1)
    exchange(subject, Message.ping(1, to: "me", from: "a"), from: Subject.proven("a"))
    exchange(subject, Message.ping(1, to: "me", from: "b"), from: Subject.peer("a"))
    exchange(subject, Message.pushPull([.init(name: "x")]), from: Subject.peer("a"))
    #expect(subject.answers.count == 3)
    #expect(subject.state("x") == .alive)
    subject.input { $0.join([JoinTarget(Subject.address("c"))], id: JoinID(1), at: $1) }
    complete(subject, 0, Message.pushPull(isJoin: true, [.init(name: "x")]), from: Subject.proven("c"))
    #expect(subject.joins.first?.results.map(\.failure) == [.unproven])
  }

  // MARK: 1.6

  @Test("1.6 a member that moved, and whose old address is silent, is at the new one at once, whatever the incarnation")
  func moved() {
    let subject = subject()
    subject.alive("a", 7)
    subject.events = []
    subject.alive("a", 1, address: elsewhere, from: Subject.proven("a", connection: 99))
    #expect(subject.member("a")?.address == Subject.address("a"))
    #expect(subject.opened.map(\.to) == [.member("a", Subject.address("a"))])
    #expect(subject.opened.first?.path == .fresh(since: subject.now))
    #expect(subject.opened.first?.deadline == subject.now + .milliseconds(500))
    let id = subject.opened[0].id
    subject.input { $0.exchangeFailed(id, reason: .noContact, at: $1) }
    #expect(subject.member("a")?.address == elsewhere)
    #expect(subject.incarnation("a") == 1)
    #expect(subject.events == ["a updated"])
    #expect(subject.counters.conflicts == 0)
    #expect(subject.closed.isEmpty)
  }

  @Test("1.6 if the old address still proves the name, it is a duplicate: the old stays, the new is closed")
  func duplicate() {
    let subject = subject(["a"])
    let rival = Subject.proven("a", connection: 99)
    subject.alive("a", 5, address: elsewhere, from: rival)
    ack(subject, 0, from: Subject.proven("a"))
    #expect(subject.member("a")?.address == Subject.address("a"))
    #expect(subject.closed.map(\.reason) == [.nameInUse])
    #expect(subject.closed.first?.peer == rival)
    #expect(subject.events == ["a conflict 10.9.9.9:7946"])
    #expect(subject.state("a") == .alive, "the first is never suspected")
  }

  @Test("1.6 while one claim is checked no other is")
  func onlyOneQuestion() {
    let subject = subject(["a"])
    for incarnation in 2..<10 as Range<UInt32> { subject.alive("a", incarnation, address: elsewhere) }
    #expect(subject.opened.count == 1)
  }

  @Test("1.6 a move that others report is believed after our own dial proved it there, and silence at the old address")
  func hearsay() {
    let subject = subject(["a", "b"])
    subject.alive("a", 2, address: elsewhere, from: Subject.proven("b"))
    #expect(subject.opened.map(\.to) == [.member("a", elsewhere)])
    #expect(subject.member("a")?.address == Subject.address("a"))
    ack(subject, 0, from: Subject.proven("a", connection: 99))
    #expect(subject.opened.last?.to == .member("a", Subject.address("a")))
    let id = subject.opened[1].id
    subject.input { $0.exchangeFailed(id, reason: .deadline, at: $1) }
    #expect(subject.member("a")?.address == elsewhere)
    #expect(subject.incarnation("a") == 2)
  }

  @Test("1.6 an address where another member answers, or none, moves nothing", arguments: [true, false])
  func notThere(somebodyElse: Bool) {
    let subject = subject(["a", "b"])
    subject.alive("a", 2, address: elsewhere, from: Subject.proven("b"))
    if somebodyElse {
      ack(subject, 0, from: Subject.proven("b"))
    } else {
      let id = subject.opened[0].id
      subject.input { $0.exchangeFailed(id, reason: .identityMismatch, at: $1) }
    }
    #expect(subject.member("a")?.address == Subject.address("a"))
    #expect(subject.opened.count == 1)
    #expect(subject.events.isEmpty)
  }

  @Test("1.6 hearsay costs at most one dial per name in ten seconds")
  func dialLimit() {
    let subject = subject(["a", "b"])
    for incarnation in 2..<12 as Range<UInt32> {
      subject.alive("a", incarnation, address: elsewhere, from: Subject.proven("b"))
      if let id = subject.opened.last?.id { subject.input { $0.exchangeFailed(id, reason: .noContact, at: $1) } }
      subject.now += .milliseconds(999)
    }
    #expect(subject.opened.count == 1)
    #expect(subject.counters.claimsToUnprovenAddress == 9)
    subject.now += .milliseconds(20)
    subject.alive("a", 50, address: elsewhere, from: Subject.proven("b"))
    #expect(subject.opened.count == 2)
  }

  @Test("1.6 claims that are repeated wait for one timer")
  func repeatedClaims() {
    let subject = subject(["a", "b"])
    subject.alive("a", 2, address: elsewhere, from: Subject.proven("b"))
    let id = subject.opened[0].id
    subject.input { $0.exchangeFailed(id, reason: .noContact, at: $1) }
    let before = subject.membership.timerCount
    for _ in 0..<100 { subject.alive("a", 2, address: elsewhere, from: Subject.proven("b")) }
    #expect(subject.membership.timerCount <= before + 1)
    subject.now += .seconds(10)
    subject.input { $0.advance(to: $1) }
    #expect(subject.opened.count == 2, "it is taken up when a dial is allowed again")
  }

  @Test("1.6 what a moving member said in the meantime is not lost: its refutation of claims about its former life")
  func refutationWhileMoving() {
    let subject = subject()
    subject.alive("a", 7)
    subject.alive("a", 1, address: elsewhere)
    subject.alive("a", 8, address: elsewhere)
    let id = subject.opened[0].id
    subject.input { $0.exchangeFailed(id, reason: .noContact, at: $1) }
    #expect(subject.member("a")?.address == elsewhere)
    #expect(subject.incarnation("a") == 8)
    subject.suspect("a", 7, by: "b")
    #expect(subject.state("a") == .alive)
  }

  @Test("1.6 a member that leaves while its former address is asked stays gone")
  func leftWhileMoving() {
    let subject = subject()
    subject.alive("a", 7)
    subject.alive("a", 1, address: elsewhere)
    subject.left("a", 8)
    let id = subject.opened[0].id
    subject.input { $0.exchangeFailed(id, reason: .noContact, at: $1) }
    #expect(subject.state("a") == .left)
  }

  @Test("1.6 a dead or left member comes back anywhere when it says so itself", arguments: [true, false])
  func restarted(isDead: Bool) {
    let subject = subject()
    subject.alive("a", 7)
    subject.now += .seconds(5)
    if isDead { subject.dead("a", 7, by: "b") } else { subject.left("a", 7) }
    subject.events = []
    subject.alive("a", 1, address: elsewhere)
    #expect(subject.events == ["a joined"])
    #expect(subject.member("a")?.address == elsewhere)
    #expect(subject.opened.isEmpty)
  }

  @Test("1.6 a node that sees itself at another address refutes, and reports no conflict")
  func ownAddress() {
    let subject = subject(["b"])
    subject.alive("me", 3, address: elsewhere, from: Subject.proven("b"))
    #expect(subject.incarnation("me") == 4)
    #expect(subject.events.isEmpty)
    #expect(subject.news() == ["alive me 4"])
  }

  @Test("1.6 a peer that closes because our name is in use is reported")
  func nameRefused() {
    let subject = subject(["b"])
    subject.input { $0.connectionClosed(Subject.proven("b"), reason: .nameInUse, at: $1) }
    #expect(subject.nameRefusals == 1)
    #expect(subject.state("b") == .alive)
  }

  // MARK: 1.6, one member held at two addresses

  @Test("1.6 outdated hearsay of another address is checked like any: a member that restarted elsewhere begins at incarnation 1")
  func outdatedHearsay() {
    let subject = subject(["b"])
    subject.alive("a", 7)
    subject.sent = []
    subject.alive("a", 1, address: elsewhere, from: Subject.proven("b"))
    #expect(subject.opened.map(\.to) == [.member("a", elsewhere)])
    let there = Subject.proven("a", connection: 99)
    ack(subject, 0, from: there)
    #expect(subject.sent.map(\.messages) == [["alive a 7"]], "the member hears what it has to outdo")
    #expect(subject.sent.map(\.to) == [.reply(there)])
    #expect(subject.opened.last?.to == .member("a", Subject.address("a")))
    let id = subject.opened[1].id
    subject.input { $0.exchangeFailed(id, reason: .noContact, at: $1) }
    #expect(subject.member("a")?.address == elsewhere)
    #expect(subject.incarnation("a") == 1)
  }

  @Test("1.6 a member that others place at a wrong address hears so, at its real address", arguments: [false, true])
  func refusedHearsay(isOutdone: Bool) {
    let subject = subject(["b"])
    subject.alive("a", 7)
    subject.sent = []
    subject.alive("a", isOutdone ? 6 : 9, address: elsewhere, from: Subject.proven("b"))
    let id = subject.opened[0].id
    subject.input { $0.exchangeFailed(id, reason: .noContact, at: $1) }
    #expect(subject.member("a")?.address == Subject.address("a"))
    #expect(subject.sent.map(\.messages) == (isOutdone ? [] : [["alive a 9"]]), "one that it has outdone is no news to it")
    #expect(subject.sent.allSatisfy { $0.to == .member("a", Subject.address("a")) })
  }

  /// The ways in which a member states its address.
  enum Statement: CaseIterable { case ping, indirectPing, reliablePing, hello }

  private func state(_ address: NodeAddress, _ statement: Statement, to subject: Subject, by peer: Peer) {
    switch statement {
    case .ping: subject.receive(Message.ping(1, to: "me", from: "a", at: address), from: peer)
    case .indirectPing: subject.receive(Message.indirectPing(1, to: "b", target: nil, from: "a", at: address), from: peer)
    case .reliablePing: exchange(subject, Message.ping(1, to: "me", from: "a", at: address), from: peer)
    case .hello: subject.input { $0.addressStated(address, by: peer, at: $1) }
    }
  }

  @Test("1.6 a member that says that it is elsewhere is told its old entry, and moved when it answers", arguments: Statement.allCases)
  func statedAddress(_ statement: Statement) {
    let subject = subject(["b"])
    subject.alive("a", 7)
    subject.sent = []
    let there = Subject.proven("a", connection: 99)
    state(elsewhere, statement, to: subject, by: there)
    let told = subject.sent.filter { $0.messages == ["alive a 7"] }
    #expect(told.map(\.to) == [.reply(there)])
    #expect(subject.opened.isEmpty, "an address in a ping is never dialled")
    subject.alive("a", 8, address: elsewhere, from: there)
    let id = subject.opened[0].id
    subject.input { $0.exchangeFailed(id, reason: .noContact, at: $1) }
    #expect(subject.member("a")?.address == elsewhere)
    #expect(subject.incarnation("a") == 8)
  }

  @Test("1.6 an address that is held already, leads nowhere or is not allowed is not answered", arguments: Statement.allCases)
  func statedInVain(_ statement: Statement) throws {
    let allowed = try #require(CIDRBlock(parsing: "10.0.0.0/16"))
    let subject = subject(["a", "b"]) { $0.transport.allowedNetworks = AllowedNetworks([allowed]) }
    for address in [Subject.address("a"), NodeAddress(ipv4: 0, 0, 0, 0, port: 7946), NodeAddress(ipv4: 10, 0, 7, 7, port: 0), elsewhere] {
      state(address, statement, to: subject, by: Subject.proven("a"))
    }
    #expect(subject.sent.allSatisfy { !$0.messages.contains { $0.hasPrefix("alive") } })
    #expect(subject.counters.addressesCorrected == 0)
    state(NodeAddress(ipv4: 10, 0, 7, 7, port: 7946), statement, to: subject, by: Subject.proven("a"))
    #expect(subject.counters.addressesCorrected == 1, "the positive control")
  }

  @Test("1.6 a member is told once in a gossip interval at most")
  func correctionLimit() {
    let subject = subject(["a"]) { $0.gossip.interval = .milliseconds(200) }
    for _ in 0..<50 { state(elsewhere, .ping, to: subject, by: Subject.proven("a")) }
    #expect(subject.counters.addressesCorrected == 1)
    subject.now += .milliseconds(200)
    state(elsewhere, .ping, to: subject, by: Subject.proven("a"))
    #expect(subject.counters.addressesCorrected == 2)
  }

  @Test("1.6 a node that others place elsewhere says where it is to the peer that said so", arguments: [0, 3] as [UInt32])
  func ownAddressAnswer(incarnation: UInt32) {
    let subject = subject(["b"])
    subject.alive("me", incarnation, address: elsewhere, from: Subject.proven("b"))
    #expect(subject.sent.map(\.messages) == [["alive me \(incarnation + 1)"]])
    #expect(subject.sent.map(\.to) == [.reply(Subject.proven("b"))])
  }

  @Test("1.6 what a member says itself goes before what others say about it, also while that is being checked")
  func ownVoiceFirst() {
    let subject = subject(["a", "b"])
    let nowhere = NodeAddress(ipv4: 10, 8, 8, 8, port: 1)
    subject.alive("a", 9, address: nowhere, from: Subject.proven("b"))
    subject.alive("a", 1, address: elsewhere, from: Subject.proven("a", connection: 99))
    subject.alive("a", 10, address: nowhere, from: Subject.proven("b"))
    for position in 0..<2 {
      let id = subject.opened[position].id
      subject.input { $0.exchangeFailed(id, reason: .noContact, at: $1) }
    }
    #expect(subject.opened[..<2].map(\.to) == [.member("a", nowhere), .member("a", Subject.address("a"))])
    #expect(subject.member("a")?.address == elsewhere)
  }

  // MARK: 1.9

  @Test("1.9 a death notice about a member that has just spoken to us is a suspicion, and a probe at once", arguments: [true, false])
  func doubtful(isLeave: Bool) throws {
    let subject = subject(["a", "b"])
    subject.now += .milliseconds(500)
    subject.receive(Message.ack(999), from: Subject.proven("a"))
    subject.now += .milliseconds(500)
    if isLeave { subject.left("a", 1, from: Subject.proven("b")) } else { subject.dead("a", 1, by: "b") }
    #expect(subject.state("a") == .suspect)
    #expect(subject.events.isEmpty)
    #expect(subject.counters.doubtfulDeaths == 1)
    let packet = try #require(subject.sent.last)
    #expect(packet.to == .member("a", Subject.address("a")))
    #expect(packet.messages.count == 2)
    #expect(packet.messages.first?.hasPrefix("ping a") == true)
    #expect(packet.messages.last == "suspect a 1 by me")
  }

  @Test("1.9 after a probe timeout of silence, or from the member itself, it is believed")
  func believed() {
    let subject = subject(["a", "b", "c"])
    subject.now += .milliseconds(501)
    subject.dead("a", 1, by: "b")
    #expect(subject.state("a") == .dead)
    subject.receive(Message.ack(999), from: Subject.proven("c"))
    subject.left("c", 1)
    #expect(subject.state("c") == .left)
  }

  @Test("1.9 many accusers from one peer count as one")
  func oneMouth() {
    let subject = subject((0..<10).map { NodeName("n\($0)") } + ["liar"])
    for number in 0..<10 { subject.suspect("n1", 1, by: NodeName("accuser-\(number)"), from: Subject.proven("liar")) }
    #expect(subject.counters.suspicionsConfirmed == 0)
    subject.suspect("n1", 1, by: "n2", from: Subject.proven("n3"))
    #expect(subject.counters.suspicionsConfirmed == 1)
  }

  // MARK: 1.10

  @Test("1.10 answers go back where the requests came from, never to an address from a message")
  func replies() {
    let subject = subject()
    subject.receive(Message.ping(1, to: "me", from: "a", at: elsewhere), from: Subject.proven("a"))
    #expect(subject.sent.map(\.to) == [.reply(Subject.proven("a"))])
  }

  @Test("1.10 an indirect ping goes to the address in the member table, or nowhere")
  func indirect() {
    let subject = subject(["t"])
    subject.receive(Message.indirectPing(1, to: "t", target: elsewhere, from: "a"), from: Subject.proven("a"))
    #expect(subject.sent.map(\.to) == [.member("t", Subject.address("t"))])
    subject.receive(Message.indirectPing(2, to: "unknown", target: elsewhere, from: "a"), from: Subject.proven("a"))
    #expect(subject.sent.count == 1)
    #expect(subject.counters.indirectPingsToUnknown == 1)
    let number = UInt32(subject.sent[0].messages[0].split(separator: " ")[2]) ?? 0
    subject.receive(Message.ack(number), from: Subject.proven("b"))
    #expect(subject.sent.count == 1, "not from the one that was asked")
    subject.receive(Message.ack(number), from: Subject.proven("t"))
    #expect(subject.sent.last?.to == .reply(Subject.proven("a")))
    #expect(subject.sent.last?.messages == ["ack 1"])
  }

  private func probing(_ subject: Subject) throws -> (target: NodeName, number: UInt32) {
    let packet = try #require(subject.pass(untilSent: { $0.messages.first?.hasPrefix("ping") == true }))
    guard case .member(let target, _) = packet.to else { throw Unexpected() }
    return (target, try #require(UInt32(packet.messages[0].split(separator: " ")[2])))
  }

  struct Unexpected: Error {}

  @Test("1.10 an ack counts from the probed member, or from a helper that was asked")
  func acks() throws {
    for (voice, counts) in [("target", true), ("helper", true), ("stranger", false)] {
      let subject = subject(["a", "b", "c"]) {
        $0.probe.indirectChecks = 1
        $0.probe.usesReliablePing = false
      }
      let (target, number) = try probing(subject)
      subject.pass(.milliseconds(500))
      guard case .member(let helper, _)? = subject.sent.last(where: { $0.messages[0].hasPrefix("indirect") })?.to else {
        throw Unexpected()
      }
      let names: [String: NodeName] = ["target": target, "helper": helper]
      subject.receive(Message.ack(number), from: Subject.proven(names[voice] ?? "stranger"))
      subject.pass(.milliseconds(500))
      #expect((subject.counters.suspicions == 0) == counts, "\(voice)")
      #expect(subject.counters.strayAcks == (counts ? 0 : 1))
    }
  }

  // MARK: 2

  @Test("2.1 a ping unanswered at half the timeout goes again on a fresh connection, and so does the reliable one")
  func fresh() throws {
    let subject = subject(["a"])
    let (_, number) = try probing(subject)
    let start = subject.now
    subject.sent = []
    subject.pass(.milliseconds(250))
    #expect(subject.sent.map(\.messages) == [["ping a \(number)"]])
    #expect(subject.sent.first?.path == .fresh(since: start))
    subject.receive(Message.ack(number), from: Subject.proven("a"))
    #expect(subject.acks.first?.roundTrip == nil, "which of the two was it?")
    #expect(subject.acks.count == 1)
    _ = try probing(subject)
    let second = subject.now
    subject.pass(.milliseconds(500))
    #expect(subject.opened.last?.path == .fresh(since: second))
  }

  @Test("2.1 an answered ping is not sent again; a cold one reports no round trip", arguments: [true, false])
  func roundTrip(isWarm: Bool) throws {
    let subject = subject(["a"])
    subject.membership.setWarm("a", isWarm)
    let (_, number) = try probing(subject)
    subject.receive(Message.ack(number), from: Subject.proven("a"))
    subject.sent = []
    subject.pass(.milliseconds(400))
    #expect(subject.sent.isEmpty)
    #expect(subject.acks.map { $0.roundTrip != nil } == [isWarm])
  }

  @Test("2.2 a connection that ends starts a probe, and nothing more", arguments: [CloseReason.shutdown, .left, nil])
  func closed(reason: CloseReason?) throws {
    let subject = subject(["a", "b"])
    subject.input { $0.connectionClosed(Subject.proven("a"), reason: reason, at: $1) }
    #expect(subject.sent.map(\.to) == [.member("a", Subject.address("a"))])
    #expect(subject.state("a") == .alive)
    for _ in 0..<5 { subject.input { $0.connectionClosed(Subject.proven("a"), reason: reason, at: $1) } }
    #expect(subject.sent.count == 1)
    #expect(subject.events.isEmpty)
  }

  @Test("2.2 members whose connections keep ending do not keep the others from being probed in turn")
  func flapping() {
    let subject = subject(["m", "n", "x"])
    for _ in 0..<100 {
      for name in ["m", "n"] as [NodeName] {
        subject.input { $0.connectionClosed(Subject.proven(name), reason: .shutdown, at: $1) }
      }
      subject.pass(.milliseconds(100))
    }
    #expect(pinged(subject, "x"))
  }

  @Test("2.2 nor does one that answers just in time, so that its probes are in progress at every tick", arguments: [100, 400, 700])
  func lateAnswers(offset: Int) throws {
    let subject = subject(["m", "x"])
    subject.pass(.milliseconds(offset))
    // What was sent before says nothing about the later probes.
    let start = subject.sent.count
    var answered = 0
    for _ in 0..<5 {
      subject.input { $0.connectionClosed(Subject.proven("m"), reason: .shutdown, at: $1) }
      subject.pass(.milliseconds(900))
      for message in subject.sent[answered...].flatMap(\.messages) where message.hasPrefix("ping") {
        let words = message.split(separator: " ").map(String.init)
        subject.receive(Message.ack(try #require(UInt32(words[2]))), from: Subject.proven(NodeName(words[1])))
      }
      answered = subject.sent.count
      subject.pass(.milliseconds(100))
    }
    #expect(pinged(subject, "x", since: start))
    #expect(subject.state("m") != .dead)
  }

  private func pinged(_ subject: Subject, _ name: NodeName, since start: Int = 0) -> Bool {
    subject.sent[start...].contains { $0.to == .member(name, Subject.address(name)) && $0.messages.contains { $0.hasPrefix("ping") } }
  }

  @Test("2.2 idle and replaced ones start none", arguments: [CloseReason.none, .replaced])
  func idle(reason: CloseReason) {
    let subject = subject(["a"])
    subject.input { $0.connectionClosed(Subject.proven("a"), reason: reason, at: $1) }
    #expect(subject.sent.isEmpty)
  }

  @Test("2.6 a connection that existed before its member was known makes the member warm")
  func warmBeforeKnown() {
    let subject = subject(["a", "b", "c"], isWarm: false) {
      $0.pushPull.interval = .seconds(30)
      $0.probe.interval = .zero
    }
    subject.membership.setWarm("n3", true)
    subject.membership.setWarm("n4", true)
    subject.membership.setWarm("n4", false)
    for name in ["n3", "n4"] as [NodeName] { subject.alive(name, 1, from: Subject.proven(name)) }
    #expect(subject.membership.table.find("n3").map { subject.membership.table[$0].warmPosition != nil } == true)
    #expect(subject.membership.table.find("n4").map { subject.membership.table[$0].warmPosition == nil } == true)
    #expect(subject.membership.table.warm.count == 1)
  }

  @Test("2.6 state is exchanged with warm members while any exist")
  func warmPushPull() {
    let subject = subject((0..<20).map { NodeName("n\($0)") }, isWarm: false) {
      $0.pushPull.interval = .seconds(1)
      $0.probe.interval = .zero
    }
    subject.opened = []
    subject.membership.setWarm("n3", true)
    subject.membership.setWarm("n4", true)
    subject.pass(.seconds(20))
    let warm: Set<Destination> = [.member("n3", Subject.address("n3")), .member("n4", Subject.address("n4"))]
    #expect(subject.opened.count == 20)
    #expect(Set(subject.opened.map(\.to)) == warm)
    subject.membership.setWarm("n3", false)
    subject.membership.setWarm("n4", false)
    subject.pass(.seconds(5))
    #expect(subject.opened.count == 25)
  }

  @Test("2.7 answers have an ID where names are proven, so that they go before gossip; gossip has none", arguments: [true, false])
  func answersAreAwaited(provesNames: Bool) {
    let subject = Subject { $0.transport.provesNames = provesNames }
    subject.alive("a", 1)
    subject.input { membership, _ in membership.setWarm("a", true) }
    subject.pass(.seconds(2))
    #expect(!subject.sent.isEmpty)
    let gossip = subject.sent.filter { !$0.messages.contains { $0.hasPrefix("ping") } }
    #expect(!gossip.isEmpty && gossip.allSatisfy { $0.id == nil })
    subject.sent = []
    subject.receive(Message.ping(7, to: "me"), from: subject.defaultPeer("a"))
    subject.input { membership, _ in membership.sendUserMessage([1, 2].span.bytes, to: .member("a", Subject.address("a"))) }
    #expect(subject.sent.count == 2 && subject.sent.allSatisfy { ($0.id != nil) == provesNames })
    #expect(Set(subject.sent.map(\.id)).count == (provesNames ? 2 : 1))
  }

  @Test("2.8 a packet that was not sent is our fault, first or second", arguments: [true, false])
  func notSent(isFirst: Bool) throws {
    let subject = subject(["a"]) { $0.probe.usesReliablePing = false }
    _ = try probing(subject)
    if !isFirst { subject.pass(.milliseconds(250)) }
    let id = try #require(subject.sent.last?.id)
    subject.input { $0.packetNotSent(id, reason: .notSent, at: $1) }
    subject.pass(.milliseconds(990))
    #expect(subject.state("a") == .alive)
    #expect(subject.score == 1)
    #expect(subject.counters.probesFailed == 0)
  }

  // MARK: 3

  @Test("3 a peer may introduce a limited number of names a minute, and itself; the reply to our join any number")
  func newNames() {
    let subject = subject(["a"]) { $0.limits.newNamesPerPeerPerMinute = 5 }
    let before = subject.membership.count
    for number in 0..<10 { subject.alive(NodeName("n\(number)"), 1, from: Subject.proven("a")) }
    #expect(subject.membership.count == before + 5)
    #expect(Set(subject.limits) == [.newNamesPerPeer])
    subject.alive("self", 1)
    #expect(subject.state("self") == .alive)
    subject.now += .seconds(60)
    subject.alive("n9", 1, from: Subject.proven("a"))
    #expect(subject.state("n9") == .alive)
    subject.input { $0.join([JoinTarget(Subject.address("b"))], id: JoinID(1), at: $1) }
    complete(
      subject, 0, Message.pushPull(isJoin: true, (0..<50).map { .init(name: NodeName("m\($0)")) } + [.init(name: "b")]),
      from: Subject.proven("b"))
    #expect(subject.state("m49") == .alive)
  }

  @Test("3 members that were never connected are at most half of the table")
  func unproven() {
    let subject = subject(["a"]) { $0.limits.members = 20 }
    for number in 0..<30 { subject.alive(NodeName("n\(number)"), 1, from: Subject.proven("a")) }
    #expect(subject.membership.count == 2 + 10)
    #expect(Set(subject.limits) == [.unprovenMembers])
    for number in 0..<30 { subject.alive(NodeName("p\(number)"), 1) }
    #expect(subject.membership.count == 20)
    #expect(Set(subject.limits) == [.unprovenMembers, .members])
  }
}
