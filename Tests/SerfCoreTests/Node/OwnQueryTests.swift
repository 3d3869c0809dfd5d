import Memberlist
import SerfCore
import SerfPrimitives
import SerfWire
import Testing

@Suite("a query of this node")
struct OwnQueryTests {
  let node: TestNode

  init() throws {
    node = try TestNode(tags: ["role": "web"])
    node.meet("a", tags: ["role": "db"])
    node.meet("b", tags: ["role": "web"])
  }

  private func ask(
    _ name: String = "load", _ payload: [UInt8] = [], _ change: (inout SerfQuery.Options) -> Void = { _ in }
  ) throws -> SerfQuery.ID {
    var options = SerfQuery.Options()
    change(&options)
    return try node.with { (core, now) throws(SerfCoreError) in
      try core.query(name: Array(name.utf8), payload: payload, options: options, at: now)
    }
  }

  private func respond(_ id: SerfQuery.ID, _ payload: String) throws {
    try node.with { (core, now) throws(SerfCoreError) in try core.respond(to: id, with: Array(payload.utf8), at: now) }
  }

  @Test("goes to all members, and to this node, which answers it like the others")
  func asked() throws {
    let id = try ask()
    #expect(node.core.statistics.queryQueue == 1)
    #expect(node.core.statistics.queryTime == id.time + 1)
    #expect(node.queries.map(\.name) == ["load"])
    #expect(node.queries.first?.source == "me" && node.queries.first?.id == id)
    try respond(id, "1")
    #expect(node.answers == ["me: 1"])
    #expect(node.sent.isEmpty)
  }

  @Test("ends as soon as every member that was alive has answered")
  func complete() throws {
    let id = try ask()
    node.gossip(.response(id, from: "a", "2"))
    try respond(id, "1")
    #expect(node.summaries.isEmpty)
    node.gossip(.response(id, from: "b", "3"))
    #expect(node.answers == ["a: 2", "me: 1", "b: 3"])
    #expect(node.summaries == [QuerySummary(asked: 3, acknowledged: 0, answered: 3, isComplete: true)])
    node.advance(by: .seconds(10))
    #expect(node.summaries.count == 1)
  }

  @Test("ends when its time is over, and an answer that comes later is only counted")
  func deadline() throws {
    let id = try ask("load", []) { $0.timeout = .seconds(2) }
    node.gossip(.response(id, from: "a", "2"))
    node.advance(by: .milliseconds(1_999))
    #expect(node.summaries.isEmpty)
    node.advance(by: .milliseconds(1))
    #expect(node.summaries == [QuerySummary(asked: 3, acknowledged: 0, answered: 1, isComplete: false)])
    node.gossip(.response(id, from: "b", "3"))
    #expect(node.answers == ["a: 2"])
    #expect(node.core.counters.responsesWithoutQuery == 1)
  }

  @Test("waits gossip interval × 16 × ⌈log10(members + 1)⌉ if it does not say how long", arguments: [(3, 3_200), (10, 6_400)])
  func defaultTimeout(members: Int, milliseconds: Int) throws {
    var configuration = SerfCoreConfiguration.quiet
    configuration.membership.gossip.interval = .milliseconds(200)
    configuration.membership.gossip.fanout = 0
    let node = try TestNode(configuration)
    for number in 1..<members { node.meet(NodeName("\(number)")) }
    _ = try node.with { (core, now) throws(SerfCoreError) in try core.query(name: [], payload: [], options: .init(), at: now) }
    node.advance(by: .milliseconds(milliseconds - 1))
    #expect(node.summaries.isEmpty)
    node.advance(by: .milliseconds(1))
    #expect(node.summaries.count == 1)
  }

  @Test("gets one ack and one answer of each member, however many copies arrive")
  func copies() throws {
    let id = try ask("load", []) { $0.wantsAcks = true }
    #expect(node.acks == ["me"])
    for _ in 0..<3 {
      node.gossip(.response(id, from: "a", nil))
      node.gossip(.response(id, from: "a", "2"))
    }
    #expect(node.acks == ["me", "a"])
    #expect(node.answers == ["a: 2"])
    #expect(node.core.counters.responsesDuplicate == 4)
  }

  @Test("takes an answer for an ack too, which may be lost or come later")
  func answerBeforeAck() throws {
    let id = try ask("load", []) { $0.wantsAcks = true }
    node.gossip(.response(id, from: "a", "2"))
    #expect(node.acks == ["me", "a"])
    node.gossip(.response(id, from: "a", nil))
    #expect(node.acks == ["me", "a"])
  }

  @Test("that asked for no acks gets none")
  func unwantedAck() throws {
    let id = try ask()
    node.gossip(.response(id, from: "a", nil))
    #expect(node.acks.isEmpty)
    #expect(node.core.counters.responsesRefused == 1)
  }

