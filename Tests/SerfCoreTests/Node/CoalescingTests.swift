import Memberlist
import SerfCore
import SerfPrimitives
import Testing

@Suite("a node that coalesces events")
struct CoalescingTests {
  private func node(_ change: (inout SerfSettings.Coalescing) -> Void = { _ in }) throws -> TestNode {
    var configuration = SerfCoreConfiguration.quiet
    configuration.userEvents.deliversOldEvents = true
    (configuration.coalescing.members, configuration.coalescing.userEvents) = (.agent, .agent)
    change(&configuration.coalescing)
    let node = try TestNode(configuration)
    // Its own join is behind it.
    node.advance(by: .seconds(10))
    return node
  }

  private func send(_ name: String, _ payload: String = "", coalesce: Bool = true, at node: TestNode) throws {
    try node.with { (core, now) throws(SerfCoreError) in
      try core.userEvent(name: Array(name.utf8), payload: Array(payload.utf8), coalesce: coalesce, at: now)
    }
  }

  @Test("tells members together when it was quiet for a second; the member list, the log and the figures do not wait")
  func quiet() throws {
    let node = try node()
    node.meet("a")
    node.advance(by: .milliseconds(900))
    node.meet("b")
    node.advance(by: .milliseconds(900))
    node.lose("b")
    #expect(node.memberEvents == [] && node.changes == ["member-join me", "member-join a", "member-join b", "member-failed b"])
    #expect(node.core.members.map { "\($0.name) \($0.status)" } == ["a alive", "b failed", "me alive"])
    #expect([node.core.counters.joins, node.core.counters.failures, node.core.counters.eventsCoalesced] == [3, 1, 1])
    node.advance(by: .milliseconds(999))
    #expect(node.memberEvents == [])
    node.advance(by: .milliseconds(1))
    #expect(node.memberEvents == ["join a", "failed b"])
  }

  @Test("tells them after three seconds at the latest")
  func period() throws {
    let node = try node()
    for index in 0..<10 {
      node.meet(NodeName("m\(index)"))
      node.advance(by: .milliseconds(500))
    }
    #expect(node.memberEvents == ["join m0,join m1,join m2,join m3,join m4,join m5"])
    node.advance(by: .seconds(1))
    #expect(node.memberEvents.count == 2)
  }

  @Test("does not repeat an update with each later event")
  func updateOnce() throws {
    let node = try node()
    node.meet("a")
    node.advance(by: .seconds(2))
    node.meet("a", incarnation: 2, tags: ["role": "web"])
    node.advance(by: .seconds(2))
    node.meet("b")
    node.advance(by: .seconds(2))
    node.lose("b")
    node.advance(by: .seconds(2))
    #expect(node.memberEvents == ["join a", "update a", "join b", "failed b"])
  }

  @Test("delivers at once what must not be coalesced: other user events, replayed ones, and queries")
  func passThrough() throws {
    let node = try node()
    try send("held", at: node)
    try send("now", coalesce: false, at: node)
    node.gossip(.userEvent("theirs", at: 9))
    node.gossip(.query(1, at: 1))
    #expect(node.userEvents.map { $0.name } == ["now", "theirs"] && node.queries.count == 1)
    node.pushPull(state: .state(clocks: (1, 20, 1), events: [(20, ["old"])]))
    #expect(node.userEvents.map { $0.name } == ["now", "theirs", "old"])
    node.advance(by: .seconds(1))
    #expect(node.userEvents.map { $0.name } == ["now", "theirs", "old", "held"])
    #expect(node.core.counters.eventsDelivered == 4)
  }

  @Test("delivers the newest user event of each name")
  func newest() throws {
    let node = try node()
    for payload in ["1", "2", "3"] { try send("deploy", payload, at: node) }
    try send("restart", at: node)
    #expect(node.userEvents.isEmpty)
    node.advance(by: .seconds(1))
    #expect(node.userEvents.map { $0.name + $0.payload.string } == ["deploy3", "restart"])
    #expect([node.core.counters.eventsDelivered, node.core.counters.eventsCoalesced] == [4, 2])
  }

  @Test("delivers early what would exceed the limit, and loses nothing")
  func full() throws {
    let node = try node { $0.userEventLimit = 4 }
    for index in 0..<10 { try send("e\(index)", at: node) }
    #expect(node.userEvents.map { $0.name } == ["e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7"])
    #expect([node.core.counters.flushesEarly, node.core.counters.eventsCoalesced] == [2, 0])
    node.advance(by: .seconds(1))
    #expect(node.userEvents.map { $0.name } == (0..<10).map { "e\($0)" })
  }

  @Test("delivers what waits when it is shut down, once")
  func end() throws {
    let node = try node()
    node.meet("a")
    try send("last", at: node)
    node.feed { core, now in core.shutDown(at: now) }
    #expect(node.memberEvents == ["join a"] && node.userEvents.map { $0.name } == ["last"])
    node.feed { core, now in core.shutDown(at: now) }
    node.advance(by: .seconds(5))
    #expect(node.memberEvents == ["join a"] && node.userEvents.count == 1)
  }

  @Test("does so only with both times of a window", arguments: [(0, 1_000), (3_000, 0)])
  func off(period: Int, quiescence: Int) throws {
    let window = SerfSettings.Coalescing.Window(period: .milliseconds(period), quiescence: .milliseconds(quiescence))
    let node = try node { ($0.members, $0.userEvents) = (window, window) }
    node.meet("a")
    try send("now", at: node)
    #expect(node.memberEvents == ["join a"] && node.userEvents.count == 1)
  }

  @Test("sets one timer, however many events come")
  func timers() throws {
    let node = try node()
    for index in 0..<1_000 as Range<LamportTime> {
      node.gossip(.userEvent("e", at: index + 1, coalesce: true))
      node.advance(by: .milliseconds(1))
    }
    node.advance(by: .seconds(1))
    #expect(node.userEvents.count == 1 && node.core.counters.eventsCoalesced == 999)
  }
}
