import SerfCore
import SerfPrimitives
import Testing

@Suite("intents")
struct IntentTests {
  let node: TestNode

  init() throws { node = try TestNode() }

  @Test("about an unknown node wait for it, and are passed on once", arguments: [Intent.Kind.join, .leave])
  func early(kind: Intent.Kind) {
    let message: [UInt8] = kind == .join ? .join("a", at: 10) : .leave("a", at: 10)
    node.gossip(message)
    #expect(node.queuedIntents == 1)
    node.gossip(message)
    #expect(node.queuedIntents == 1)
    #expect(node.core.statistics.memberTime == 11)
    #expect(node.memberEvents.isEmpty)
    node.meet("a")
    #expect(node.status("a") == (kind == .join ? .alive : .leaving))
    #expect(node.memberEvents == ["join a"])
  }

  @Test("that are not newer than the last are ignored")
  func old() {
    node.joinIntent("a", at: 12)
    node.meet("a")
    let queued = node.queuedIntents
    node.leaveIntent("a", at: 10)
    node.leaveIntent("a", at: 12)
    node.joinIntent("a", at: 12)
    #expect(node.queuedIntents == queued)
    #expect(node.status("a") == .alive)
    #expect(node.core.counters.intentsStale == 3)
  }

  @Test("to leave make a member leaving, silently, and its end a leave")
  func leaving() {
    node.meet("a")
    node.leaveIntent("a", at: 14)
    #expect(node.status("a") == .leaving)
    #expect(node.core.statistics.memberTime == 15)
    node.lose("a")
    #expect(node.status("a") == .left)
    #expect(node.memberEvents == ["join a", "leave a"])
  }

  @Test("to join cancel a leave")
  func resetLeaving() {
    node.meet("a")
    node.leaveIntent("a", at: 12)
    node.joinIntent("a", at: 14)
    #expect(node.status("a") == .alive)
    node.lose("a")
    #expect(node.memberEvents == ["join a", "failed a"])
  }

  @Test("of the newest time win, joins and leaves together")
  func pendingIntents() {
    node.joinIntent("a", at: 5)
    node.leaveIntent("a", at: 6)
    node.meet("a")
    #expect(node.status("a") == .leaving)
    node.leaveIntent("a", at: 6)
    #expect(node.core.counters.intentsStale == 1)
  }

  @Test("to leave about a failed member make it left at once")
  func forceLeft() {
    node.meet("a")
    node.lose("a")
    node.leaveIntent("a", at: 3)
    #expect(node.status("a") == .left)
    #expect(node.memberEvents == ["join a", "failed a", "leave a"])
  }

  @Test("about the same leave are not new the second time, also where nothing changed the first time")
  func noEndlessRebroadcast() {
    node.meet("a")
    node.leaveIntent("a", at: 3)
    node.lose("a")
    node.meet("a", incarnation: 2)
    #expect(node.status("a") == .alive)
    node.leaveIntent("a", at: 4)
    node.lose("a", incarnation: 2)
    #expect(node.status("a") == .left)
    let queued = node.queuedIntents
    node.leaveIntent("a", at: 5)
    #expect(node.queuedIntents == queued + 1)
    for time in [3, 4, 5] as [LamportTime] { node.leaveIntent("a", at: time) }
    #expect(node.queuedIntents == queued + 1)
  }

  @Test("that we leave are refuted with a newer join, each of them")
  func refuted() {
    for time in [10, 20] as [LamportTime] {
      let queued = node.queuedIntents
      node.leaveIntent("me", at: time)
      #expect(node.status("me") == .alive)
      #expect(node.queuedIntents == queued + 1)
      #expect(node.core.statistics.memberTime == time + 2)
    }
    #expect(node.core.counters.leavesRefuted == 2)
    // It has the time of our refutation, and may have come first elsewhere.
    node.leaveIntent("me", at: 21)
    #expect(node.core.counters.leavesRefuted == 3)
    // It is older than our refutation, so no answer is needed.
    node.leaveIntent("me", at: 21)
    #expect(node.core.counters.leavesRefuted == 3)
  }

  @Test("with an implausible time are dropped, and are not passed on")
  func implausible() {
    node.meet("a")
    for time in [.max, 3 << 62, (1 << 63) + (1 << 17)] as [LamportTime] { node.leaveIntent("a", at: time) }
    #expect(node.status("a") == .alive)
    #expect(node.queuedIntents == 0)
    #expect(node.core.counters.implausibleTimes == 3)
    #expect(node.core.statistics.memberTime == 1)
  }

  @Test("of a flood of made-up names only fill the buffer")
  func flood() {
    for index in 0..<5_000 { node.joinIntent(NodeName("ghost-" + String(index)), at: 1) }
    #expect(node.core.counters.intentsRefused == 5_000 - 4_096)
    #expect(node.queuedIntents == 4_096)
    node.meet("a")
    node.leaveIntent("a", at: 2)
    #expect(node.status("a") == .leaving)
  }

  @Test("about names that no node can have are not kept")
  func impossibleNames() {
    for name in [NodeName(bytes: []), NodeName(bytes: [UInt8](repeating: 0x61, count: 513))] { node.joinIntent(name, at: 1) }
    #expect(node.core.counters.intentsRefused == 2)
    #expect(node.queuedIntents == 0)
    #expect(node.limits == [.nameLength, .nameLength])
    node.joinIntent(NodeName(bytes: [UInt8](repeating: 0x61, count: 512)), at: 1)
    #expect(node.queuedIntents == 1)
  }

  @Test("are forgotten when they are old")
  func expiry() {
    node.leaveIntent("a", at: 5)
    node.advance(by: .seconds(320))
    node.meet("a")
    #expect(node.status("a") == .alive)
  }
}

@Suite("a prune")
struct PruneTests {
  let node: TestNode

  init() throws { node = try TestNode() }

  @Test("forgets a failed member at once")
  func failed() {
    node.meet("a")
    node.lose("a")
    node.leaveIntent("a", at: 3, prunes: true)
    #expect(node.status("a") == nil)
    #expect(node.memberEvents == ["join a", "failed a", "leave a", "reap a"])
  }

  @Test("forgets a member that left")
  func left() {
    node.meet("a")
    node.leaveIntent("a", at: 3)
    node.lose("a")
    node.leaveIntent("a", at: 4, prunes: true)
    #expect(node.memberEvents == ["join a", "leave a", "reap a"])
  }

  @Test("gives a leaving member the time that a leave takes, while all else goes on")
  func leaving() {
    node.meet("a")
    node.leaveIntent("a", at: 3, prunes: true)
    node.advance(by: .milliseconds(5_900))
    #expect(node.status("a") == .leaving)
    node.meet("b")
    #expect(node.status("b") == .alive)
    node.lose("a")
    node.advance(by: .milliseconds(200))
    #expect(node.memberEvents == ["join a", "join b", "leave a", "reap a"])
  }

  @Test("spares a member that has refuted the leave")
  func refuted() {
    node.meet("a")
    node.leaveIntent("a", at: 3, prunes: true)
    node.joinIntent("a", at: 4)
    node.advance(by: .seconds(10))
    #expect(node.status("a") == .alive)
  }

  @Test("about ourselves is refuted like any leave")
  func ourselves() {
    node.leaveIntent("me", at: 3, prunes: true)
    node.advance(by: .seconds(10))
    #expect(node.status("me") == .alive)
    #expect(node.core.counters.leavesRefuted == 1)
  }
}
