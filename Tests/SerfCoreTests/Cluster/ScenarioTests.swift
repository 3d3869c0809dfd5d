import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import SerfWire
import Testing

/// Scenarios of other implementations that no other suite has (`Tests/SCENARIOS.md`).
@Suite("a cluster, in the scenarios of other implementations")
struct ScenarioTests {
  private func options(_ change: (inout SerfQuery.Options) -> Void) -> SerfQuery.Options {
    var options = SerfQuery.Options()
    change(&options)
    return options
  }

  /// The newest intent time of each member, as `name` tells others in a push/pull.
  private func intentTimes(on name: NodeName, in cluster: SimulatedCluster) throws -> [NodeName: LamportTime] {
    var message: [UInt8] = []
    try cluster.call(name) { (core, _, _) throws(SerfCoreError) in core.encodePushPull(isJoin: false, with: nil, into: &message) }
    let exchange = try PushPull(decoding: message.span.bytes)
    let state = try SerfPushPull(decoding: exchange.userState.extracting(droppingFirst: 1))
    var (times, entries): ([NodeName: LamportTime], _) = ([:], state.statusTimes)
    while let entry = entries.next() { times[NodeName(bytes: [UInt8](copying: entry.key))] = entry.time }
    return times
  }

  @Test("counts one member, then two, and after a leave and its time in the member list one again", arguments: [false, true])
  func count(provesNames: Bool) throws {
    var configuration = SerfCoreConfiguration.brisk
    configuration.reaping.leftTimeout = .seconds(2)
    let cluster = SimulatedCluster(provesNames: provesNames, configuration)
    for name in ["a", "b"] as [NodeName] {
      try cluster.start(name)
      #expect(cluster.statistics(of: name).members == 1)
    }
    try cluster.join("b", to: "a")
    try cluster.require(.seconds(5), "both see both") { cluster.alive(on: "a").count == 2 && cluster.alive(on: "b").count == 2 }
    #expect(cluster.statistics(of: "a").members == 2)
    try cluster.leave("b")
    cluster.stop("b")
    try cluster.require(.seconds(60), "b is forgotten") { cluster.statistics(of: "a").members == 1 }
    #expect(cluster.history(of: "b", on: "a") == "join leave reap")
  }

  @Test("moves a member's intent time with its join and its leave, to the same on both sides", arguments: [false, true])
  func intentTimes(provesNames: Bool) throws {
    let cluster = SimulatedCluster(provesNames: provesNames)
    try cluster.start(joined: ["a", "b"])
    cluster.run(.seconds(5))
    let joined = try #require(try intentTimes(on: "a", in: cluster)["b"])
    #expect(try intentTimes(on: "b", in: cluster)["b"] == joined)
    #expect(joined >= 1)
    let clock = cluster.statistics(of: "a").memberTime
    #expect(clock > joined)
    try cluster.leave("b")
    let left = try #require(try intentTimes(on: "a", in: cluster)["b"])
    #expect(try intentTimes(on: "b", in: cluster)["b"] == left)
    #expect(left > joined && cluster.statistics(of: "a").memberTime > clock)
  }

  @Test("takes a failed member back by itself where all members share one IP address", arguments: [false, true])
  func reconnectOnOneHost(provesNames: Bool) throws {
    let cluster = SimulatedCluster(seed: 7, provesNames: provesNames, isOneHost: true)
    try cluster.start(joined: ["a", "b", "c"])
    #expect(Set(cluster.members(on: "a").map { $0.address.with(port: 0) }).count == 1)
    let announced = try intentTimes(on: "a", in: cluster)["a"]
    cluster.network.crash(cluster["b"])
    try cluster.require(.seconds(60), "b is failed") {
      (["a", "c"] as [NodeName]).allSatisfy { cluster.status(of: "b", on: $0) == .failed }
    }
    cluster.run(.seconds(60))
    try cluster.start("b")
    try cluster.require(.seconds(60), "b is back") {
      (["a", "b", "c"] as [NodeName]).allSatisfy { cluster.alive(on: $0) == ["a", "b", "c"] }
    }
    #expect(cluster.history(of: "b", on: "a") == "join failed join")
    let attempts = (["a", "c"] as [NodeName]).map { name in cluster.network.read(cluster[name]) { $0.core.counters.reconnects } }
    #expect(attempts.contains { $0 > 0 })
    #expect(try intentTimes(on: "a", in: cluster)["a"] == announced, "the member that tries does not join again itself")
  }

