import Memberlist
import SerfCore
import SerfPrimitives
import Testing

@Suite("leaving")
struct LeaveTests {
  let node: TestNode
  let request = RequestID(7)

  init() throws { node = try TestNode() }

  func leave() throws(SerfCoreError) {
    try node.with { (core, now) throws(SerfCoreError) in try core.leave(request: request, at: now) }
  }

  @Test("alone is over at once")
  func alone() throws {
    try leave()
    #expect(node.replies[request] == .done(isSpread: true))
    #expect(node.core.status == .left)
    #expect(node.status("me") == .left)
    #expect(node.memberEvents == ["leave me"])
  }

  @Test("takes no propagation delay when the last other member has gone meanwhile")
  func leftAlone() throws {
    node.meet("a")
    try leave()
    node.advance(by: .seconds(5))
    node.lose("a")
    node.advance(by: .milliseconds(4_999))
    #expect(node.replies[request] == nil)
    node.advance(by: .milliseconds(1))
    #expect(node.replies[request] == .done(isSpread: false))
  }

  @Test("goes on when the news does not get through, and says so")
  func nobodyTakesIt() throws {
    node.meet("a")
    try leave()
    #expect(node.status("me") == .leaving)
    node.advance(by: .seconds(5))
    #expect(node.status("me") == .left)
    node.advance(by: .milliseconds(5_999))
    #expect(node.replies[request] == nil, "the propagation delay is not over")
    node.advance(by: .milliseconds(1))
    #expect(node.replies[request] == .done(isSpread: false))
    #expect(node.core.counters.broadcastsTimedOut == 2)
  }

  @Test("twice is one leave: both calls are answered at its end, and a later one at once")
  func twice() throws {
    let (second, third) = (RequestID(8), RequestID(9))
    node.meet("a")
    try leave()
    node.advance(by: .seconds(3))
    try node.with { (core, now) throws(SerfCoreError) in try core.leave(request: second, at: now) }
    #expect(node.queuedIntents == 1)
    node.advance(by: .milliseconds(7_999))
    #expect(node.replies[request] == nil && node.replies[second] == nil)
    node.advance(by: .milliseconds(1))
    #expect(node.replies[request] == .done(isSpread: false))
    #expect(node.replies[second] == .done(isSpread: false))
    #expect(node.memberEvents == ["join a", "leave me"])
    try node.with { (core, now) throws(SerfCoreError) in try core.leave(request: third, at: now) }
    #expect(node.replies[third] == .done(isSpread: true))
  }

