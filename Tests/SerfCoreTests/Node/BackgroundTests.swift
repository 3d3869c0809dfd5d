import Memberlist
import SerfCore
import SerfPrimitives
import Testing

@Suite("in the background")
struct BackgroundTests {
  @Test("members that are gone for too long are forgotten, failed and left ones each after their own time")
  func reap() throws {
    var configuration = SerfCoreConfiguration.quiet
    configuration.reaping.failedTimeout = .seconds(60)
    configuration.reaping.leftTimeout = .seconds(30)
    configuration.reconnecting.interval = .zero
    let node = try TestNode(configuration)
    for name in ["a", "b", "c"] as [NodeName] { node.meet(name) }
    node.leaveIntent("b", at: 3)
    node.lose("a")
    node.lose("b")
    node.advance(by: .seconds(45))
    #expect(node.memberEvents.suffix(1) == ["reap b"])
    node.advance(by: .seconds(30))
    #expect(node.memberEvents.suffix(1) == ["reap a"])
    #expect(node.core.members.map { $0.name } == ["c", "me"])
    #expect(node.core.statistics.members == 2)
  }

  @Test("a failed member is tried again at its address and under its name")
  func reconnect() throws {
    let node = try TestNode()
    node.meet("a", port: 9)
    node.lose("a")
    node.advance(by: .seconds(30))
    #expect(node.opened.map { $0.to } == [.member("a", NodeAddress(ipv4: 10, 0, 1, 97, port: 9))])
    #expect(node.core.counters.reconnects == 1)
    // There is no join intent, because this node does not come back.
    #expect(node.queuedIntents == 0)
  }

  @Test("the more members live for each failed one, the less often each of them tries")
  func reconnectProbability() throws {
    let node = try TestNode()
    node.meet("z")
    node.lose("z")
    for index in 0..<99 { node.meet(NodeName("m" + String(index))) }
    node.advance(by: .seconds(30 * 1_000))
    #expect((3...25).contains(node.core.counters.reconnects))
  }

  @Test("no member is tried when none failed")
  func nobodyFailed() throws {
    let node = try TestNode()
    node.meet("a")
    node.leaveIntent("a", at: 1)
    node.lose("a")
    node.advance(by: .seconds(300))
    #expect(node.opened.isEmpty)
  }

  @Test("a member that is back within a minute has flapped")
  func flap() throws {
    let node = try TestNode()
    node.meet("a")
    node.lose("a")
    node.advance(by: .seconds(20))
    node.meet("a", incarnation: 2)
    #expect(node.core.counters.flaps == 1)
    #expect(node.memberEvents == ["join a", "failed a", "join a"])
  }

  @Test("deep queues are named, and cut to the limit")
  func queueCheck() throws {
    var configuration = SerfCoreConfiguration.quiet
    configuration.queues.maximumDepth = 200
    let node = try TestNode(configuration)
    for time in 1...300 as ClosedRange<LamportTime> { node.gossip(.userEvent("e", at: time)) }
    node.advance(by: .seconds(30))
    #expect(node.core.statistics.eventQueue == 200)
    var reported = false
    for diagnostic in node.diagnostics {
      if case .queueDeep(.event, depth: 300, dropped: 100) = diagnostic { reported = true }
    }
    #expect(reported)
  }

  @Test("a queue is cut to a limit below the depth that is worth a warning", arguments: [(100, 100), (150, 120)])
  func smallQueue(maximum: Int, expected: Int) throws {
    var configuration = SerfCoreConfiguration.quiet
    configuration.queues.maximumDepth = maximum
    let node = try TestNode(configuration)
    for time in 1...120 as ClosedRange<LamportTime> { node.gossip(.userEvent("e", at: time)) }
    node.advance(by: .seconds(30))
    #expect(node.core.statistics.eventQueue == expected)
    let reports = node.diagnostics.filter { if case .queueDeep = $0 { true } else { false } }
    #expect(reports.count == (expected == 120 ? 0 : 1))
  }

  @Test(
    "the greatest depth is the configured one, or follows the cluster's size",
    arguments: [(0, 1, 4_096), (1_024, 1, 1_024), (16, 100, 200), (16, 101, 202)])
  func queueMaximum(minimum: Int, members: Int, expected: Int) {
    var queues = SerfCoreConfiguration.lan.queues
    queues.minimumDepth = minimum
    #expect(queues.limit(members: members) == expected)
  }

  @Test("a node says that it is late above half of a probe timeout")
  func late() throws {
    let node = try TestNode(.lan)
    var delays: [Duration] = []
    node.wake(late: .milliseconds(240))
    node.wake(late: .milliseconds(310))
    for diagnostic in node.diagnostics {
      if case .late(let delay) = diagnostic { delays.append(delay) }
    }
    #expect(delays == [.milliseconds(310)])
  }

  @Test("the figures of a fresh node are these")
  func statistics() throws {
    let statistics = try TestNode().core.statistics
    #expect([statistics.members, statistics.failed, statistics.left, statistics.healthScore] == [1, 0, 0, 0])
    #expect([statistics.memberTime, statistics.eventTime, statistics.queryTime] == [1, 1, 1])
    #expect([statistics.intentQueue, statistics.eventQueue, statistics.queryQueue] == [0, 0, 0])
  }
}
