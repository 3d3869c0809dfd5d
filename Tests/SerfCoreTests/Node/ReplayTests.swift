import Memberlist
import SerfCore
import SerfPrimitives
import Testing

@Suite("user events from before a node's time")
struct ReplayTests {
  private func node(deliversOldEvents: Bool = false) throws -> TestNode {
    var configuration = SerfCoreConfiguration.quiet
    configuration.userEvents.deliversOldEvents = deliversOldEvents
    return try TestNode(configuration)
  }

  private func names(_ node: TestNode) -> [String] { node.userEvents.map { $0.name } }

  private func join(_ node: TestNode, ignoreOld: Bool, _ state: [UInt8]) throws {
    try node.with { (core, now) throws(SerfCoreError) in
      try core.join([JoinTarget(node.peer.address)], ignoreOld: ignoreOld, request: RequestID(1), at: now)
    }
    let exchange = try #require(node.opened.last)
    let reply = TestNode.pushPullMessage(state: state, isJoin: true)
    node.feed { core, now in core.exchangeCompleted(exchange.id, reply: reply.span.bytes, from: node.peer, at: now) }
  }

  @Test(
    "come with the first push/pull if the node wants them, although another opened it; later ones bring what is new",
    arguments: [true, false])
  func first(deliversOldEvents: Bool) throws {
    let node = try node(deliversOldEvents: deliversOldEvents)
    node.pushPull(state: .state(clocks: (1, 50, 1), events: [(49, ["old"])]))
    #expect(names(node) == (deliversOldEvents ? ["old"] : []))
    node.pushPull(state: .state(clocks: (1, 52, 1), events: [(48, ["older"]), (49, ["old"]), (50, ["missed"]), (51, ["missed too"])]))
    #expect(names(node) == (deliversOldEvents ? ["old", "older"] : []) + ["missed", "missed too"])
    node.gossip(.userEvent("new", at: 52))
    #expect(names(node).last == "new")
  }

  @Test("come if a join that asks for them is in progress when another member is faster")
  func joining() throws {
    let node = try node()
    try node.with { (core, now) throws(SerfCoreError) in
      try core.join([JoinTarget(node.peer.address)], ignoreOld: false, request: RequestID(1), at: now)
    }
    node.pushPull(state: .state(clocks: (1, 50, 1), events: [(49, ["old"])]))
    #expect(names(node) == ["old"])
  }

  @Test("come with a later join that asks for them, unless an earlier one did not want them", arguments: [true, false])
  func later(didJoinWithout: Bool) throws {
    let node = try node()
    let state: [UInt8] = .state(clocks: (1, 50, 1), events: [(49, ["old"])])
    if didJoinWithout { try join(node, ignoreOld: true, state) } else { node.pushPull(state: state) }
    #expect(names(node) == [])
    try join(node, ignoreOld: false, state)
    #expect(names(node) == (didJoinWithout ? [] : ["old"]))
  }

  @Test("stay away while the node catches up with clocks beyond what one push/pull may raise")
  func catchingUp() throws {
    let node = try node()
    let top: LamportTime = (3 << 62) + (3 << 32)
    let state: [UInt8] = .state(clocks: (1, top, 1), events: [(top - 9, ["old"])])
    for _ in 0..<5 { node.pushPull(state: state) }
    #expect(node.core.statistics.eventTime == top)
    #expect(names(node) == [])
    node.gossip(.userEvent("new", at: top))
    #expect(names(node) == ["new"])
  }

  @Test("are not delivered to a member that restarts and joins none, whichever member comes back to it", arguments: [true, false])
  func restart(deliversOldEvents: Bool) throws {
    var configuration = SerfCoreConfiguration.brisk
    configuration.userEvents.deliversOldEvents = deliversOldEvents
    let cluster = SimulatedCluster(configuration)
    try cluster.start(joined: ["a", "b", "c"])
    for event in ["one", "two"] { try cluster.userEvent("a", event) }
    try cluster.require(.seconds(5), "c hears both") { cluster.userEvents(on: "c").count == 2 }
    cluster.stop("c")
    try cluster.require(.seconds(40), "c is missed") {
      cluster.status(of: "c", on: "a") == .failed && cluster.status(of: "c", on: "b") == .failed
    }
    try cluster.start("c")
    try cluster.require(.seconds(40), "a or b tries c again") { cluster.alive(on: "c") == ["a", "b", "c"] }
    cluster.run(.seconds(30))
    #expect(cluster.userEvents(on: "c") == (deliversOldEvents ? ["one", "two"] : []))
    try cluster.userEvent("b", "three")
    try cluster.require(.seconds(5), "c hears what is new") { cluster.userEvents(on: "c").last == "three" }
  }
}