  @Test("rules out joining")
  func joinAfterLeave() throws {
    try leave()
    node.advance(by: .seconds(2))
    #expect(throws: SerfCoreError.notAlive(.left)) {
      try node.with { (core, now) throws(SerfCoreError) in try core.join([], ignoreOld: false, request: request, at: now) }
    }
  }

  @Test("is not refuted, whichever member repeats it")
  func repeated() throws {
    node.meet("a")
    try leave()
    node.leaveIntent("me", at: 9)
    #expect(node.status("me") == .leaving)
    #expect(node.core.counters.leavesRefuted == 0)
  }

  @Test("is cut short by a shutdown, which answers all waiting calls")
  func shutDown() throws {
    node.meet("a")
    try node.with { (core, now) throws(SerfCoreError) in
      try core.setTags(["a": "b"], request: RequestID(1), at: now)
      try core.forceLeave("b", prune: false, request: RequestID(2), at: now)
      try core.join([JoinTarget(node.peer.address)], ignoreOld: false, request: RequestID(3), at: now)
      try core.leave(request: request, at: now)
      try core.leave(request: RequestID(8), at: now)
    }
    node.feed { core, now in core.shutDown(at: now) }
    for id in [RequestID(1), RequestID(2), RequestID(3)] { #expect(node.replies[id] != nil) }
    for id in [request, RequestID(8)] { #expect(node.replies[id] == .shutDown) }
    #expect(node.core.nextDeadline == nil)
    node.feed { core, now in core.shutDown(at: now) }
    node.meet("z")
    #expect(node.status("z") == nil)
    #expect(throws: SerfCoreError.notAlive(.shutDown)) { try leave() }
  }
}

@Suite("a farewell")
struct FarewellTests {
  let node: TestNode

  init() throws { node = try TestNode() }

  private func stop(saysFarewell: Bool = true) { node.feed { core, now in core.shutDown(at: now, saysFarewell: saysFarewell) } }

  @Test("is one packet to each of as many members as gossip reaches, and no more than there are", arguments: [0, 1, 2, 3, 8])
  func packets(others: Int) {
    for name in "abcdefgh".prefix(others) { node.meet(NodeName("\(name)")) }
    stop()
    #expect(node.destinations.count == min(others, 3))
    #expect(Set(node.destinations).count == node.destinations.count)
    #expect(node.sent.map(\.bytes) == Array(repeating: .leave("me", at: 1), count: min(others, 3)))
    #expect(node.memberEvents.count == others, "the node itself has not left: it has stopped")
    stop()
    #expect(node.destinations.count == min(others, 3), "a node that has stopped sends nothing")
  }

  @Test("is sent by a node that is leaving, because its leave may not have spread")
  func whileLeaving() throws {
    node.meet("a")
    try node.with { (core, now) throws(SerfCoreError) in try core.leave(request: RequestID(1), at: now) }
    stop()
    #expect(node.destinations.count == 1)
    #expect(node.replies[RequestID(1)] == .shutDown)
  }

  @Test("is not sent by a node that has left, nor where it is not asked for, nor to members that are gone")
  func silent() throws {
    node.meet("a")
    node.lose("a")
    stop()
    #expect(node.destinations.isEmpty)
    let quiet = try TestNode()
    quiet.meet("a")
    quiet.feed { core, now in core.shutDown(at: now) }
    #expect(quiet.destinations.isEmpty)
    let left = try TestNode()
    left.meet("a")
    try left.with { (core, now) throws(SerfCoreError) in try core.leave(request: RequestID(1), at: now) }
    left.advance(by: .seconds(11))
    #expect(left.core.status == .left)
    left.feed { core, now in core.shutDown(at: now, saysFarewell: true) }
    #expect(left.destinations.isEmpty)
  }
}

@Suite("a forced leave")
struct ForceLeaveTests {
  let node: TestNode
  let request = RequestID(7)

  init() throws { node = try TestNode() }

  func forceLeave(_ name: NodeName, prune: Bool = false) throws(SerfCoreError) {
    try node.with { (core, now) throws(SerfCoreError) in try core.forceLeave(name, prune: prune, request: request, at: now) }
  }

  @Test("makes a failed member left, and tells the others")
  func failed() throws {
    node.meet("a")
    node.meet("b")
    node.lose("a")
    try forceLeave("a")
    #expect(node.status("a") == .left)
    #expect(node.queuedIntents == 1)
    #expect(node.memberEvents == ["join a", "join b", "failed a", "leave a"])
    #expect(node.core.statistics.memberTime == 2)
  }

  @Test("ends what the transport has with the member, once more if it had failed, and before the application hears of it")
  func departed() throws {
    node.meet("a")
    node.meet("b")
    node.lose("a")
    #expect(node.memberEvents == ["join a", "join b", "failed a"])
    try forceLeave("a")
    try forceLeave("a")
    try forceLeave("b")
    #expect(node.departed.map(\.name) == ["a", "a"], "b is only leaving")
    node.lose("b")
    #expect(node.departed.map(\.name) == ["a", "a", "b"])
    #expect(node.memberEvents == ["join a", "join b", "failed a", "leave a", "leave b"])
    #expect(node.departed.map(\.eventsBefore) == [3, 4, 5], "this node's own join is the first event")
  }

  @Test("with prune forgets the member")
  func pruned() throws {
    node.meet("a")
    node.lose("a")
    try forceLeave("a", prune: true)
    #expect(node.status("a") == nil)
    #expect(node.replies[request] == .done(isSpread: true))
  }

  @Test("is told to the member itself, also when there is no other")
  func toldToTheMember() throws {
    node.meet("a")
    try forceLeave("a")
    #expect(node.status("a") == .leaving)
    #expect(node.queuedIntents == 1)
    #expect(node.replies[request] == nil, "answered when it has been told")
    try forceLeave("a")
    #expect(node.queuedIntents == 2, "and told again when it is said again")
  }

  @Test("of the only other member hides nothing from it: tags and our own leave are told to it")
  func othersAreTold() throws {
    node.meet("a")
    try forceLeave("a")
    try node.with { (core, now) throws(SerfCoreError) in
      try core.setTags(["x": "y"], request: RequestID(8), at: now)
      #expect(node.replies[RequestID(8)] == nil)
      try core.leave(request: RequestID(9), at: now)
    }
    #expect(node.status("me") == .leaving, "not yet left: the intent is told first")
    #expect(node.queuedIntents == 2)
  }

  @Test("with prune does not erase a member that lives, however long it takes to answer; one that ends is erased")
  func prunedAlive() throws {
    node.meet("a")
    try forceLeave("a", prune: true)
    node.advance(by: .seconds(60))
    #expect(node.status("a") == .leaving)
    node.lose("a")
    #expect(node.status("a") == .left)
    node.advance(by: .seconds(10))
    #expect(node.status("a") == nil)
  }

  @Test("of an unknown name on a lone node does no harm")
  func unknown() throws {
    try forceLeave("nobody")
    #expect(node.replies[request] == .done(isSpread: true))
    #expect(node.queuedIntents == 0)
  }

  @Test("of ourselves is refuted")
  func ourselves() throws {
    try forceLeave("me")
    #expect(node.status("me") == .alive)
    #expect(node.core.counters.leavesRefuted == 1)
  }

  @Test("reports when no member got it in time")
  func timeout() throws {
    node.meet("a")
    try forceLeave("b")
    node.advance(by: .seconds(5))
    #expect(node.replies[request] == .done(isSpread: false))
  }
}
