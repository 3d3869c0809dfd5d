import Memberlist
import SerfCore
import SerfPrimitives
import SerfWire
import Testing

@Suite("a vote on this node's name")
struct NameVoteTests {
  let node: TestNode
  private let rival = NodeAddress(ipv4: 10, 0, 1, UInt8(ascii: "m"), port: 2)

  init() throws {
    node = try TestNode()
    for name in ["a", "b", "c"] as [NodeName] { node.meet(name) }
  }

  /// The gossip layer hears of another node with our name.
  private func meetRival(_ node: TestNode) { node.meet("me", incarnation: 9, port: 2) }

  /// The rival answers the ping that this node sent it last.
  private func rivalAnswers(_ node: TestNode) throws {
    var ack: [UInt8] = []
    Ack(sequenceNumber: try #require(node.pings.last), payload: nil).encode(into: &ack)
    node.receive(ack)
  }

  private func begin() throws -> SerfQuery.ID {
    meetRival(node)
    try rivalAnswers(node)
    return try #require(node.diagnostics.compactMap { if case .nameVoteBegan(let id, _) = $0 { id } else { nil } }.last)
  }

  private func vote(_ id: SerfQuery.ID, _ from: NodeName, for address: NodeAddress?) {
    var payload: [UInt8] = []
    ConflictResponseMessage.encode(
      address.map { SerfMember(name: "me", address: $0, tags: [:], status: .alive, versions: .init()) }, into: &payload)
    answer(id, from, payload)
  }

  private func answer(_ id: SerfQuery.ID, _ from: NodeName, _ payload: [UInt8]) {
    var bytes: [UInt8] = []
    QueryResponseMessage(time: id.time, id: id.number, from: from.bytes.span.bytes, flags: 0, payload: payload.span.bytes).encode(
      into: &bytes)
    node.gossip(bytes)
  }

  private var ours: NodeAddress { node.core.membership.local.address }

  @Test("begins when a node at another address answers to the name, and asks about that name")
  func begins() throws {
    meetRival(node)
    #expect(node.destinations.contains(.member("me", rival)))
    #expect(node.core.counters.nameVotes == 0)
    try rivalAnswers(node)
    #expect(node.core.counters.nameVotes == 1)
    #expect(node.queries.isEmpty)
    node.advance(by: .seconds(30))
    #expect(node.core.status == .alive)
  }

  @Test("does not begin while no node answers there: the address is this node's own past")
  func past() {
    meetRival(node)
    node.advance(by: .seconds(30))
    #expect(node.core.counters.nameVotes == 0 && node.core.statistics.queryQueue == 0)
  }

  @Test(
    "is lost by the minority, which stops without a leave",
    arguments: [([false, false, false], true), ([true, false, false], true), ([true, true, false], false), ([true, true, true], false)])
  func verdict(votes: [Bool], isLost: Bool) throws {
    let id = try begin()
    let sent = node.sent.count
    for (name, isForUs) in zip(["a", "b", "c"] as [NodeName], votes) { vote(id, name, for: isForUs ? ours : rival) }
    #expect(node.core.status == (isLost ? .shutDown : .alive))
    #expect(node.lostVotes == (isLost ? [NameTally(answers: 3, forUs: votes.count { $0 })] : []))
    #expect(node.sent.count == sent && node.memberEvents == ["join a", "join b", "join c"])
    #expect(node.answers.isEmpty && node.summaries.isEmpty, "no caller waits for it")
  }

  @Test("counts half of an even number as a minority, as Go does")
  func tie() throws {
    let id = try begin()
    vote(id, "a", for: ours)
    vote(id, "b", for: rival)
    #expect(node.core.status == .alive, "one more member may answer")
    node.advance(by: .seconds(10))
    #expect(node.core.status == .shutDown)
  }

  @Test("counts a member that knows no such name against us, and an address in 16 bytes as the same")
  func unknown() throws {
    let id = try begin()
    vote(id, "a", for: nil)
    vote(id, "b", for: ours.mapped)
    vote(id, "c", for: ours)
    #expect(node.core.status == .alive)
  }

  @Test("without any answer stops no node")
  func noAnswers() throws {
    _ = try begin()
    node.advance(by: .seconds(30))
    #expect(node.core.status == .alive)
    let tallies = node.diagnostics.compactMap { if case .nameVoteEnded(let tally, _) = $0 { tally } else { nil } }
    #expect(tallies == [NameTally()])
  }

  @Test("does not count names that nobody knows, our own, second answers, or what is no answer")
  func strangers() throws {
    let id = try begin()
    for name in ["x", "y", "me"] as [NodeName] { vote(id, name, for: rival) }
    vote(id, "a", for: ours)
    vote(id, "a", for: rival)
    for payload in [[], [6], [8, 0x80], [6, 0xc1], [6, 0xde, 0xff, 0xff]] as [[UInt8]] { answer(id, "b", payload) }
    node.advance(by: .seconds(10))
    #expect(node.core.status == .alive)
    let tallies = node.diagnostics.compactMap { if case .nameVoteEnded(let tally, _) = $0 { tally } else { nil } }
    #expect(tallies == [NameTally(answers: 1, forUs: 1)])
  }

  @Test("is one at a time, however often the other node is heard of, and the next begins some seconds later")
  func rate() throws {
    _ = try begin()
    for _ in 0..<50 { meetRival(node) }
    #expect(node.pings.count == 1 && node.core.statistics.queryQueue == 1)
    node.advance(by: .seconds(8))
    meetRival(node)
    #expect(node.pings.count == 1)
    node.advance(by: .seconds(10))
    meetRival(node)
    try rivalAnswers(node)
    #expect(node.core.counters.nameVotes == 2)
  }

  @Test("does not take place where names are proven, or where it is switched off")
  func off() throws {
    var configuration = SerfCoreConfiguration.quiet
    configuration.resolvesNameConflicts = false
    for node in [try TestNode(transport: TransportTraits(provesNames: true)), try TestNode(configuration)] {
      meetRival(node)
      #expect(node.pings.isEmpty)
      node.advance(by: .seconds(30))
      #expect(node.core.counters.nameVotes == 0 && node.core.status == .alive)
    }
  }

  @Test("is not about another member's name, nor about an address outside of the allowed networks")
  func elsewhere() throws {
    node.meet("a", incarnation: 9, port: 2)
    #expect(node.pings.isEmpty)
    let allowed = AllowedNetworks([try #require(CIDRBlock(parsing: "10.0.0.0/24"))])
    let guarded = try TestNode(transport: TransportTraits(allowedNetworks: allowed))
    meetRival(guarded)
    #expect(guarded.pings.isEmpty)
  }

  @Test("is not lost to this node itself, which does not answer its own question")
  func ownAddress() throws {
    meetRival(node)
    var ping: [UInt8] = []
    let own = Array("me".utf8)
    Ping(sequenceNumber: try #require(node.pings.last), node: own.span.bytes, source: ours, sourceNode: own.span.bytes).encode(into: &ping)
    let before = node.destinations.count
    node.receive(ping)
    #expect(node.destinations.count == before)
    // The other node's ping is answered: it asks the same.
    ping = []
    Ping(sequenceNumber: 7, node: own.span.bytes, source: rival, sourceNode: own.span.bytes).encode(into: &ping)
    node.receive(ping)
    #expect(node.destinations.count == before + 1)
  }
}