  @Test("gets two acks and one answer where one of two members answers", arguments: [false, true])
  func acks(provesNames: Bool) throws {
    let cluster = SimulatedCluster(provesNames: provesNames)
    try cluster.start(joined: ["a", "b"])
    let id = try cluster.query("a", "load", options { ($0.wantsAcks, $0.timeout) = (true, .seconds(5)) })
    try cluster.require(.seconds(4), "b is asked") { cluster.queries(on: "b").count == 1 }
    try cluster.respond("b", to: try #require(cluster.queries(on: "b").first), [1])
    try cluster.require(.seconds(6), "the query has ended") { cluster.summary(of: id, on: "a") != nil }
    #expect(cluster.summary(of: id, on: "a") == QuerySummary(asked: 2, acknowledged: 2, answered: 1, isComplete: false))
    #expect(cluster.answers(to: id, on: "a") == ["b"])
  }

  @Test("gets one ack and one answer where a filter names one of three members, also by a detour", arguments: [false, true])
  func filtered(provesNames: Bool) throws {
    let cluster = SimulatedCluster(provesNames: provesNames)
    try cluster.start(joined: ["a", "b", "c"])
    let id = try cluster.query(
      "a", "load", options { ($0.filters, $0.wantsAcks, $0.relayFactor, $0.timeout) = ([.members(["c"])], true, 1, .seconds(60)) })
    try cluster.require(.seconds(4), "c is asked") { cluster.queries(on: "c").count == 1 }
    try cluster.respond("c", to: try #require(cluster.queries(on: "c").first), [1])
    try cluster.require(.seconds(4), "the query has ended") { cluster.summary(of: id, on: "a") != nil }
    cluster.run(.seconds(5))
    #expect(cluster.summary(of: id, on: "a") == QuerySummary(asked: 1, acknowledged: 1, answered: 1, isComplete: true))
    #expect(cluster.answers(to: id, on: "a") == ["c"] && cluster.queries(on: "a").isEmpty && cluster.queries(on: "b").isEmpty)
  }

  @Test("carries two user events in their order, with their content")
  func twoEvents() throws {
    let cluster = SimulatedCluster()
    try cluster.start(joined: ["a", "b"])
    // Until the exchanges that follow a join are over, so that gossip has to carry the events.
    cluster.run(.seconds(40))
    for (event, payload) in [("first", [1]), ("second", [2, 2])] as [(String, [UInt8])] {
      try cluster.userEvent("a", event, payload)
      try cluster.require(.seconds(1), "b hears it") { cluster.userEvents(on: "b").last == event }
    }
    let events = cluster.network.reports(of: cluster["b"]).compactMap { entry in
      if case .event(.user(let event)) = entry.report { event } else { nil as UserEvent? }
    }
    #expect(events.map { $0.name } == ["first", "second"] && events.map { $0.payload } == [[1], [2, 2]])
    #expect(events[0].time < events[1].time)
  }
}

@Suite("a node, in the scenarios of other implementations")
struct NodeScenarioTests {
  @Test("is alive, leaves, has left, and is shut down")
  func stages() throws {
    let node = try TestNode()
    node.meet("a")
    #expect(node.core.status == .alive)
    try node.with { (core, now) throws(SerfCoreError) in try core.leave(request: RequestID(1), at: now) }
    #expect(node.core.status == .leaving && node.status("me") == .leaving)
    node.advance(by: .seconds(20))
    #expect(node.core.status == .left && node.replies[RequestID(1)] != nil)
    node.feed { core, now in core.shutDown(at: now) }
    #expect(node.core.status == .shutDown && node.core.nextDeadline == nil)
  }

  @Test("forgets in one round of reaping what is over its time, a member that left and an intent, and keeps the newer ones")
  func reap() throws {
    var configuration = SerfCoreConfiguration.quiet
    configuration.reaping.interval = .seconds(10)
    (configuration.reaping.leftTimeout, configuration.reaping.intentTimeout) = (.seconds(6), .seconds(7))
    let node = try TestNode(configuration)
    func leave(_ name: NodeName, at time: LamportTime) {
      node.meet(name)
      node.leaveIntent(name, at: time)
      node.lose(name)
    }
    leave("old", at: 1)
    node.leaveIntent("ghost1", at: 2)
    node.advance(by: .seconds(5))
    leave("new", at: 3)
    node.leaveIntent("ghost2", at: 4)
    node.advance(by: .milliseconds(4_999))
    #expect(node.core.members.map { $0.name } == ["me", "new", "old"])
    node.advance(by: .milliseconds(1))
    #expect(node.core.members.map { $0.name } == ["me", "new"])
    #expect(node.memberEvents.suffix(1) == ["reap old"])
    for ghost in ["ghost1", "ghost2"] as [NodeName] { node.meet(ghost) }
    #expect(node.status("ghost1") == .alive && node.status("ghost2") == .leaving)
  }

  @Test("believes a join intent that is newer than the last: the member's time and the clock move on, and it is passed on")
  func newerJoin() throws {
    let node = try TestNode()
    node.meet("a")
    node.joinIntent("a", at: 12)
    let queued = node.queuedIntents
    node.joinIntent("a", at: 14)
    #expect(node.queuedIntents == queued + 1 && node.core.statistics.memberTime == 15)
    node.leaveIntent("a", at: 14)
    #expect(node.status("a") == .alive && node.core.counters.intentsStale == 1)
    node.leaveIntent("a", at: 15)
    #expect(node.status("a") == .leaving)
  }

  @Test("asks all members, for answers only and without detours, if it is not told otherwise")
  func defaultQuery() {
    let options = SerfQuery.Options()
    #expect(options.filters.isEmpty && !options.wantsAcks && options.relayFactor == 0 && options.timeout == nil)
  }

  @Test("has Serf's names for statuses, for its own stages and for events")
  func names() {
    #expect(MemberStatus.allCases.map(\.description) == ["none", "alive", "leaving", "left", "failed"])
    #expect(NodeStatus.allCases.map(\.description) == ["alive", "leaving", "left", "shutdown"])
    let kinds = ["member-join", "member-leave", "member-failed", "member-update", "member-reap"]
    #expect(MemberEvent.Kind.allCases.map(\.description) == kinds)
  }

  @Test("has a name of 1 to 512 bytes, or is not made", arguments: [(0, false), (1, true), (512, true), (513, false)])
  func nameLength(length: Int, isAccepted: Bool) {
    let name = NodeName(bytes: [UInt8](repeating: 0x61, count: length))
    let made = (try? NodeCore(.lan, name: name, address: NodeAddress(ipv4: 10, 0, 0, 1, port: 7946), seed: 1)) != nil
    #expect(made == isAccepted)
  }
}