  @Test("addresses the members that all its filters match, as far as this node knows them")
  func filters() throws {
    let id = try ask("load", []) { $0.filters = [.tag("role", matching: "^web$"), .members(["b", "a"])] }
    #expect(node.queries.isEmpty, "this node is not among them")
    node.gossip(.response(id, from: "b", "3"))
    #expect(node.summaries == [QuerySummary(asked: 1, acknowledged: 0, answered: 1, isComplete: true)])
  }

  @Test("that addresses no member that we know waits for one that we do not know")
  func nobody() throws {
    let id = try ask("load", []) { $0.filters = [.members(["stranger"])] }
    #expect(node.summaries.isEmpty)
    node.gossip(.response(id, from: "stranger", "0"))
    #expect(node.answers == ["stranger: 0"])
  }

  @Test("cannot be answered by ever more invented names")
  func inventedNames() throws {
    let id = try ask()
    for number in 0..<1_000 { node.gossip(.response(id, from: NodeName("x\(number)"), "")) }
    #expect(node.answers.count == 70)
    #expect(node.core.counters.responsesRefused == 930)
  }

  @Test("is refused for its size before any of its filters is read, and for filters that are too much work together")
  func costlyFilters() throws {
    let many = [SerfQuery.Filter](repeating: .tag("role", matching: "(a{0,1000})"), count: 50_000)
    #expect(throws: SerfCoreError.self) { try ask("load", []) { $0.filters = many } }
    let error = #expect(throws: SerfCoreError.self) { try ask("load", []) { $0.filters = Array(many.prefix(10)) } }
    #expect(error?.description.contains("too large") == true, "\(String(describing: error))")
    _ = try ask("load", []) { $0.filters = Array(many.prefix(1)) }
  }

  @Test("is refused where its encoding passes the limit, with the sizes, and the same passes a raised one")
  func sizeLimit() throws {
    let time = node.core.statistics.queryTime
    let error = #expect(throws: SerfCoreError.self) { try ask("load", [UInt8](repeating: 0, count: 1_024)) }
    guard case .queryTooLarge(let name, let encoded, 1_028, 1_024) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(name == Array("load".utf8) && encoded > 1_100)
    #expect(node.core.statistics.queryTime == time && node.core.statistics.queryQueue == 0)
    var configuration = SerfCoreConfiguration.quiet
    configuration.queries.sizeLimit = encoded
    let raised = try TestNode(configuration)
    _ = try raised.with { (core, now) throws(SerfCoreError) in
      try core.query(name: name, payload: [UInt8](repeating: 0, count: 1_024), options: .init(), at: now)
    }
    #expect(raised.core.statistics.queryQueue == 1)
  }

  @Test("with a filter that is no expression, or a time that nobody waits, is refused")
  func badOptions() {
    #expect(throws: SerfCoreError.self) { try ask("load", []) { $0.filters = [.tag("role", matching: "(")] } }
    for timeout in [Duration.zero, .seconds(-1), .seconds(601), .seconds(Int64.max)] {
      #expect(throws: SerfCoreError.queryTimeout(timeout, longest: .seconds(600))) { try ask("load", []) { $0.timeout = timeout } }
    }
    #expect(node.core.statistics.queryQueue == 0)
  }

  @Test("ends when the node is shut down, and nobody can ask any more")
  func shutDown() throws {
    _ = try ask()
    node.feed { $0.shutDown(at: $1) }
    #expect(node.summaries == [QuerySummary(asked: 3, acknowledged: 0, answered: 0, isComplete: false)])
    #expect(throws: SerfCoreError.notAlive(.shutDown)) { try ask() }
  }

  @Test("is not answered in another member's name, where names are proven and the query takes no detours")
  func provenNames() throws {
    let node = try TestNode(transport: TransportTraits(provesNames: true))
    let peer = Peer(address: NodeAddress(ipv4: 10, 0, 1, 97, port: 7946), connection: ConnectionID(1), provenName: "a")
    var options = SerfQuery.Options()
    options.filters = [.members(["a", "b"])]
    for factor in [0, 1] as [UInt8] {
      options.relayFactor = factor
      let id = try node.with { (core, now) throws(SerfCoreError) in try core.query(name: [], payload: [], options: options, at: now) }
      node.gossip(.response(id, from: "b", "forged"), from: peer)
      node.gossip(.response(id, from: "a", "own"), from: peer)
    }
    #expect(node.answers == ["a: own", "b: forged", "a: own"], "a member that relays an answer may invent one")
    #expect(node.core.counters.responsesRefused == 1)
  }
}

@Suite("an answer of this node")
struct AnswerTests {
  let node: TestNode
  let asker = Destination.member("asker", NodeAddress(ipv4: 10, 0, 0, 9, port: 1))

  init() throws { node = try TestNode(tags: ["role": "web", "": "empty"]) }

  private func respond(_ payload: [UInt8] = [7]) throws {
    let id = try #require(node.queries.first).id
    try node.with { (core, now) throws(SerfCoreError) in try core.respond(to: id, with: payload, at: now) }
  }

