import Memberlist
import SerfCore
import SerfPrimitives
import SerfWire
import Testing

@Suite("a query of another member")
struct QueryTests {
  let node: TestNode

  init() throws { node = try TestNode() }

  @Test("moves the clock, and is passed on once")
  func travels() {
    node.gossip(.query(1, at: 10))
    node.gossip(.query(1, at: 10))
    node.gossip(.query(2, at: 10))
    #expect(node.core.statistics.queryTime == 11)
    #expect(node.core.statistics.queryQueue == 2)
    #expect(node.core.counters.queriesDuplicate == 1)
  }

  @Test("goes no further when its sender does not want it to")
  func noBroadcast() {
    node.gossip(.query(1, at: 10, flags: .noBroadcast))
    #expect(node.core.statistics.queryQueue == 0)
    #expect(node.core.counters.queriesReceived == 1)
  }

  @Test("is taken long after the first turn of the ring, and refused when it is older than that")
  func old() {
    node.gossip(.query(1, at: 3_000))
    node.gossip(.query(1, at: 2_489))
    // The first has the slot of the newest, the second a slot that no query has had.
    for time in [2_488, 2_000] as [LamportTime] { node.gossip(.query(1, at: time)) }
    #expect(node.core.counters.queriesReceived == 2)
    #expect(node.core.counters.queriesTooOld == 2)
  }

  @Test("flood of one time is cut")
  func flood() {
    for id in 0..<300 as Range<UInt32> { node.gossip(.query(id, at: 5)) }
    #expect(node.core.counters.queriesReceived == 256)
    #expect(node.core.counters.queriesRefused == 44)
  }

  @Test("is answered by a stranger: nobody asked, so it is only counted")
  func strayResponse() {
    var message: [UInt8] = []
    QueryResponseMessage(time: 1, id: 1, from: NodeName("a").bytes.span.bytes, flags: 0, payload: nil).encode(into: &message)
    node.gossip(message)
    #expect(node.core.counters.responsesWithoutQuery == 1)
  }
}

@Suite("the filters of a member's query")
struct FilterCostTests {
  private func filters(_ expression: String, count: Int) -> [UInt8] {
    QueryFilter.encode((0..<count).map { _ in .tag(name: Array("role".utf8), expression: Array(expression.utf8)) })
  }

  @Test(
    "are matched as long as they are not too much work: beyond that the query is passed on, and counted",
    arguments: [("^w", 20, true), ("(a{0,1000})", 1, true), ("(a{0,1000})", 38, false), ("(w+)+(w+)+(w+)+(w+)+$", 90, false)])
  func cost(expression: String, count: Int, isAsked: Bool) throws {
    let node = try TestNode(tags: ["role": String(repeating: "w", count: 400)])
    node.gossip(.query(1, at: 10, filters: filters(expression, count: count)))
    #expect(node.queries.count == (isAsked ? 1 : 0))
    #expect(node.core.counters.queriesRefused == (isAsked ? 0 : 1))
    #expect(node.limits.contains(.queryFilters) == !isAsked)
    #expect(node.core.statistics.queryQueue == 1)
  }
}

@Suite("a relayed message")
struct RelayTests {
  let target = NodeAddress(ipv4: 10, 0, 1, 97, port: 7946)
  let claimed = NodeAddress(ipv4: 192, 0, 2, 1, port: 53)

  func relay(to name: NodeName, at address: NodeAddress?, _ message: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    RelayMessage(destination: address, destinationName: name.bytes.span.bytes, message: message.span.bytes).encode(into: &bytes)
    return bytes
  }

  @Test("is passed on as it is")
  func forwarded() throws {
    let node = try TestNode()
    node.gossip(relay(to: "a", at: target, [5, 1, 2, 3]))
    #expect(node.sent.map { $0.bytes } == [[5, 1, 2, 3]])
    #expect(node.sent.map { $0.to } == [.member("a", target)])
    #expect(node.core.counters.relaysForwarded == 1)
  }

  @Test("is not passed on to an address outside of the allowed networks, or that is no node's")
  func outside() throws {
    let allowed = AllowedNetworks([try #require(CIDRBlock(parsing: "10.0.0.0/8"))])
    let node = try TestNode(transport: TransportTraits(allowedNetworks: allowed))
    node.gossip(relay(to: "a", at: claimed, [5]))
    node.gossip(relay(to: "", at: claimed, [5]))
    node.gossip(relay(to: "a", at: target.with(port: 0), [5]))
    #expect(node.sent.isEmpty)
    #expect(node.core.counters.relaysDropped == 3)
    node.gossip(relay(to: "a", at: target, [5]))
    #expect(node.sent.map { $0.to } == [.member("a", target)])
  }

  @Test("goes to the member table's address and never to the message's, where names are proven")
  func proven() throws {
    let node = try TestNode(transport: TransportTraits(provesNames: true))
    let from = Peer(address: target, connection: ConnectionID(1), provenName: "a")
    var alive: [UInt8] = []
    Alive(incarnation: 1, node: NodeName("a").bytes.span.bytes, address: target, meta: nil, versions: .current).encode(into: &alive)
    node.receive(alive, from: from)
    #expect(node.status("a") == .alive)

    node.gossip(relay(to: "a", at: claimed, [5]), from: from)
    #expect(node.sent.map { $0.to } == [.member("a", target)])
    node.gossip(relay(to: "stranger", at: claimed, [5]), from: from)
    node.gossip(relay(to: "", at: claimed, [5]), from: from)
    #expect(node.sent.count == 1)
    #expect(node.core.counters.relaysDropped == 2)
  }

  @Test("is an ack or an answer: a query, an intent or a relay takes no detour", arguments: [0, 1, 3, 4, 8, 9, 255] as [UInt8])
  func otherTypes(type: UInt8) throws {
    let node = try TestNode()
    node.gossip(relay(to: "a", at: target, [type, 1, 2, 3]))
    #expect(node.sent.isEmpty && node.core.counters.relaysForwarded == 0)
    #expect(node.core.counters.messagesMalformed == 1)
  }

  @Test("without content, address or name is dropped")
  func hollow() throws {
    let node = try TestNode()
    node.gossip(relay(to: "a", at: target, []))
    node.gossip(relay(to: "a", at: nil, [5]))
    #expect(node.sent.isEmpty)
    #expect(node.core.counters.messagesMalformed == 1)
    #expect(node.core.counters.relaysDropped == 1)
  }
}
