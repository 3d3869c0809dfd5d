import Memberlist
import SerfCore
import SerfPrimitives
import SerfWire
import Testing

@Suite("a push/pull")
struct PushPullTests {
  let node: TestNode

  init() throws { node = try TestNode(.replaying) }

  @Test("brings clocks, intents and events, and none of them is passed on")
  func merge() {
    node.pushPull(
      state: .state(
        clocks: (42, 50, 100), statuses: [("test", 20), ("foo", 15), ("back", 15)], left: ["foo", "back"],
        events: [(45, ["test", "other"])]))
    let statistics = node.core.statistics
    #expect(statistics.memberTime == 42)
    #expect(statistics.eventTime == 50)
    #expect(statistics.queryTime == 100)
    #expect(node.userEvents.map { $0.name } == ["test", "other"])
    #expect(node.userEvents.allSatisfy { $0.time == 45 })
    #expect([statistics.intentQueue, statistics.eventQueue, statistics.queryQueue] == [0, 0, 0])
    for name in ["test", "foo", "back"] as [NodeName] { node.meet(name) }
    // A member that is seen alive is alive. If another member lists it as left, that only says how it has ended in case it is gone.
    for name in ["test", "foo", "back"] as [NodeName] { #expect(node.status(name) == .alive) }
    // A leave before the newest known intent does not count. That intent itself may be a leave, which is known when it is heard.
    node.leaveIntent("test", at: 19)
    #expect(node.core.counters.intentsStale == 1 && node.status("test") == .alive)
    node.leaveIntent("test", at: 20)
    #expect(node.status("test") == .leaving)
    // 15 + 1, the guessed time of the leave, may be the time at which it came back.
    node.joinIntent("back", at: 16)
    for name in ["foo", "back"] as [NodeName] { node.lose(name) }
    #expect(node.status("foo") == .left && node.status("back") == .failed)
  }

  @Test("full of mistakes has all of them counted, and a few reported")
  func mistakes() {
    let entries = 10_000
    node.pushPull(state: .state(statuses: [(NodeName, LamportTime)](repeating: (NodeName(bytes: []), 1), count: entries)))
    #expect(node.core.counters.intentsRefused == UInt64(entries))
    #expect(node.limits == [NodeLimit](repeating: .nameLength, count: 256))
    node.joinIntent(NodeName(bytes: []), at: 1)
    #expect(node.limits.count == 257)
  }

  @Test("with more members than there can be is not read to its end, whichever list they are on", arguments: [0, 1, 30])
  func tooManyEntries(leftCount: Int) throws {
    var configuration = SerfCoreConfiguration.replaying
    configuration.membership.limits.members = 10
    let node = try TestNode(configuration)
    let names = (0..<30).map { NodeName("ghost-" + String($0)) }
    node.pushPull(state: .state(statuses: names.map { ($0, 1) }, left: Array(names.suffix(leftCount))))
    #expect(node.limits == [.stateEntries])
  }

  @Test("that says that we left is answered with a join")
  func saysWeLeft() {
    node.pushPull(state: .state(clocks: (9, 0, 0), statuses: [("me", 7)], left: ["me"]))
    #expect(node.status("me") == .alive)
    #expect(node.queuedIntents == 1)
  }

  @Test("carries what we know, and only the filled slots of the ring")
  func local() throws {
    node.meet("a")
    node.meet("b")
    node.leaveIntent("b", at: 6)
    node.lose("b")
    // Its time would be taken for that of a join, and the leave would not be believed.
    node.meet("c")
    node.leaveIntent("c", at: 5)
    node.gossip(.userEvent("deploy", [1], at: 700))
    node.gossip(.userEvent("deploy", [2], at: 700))
    node.gossip(.userEvent("restart", at: 300))
    node.gossip(.query(1, at: 4))

    let bytes = node.state()
    #expect(bytes.first == SerfMessageType.pushPull.rawValue)
    let state = try SerfPushPull(decoding: bytes.span.bytes.extracting(droppingFirst: 1))
    #expect([state.time, state.eventTime, state.queryTime] == [7, 701, 5])
    var times: [String] = []
    var statuses = state.statusTimes
    while let entry = statuses.next() { times.append(escaped([UInt8](copying: entry.key)) + String(entry.time)) }
    #expect(times == ["me0", "a0", "b6", "c4"])
    var left = state.leftMembers
    #expect(left.count == 1)
    if let name = left.next() { #expect(name.equals("b") == true) }
    var slots = state.events
    var events: [String] = []
    while var slot = slots.next() {
      let time = slot.time
      while let event = slot.next() { events.append(String(time) + escaped([UInt8](copying: event.name))) }
    }
    #expect(events == ["300restart", "700deploy", "700deploy"])
  }

  @Test("with an implausible clock raises ours to the bound, and the rest of it counts")
  func implausible() {
    node.pushPull(state: .state(clocks: (4, .max, 6), statuses: [("a", 3)], left: ["a"]))
    #expect(node.core.statistics.memberTime == 5)
    #expect(node.core.statistics.eventTime == Self.bound)
    #expect(node.core.statistics.queryTime == 6)
    #expect(node.core.counters.implausibleTimes == 1)
    node.meet("a")
    node.lose("a")
    #expect(node.status("a") == .left)
    // What is sent from now on has times that all members believe after the same push/pull.
    node.gossip(.userEvent("x", at: Self.bound))
    #expect(node.userEvents.map { $0.name } == ["x"])
  }

  @Test("with single implausible times loses only these")
  func implausibleEntries() {
    node.pushPull(
      state: .state(
        clocks: (5, 5, 5), statuses: [("a", .max), ("b", 3)], left: ["a"], events: [(3, ["y"]), (Self.bound, ["x"])]))
    #expect(node.userEvents.map { $0.name } == ["y"])
    node.meet("a")
    node.lose("a")
    #expect(node.status("a") == .failed)
    #expect(node.core.statistics.memberTime == Self.bound)
    #expect(node.core.statistics.eventTime == Self.bound)
    #expect(node.core.counters.implausibleTimes == 2)
  }

  @Test("may raise a clock once, however many times it contains")
  func raisesOnce() {
    node.pushPull(
      state: .state(
        clocks: (.max, .max, .max), statuses: (0..<100).map { (NodeName("n-" + String($0)), .max - $0) },
        events: (0..<100).map { (.max - $0, ["x"]) }))
    let statistics = node.core.statistics
    #expect([statistics.memberTime, statistics.eventTime, statistics.queryTime] == [Self.bound, Self.bound, Self.bound])
    #expect(node.core.counters.implausibleTimes == 203)
  }

  @Test("whose clocks were cut is followed by one more with the same member, until nothing is cut")
  func repeatsWhatWasCut() throws {
    node.meet("a")
    node.meet("b")
    let a = Peer(address: NodeAddress(ipv4: 10, 0, 1, 97, port: 7946))
    let target = Self.bound + 3 << 32
    // On TCP the other side of an accepted connection has another port.
    node.pushPull(state: .state(clocks: (target, 1, 1)), from: Peer(address: a.address.with(port: 50_000)))
    for round in 0..<3 as Range<Int> {
      try #require(node.opened.count == round + 1)
      #expect(node.opened.last?.to == .member("a", a.address))
      let reply = TestNode.pushPullMessage(state: .state(clocks: (target, 1, 1)), isJoin: false)
      let exchange = try #require(node.opened.last)
      node.feed { core, now in core.exchangeCompleted(exchange.id, reply: reply.span.bytes, from: a, at: now) }
    }
    #expect(node.core.statistics.memberTime == target)
    #expect(node.opened.count == 3)
  }

  @Test("that we opened, with a member whose clocks it must have cut, is followed by one more")
  func repeatsWhatTheOtherCut() throws {
    node.meet("a")
    for _ in 0..<3 { node.pushPull(state: .state(clocks: (1, .max, 1))) }
    let before = node.opened.count
    let exchange = try #require(node.opened.last)
    let reply = TestNode.pushPullMessage(state: .state(clocks: (1, 7, 1)), isJoin: false)
    node.feed { core, now in core.exchangeCompleted(exchange.id, reply: reply.span.bytes, from: node.peer, at: now) }
    #expect(node.opened.count == before + 1)
  }

  @Test("whose clocks are cut for ever is followed by a limited number of others")
  func bounded() throws {
    node.meet("a")
    for _ in 0..<1_000 { node.pushPull(state: .state(clocks: (.max, .max, .max))) }
    #expect(node.opened.count == 256)
    #expect(node.core.membership.counters.pushPullsOutOfTurnRefused == 744)
    node.advance(by: .milliseconds(900))
    node.pushPull(state: .state(clocks: (.max, .max, .max)))
    #expect(node.opened.count == 256)
    node.advance(by: .milliseconds(100))
    node.pushPull(state: .state(clocks: (.max, .max, .max)))
    #expect(node.opened.count == 257)
  }

  @Test("that a gossiped time far from ours causes goes to the peer that delivered it, once a second", arguments: [true, false])
  func gossipFarAway(isAhead: Bool) {
    node.meet("a")
    node.meet("b")
    node.gossip(.userEvent("x", at: 1 << 40))
    #expect(node.opened.isEmpty)
    let a = Peer(address: NodeAddress(ipv4: 10, 0, 1, 97, port: 7946))
    for _ in 0..<3 { node.gossip(.userEvent("y", at: isAhead ? .max : 9), from: a) }
    #expect(node.opened.map { $0.to } == [.member("a", a.address)])
    node.advance(by: .seconds(1))
    node.gossip(.userEvent("z", at: isAhead ? .max : 9), from: a)
    #expect(node.opened.count == 2)
  }

  /// What one push/pull may raise a fresh clock to.
  static let bound: LamportTime = (3 << 62) + (1 << 32)

  @Test("that is not one is counted", arguments: [[], [3, 0x80], [2], [2, 0xc1], [2, 0x81, 0xa6]] as [[UInt8]])
  func malformed(state: [UInt8]) {
    node.pushPull(state: state)
    #expect(node.core.counters.statesMalformed == (state.isEmpty ? 0 : 1))
  }

  @Test("replays events to a joiner, and not to one that wants no old ones", arguments: [false, true])
  func ignoreOld(ignoreOld: Bool) throws {
    let target = JoinTarget(NodeAddress(ipv4: 10, 0, 0, 2, port: 7946))
    try node.with { (core, now) throws(SerfCoreError) in
      try core.join([target], ignoreOld: ignoreOld, request: RequestID(1), at: now)
    }
    let exchange = try #require(node.opened.first)
    let reply = TestNode.pushPullMessage(state: .state(clocks: (1, 50, 1), events: [(49, ["old"])]), isJoin: true)
    node.feed { core, now in core.exchangeCompleted(exchange.id, reply: reply.span.bytes, from: node.peer, at: now) }
    #expect(node.userEvents.map { $0.name } == (ignoreOld ? [] : ["old"]))
    #expect(node.core.counters.eventsNotWanted == (ignoreOld ? 1 : 0) && node.core.counters.eventsTooOld == 0)
    guard case .joined(let results) = node.replies[RequestID(1)] else { throw TestNode.NoReply() }
    #expect(results.map { $0.target } == [target])
    #expect(results.allSatisfy { $0.failure == nil })
    // Events from after the join are welcome either way.
    node.gossip(.userEvent("new", at: 50))
    #expect(node.userEvents.last?.name == "new")
  }
}

extension SerfCoreConfiguration {
  fileprivate static var replaying: SerfCoreConfiguration {
    var configuration = SerfCoreConfiguration.quiet
    configuration.userEvents.deliversOldEvents = true
    return configuration
  }
}