  @Test("goes to the asking member, once")
  func once() throws {
    node.gossip(.query(1, at: 10))
    try respond()
    #expect(node.sent.map(\.to) == [asker])
    let message = try #require(node.sent.first).bytes
    #expect(message == .response(SerfQuery.ID(time: 10, number: 1), from: "me", "\u{7}"))
    #expect(throws: SerfCoreError.answeredAlready) { try respond() }
    #expect(node.sent.count == 1)
  }

  @Test("is not sent after its time")
  func late() throws {
    node.gossip(.query(1, at: 10))
    node.advance(by: .seconds(1))
    #expect(throws: SerfCoreError.answerTooLate) { try respond() }
    #expect(node.sent.isEmpty)
  }

  @Test("is not sent when it is too large, and a smaller one may follow")
  func tooLarge() throws {
    node.gossip(.query(1, at: 10))
    #expect(throws: SerfCoreError.self) { try respond([UInt8](repeating: 0, count: 1_024)) }
    #expect(node.sent.isEmpty)
    try respond()
    #expect(node.sent.count == 1)
  }

  @Test("also goes by way of as many members as the query wants, which are not the asking one")
  func relayed() throws {
    for name in ["asker", "b", "c", "d"] as [NodeName] { node.meet(name) }
    node.gossip(.query(1, at: 10, relayFactor: 2))
    try respond()
    #expect(node.sent.count == 3 && node.sent.first?.to == asker)
    let relays = Set(node.sent.dropFirst().map(\.to))
    #expect(relays.count == 2 && !relays.contains(asker))
    for sent in node.sent.dropFirst() {
      #expect(sent.bytes.first == SerfMessageType.relay.rawValue)
      #expect(Array(sent.bytes.suffix(node.sent[0].bytes.count)) == node.sent[0].bytes)
    }
  }

  @Test("takes no detour in a cluster of too few members")
  func tooFewRelays() throws {
    node.meet("b")
    node.gossip(.query(1, at: 10, relayFactor: 2))
    try respond()
    #expect(node.sent.count == 1)
  }

  @Test("is preceded by an ack, if the query wants one")
  func ack() {
    node.gossip(.query(1, at: 10, flags: .wantsAck))
    #expect(node.sent.map(\.bytes) == [.response(SerfQuery.ID(time: 10, number: 1), from: "me", nil)])
  }

  @Test("is not due for the cluster's own questions, which no application sees")
  func internalQuery() {
    node.gossip(.query(1, at: 10, flags: .wantsAck, name: "_serf_ping"))
    #expect(node.queries.isEmpty)
    #expect(node.sent.count == 1)
  }

  @Test(
    "is due when all filters match; one that cannot be read matches no member",
    arguments: [
      ([.nodes(["a", "me"])], true), ([.nodes(["a"])], false), ([.nodes([])], false),
      ([.tag(name: "role", expression: "^web$")], true), ([.tag(name: "role", expression: "e")], true),
      ([.tag(name: "role", expression: "^db")], false), ([.tag(name: "zone", expression: "^$")], true),
      ([.tag(name: "zone", expression: ".")], false), ([.tag(name: "role", expression: "(")], false),
      ([.nodes(["me"]), .tag(name: "role", expression: "db")], false), ([.tag(name: "role", expression: "(a+)+$")], false),
    ] as [([FilterCase], Bool)])
  func filters(filters: [FilterCase], isAsked: Bool) {
    node.gossip(.query(1, at: 10, flags: .wantsAck, filters: QueryFilter.encode(filters.map(\.filter))))
    #expect(node.queries.count == (isAsked ? 1 : 0))
    #expect(node.sent.count == (isAsked ? 1 : 0), "no ack without a match")
    #expect(node.core.statistics.queryQueue == 1, "it is passed on in any case")
  }

  enum FilterCase: Sendable {
    case nodes([NodeName])
    case tag(name: String, expression: String)

    var filter: QueryFilter {
      switch self {
      case .nodes(let names): .nodes(names)
      case .tag(let name, let expression): .tag(name: Array(name.utf8), expression: Array(expression.utf8))
      }
    }
  }

  @Test("is not due for a filter of no bytes, on which Go's agent stops")
  func emptyFilter() {
    // An array of one empty byte string.
    node.gossip(.query(1, at: 10, filters: [0x91, 0xc4, 0]))
    #expect(node.queries.isEmpty)
    #expect(node.core.counters.queriesReceived == 1)
  }

  @Test("to a member that nobody knows, or at an address that is none, is counted and dropped")
  func unknownAsker() throws {
    node.gossip(.query(1, at: 10, source: nil))
    try respond()
    #expect(node.sent.isEmpty)
    #expect(node.core.counters.responsesUndeliverable == 1)
  }

  @Test("can be given for the newest 2,048 queries that wait for one")
  func many() {
    for id in 0..<3_000 as Range<UInt32> { node.gossip(.query(id, at: LamportTime(id))) }
    #expect(node.queries.count == 3_000)
    #expect(throws: SerfCoreError.answerTooLate) { try respond() }
    #expect(node.limits.contains(.answerableQueries))
  }
}
