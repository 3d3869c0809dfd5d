import Logging
import MemoryTransport
import NIOCore
import NIOEmbedded
import Serf
import SerfPrimitives
import SerfTestSupport
import SerfTransport
import Synchronization
import Testing

/// What a node does in each stage of its life, over the transport in memory.
@Suite struct LifeCycleTests {
  enum Stage: String, CaseIterable { case new, alive, leaving, left, stopped }

  /// A call on a node, with what it throws in the stages in which it does not work.
  struct Verb: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let refusedIn: [Stage]
    let call: @Sendable (SerfNode) async throws -> Void

    init(_ name: String, refusedIn: [Stage], _ call: @escaping @Sendable (SerfNode) async throws -> Void) {
      (testDescription, self.refusedIn, self.call) = (name, refusedIn, call)
    }
  }

  static let verbs: [Verb] = [
    Verb("start", refusedIn: [.leaving, .left, .stopped]) { try await $0.start() },
    Verb("join", refusedIn: [.leaving, .left, .stopped]) { try await $0.join(["127.0.0.1:1"]) },
    Verb("setTags", refusedIn: [.leaving, .left, .stopped]) { try await $0.setTags(["a": "b"]) },
    Verb("updateTags", refusedIn: [.leaving, .left, .stopped]) { try await $0.updateTags { $0["a"] = "b" } },
    Verb("forceLeave", refusedIn: [.leaving, .left, .stopped]) { try await $0.forceLeave("gone") },
    Verb("userEvent", refusedIn: [.left, .stopped]) { try await $0.userEvent("x") },
    Verb("leave", refusedIn: [.stopped]) { try await $0.leave() },
    Verb("members", refusedIn: [.stopped]) { _ = try await $0.members() },
    Verb("localMember", refusedIn: [.stopped]) { _ = try await $0.localMember() },
    Verb("localAddress", refusedIn: [.stopped]) { _ = try await $0.localAddress() },
    Verb("statistics", refusedIn: [.stopped]) { _ = try await $0.statistics() },
    Verb("waitForMembers", refusedIn: [.stopped]) { _ = try await $0.waitForMembers(within: .seconds(10)) { !$0.isEmpty } },
    Verb("run", refusedIn: [.stopped]) { node in
      let run = Task { try await node.run() }
      run.cancel()
      do { try await run.value } catch is CancellationError {}
    },
  ]

  /// All but a leave while the node leaves, which takes as long as the first one: ``sharedLeave()``.
  static let cases: [(Verb, Stage)] = verbs.flatMap { verb in Stage.allCases.map { (verb, $0) } }.filter { verb, stage in
    verb.testDescription != "leave" || stage != .leaving
  }

  /// A node in that stage, and another member, so that a leave takes time. The port of the other one is 1.
  private func node(_ stage: Stage) async throws -> (node: SerfNode, other: SerfNode) {
    let hub = MemoryHub()
    let other = try SerfNode(transport: hub.transport(port: 1), configuration: .test("other"))
    try await other.start()
    var configuration = SerfConfiguration.test("n")
    if stage == .leaving { configuration.leaving.propagateDelay = .seconds(600) }
    let node = try SerfNode(transport: hub.transport(), configuration: configuration)
    if stage == .new { return (node, other) }
    try await node.join(["127.0.0.1:1"])
    switch stage {
    case .leaving:
      Task { try? await node.leave() }
      try await eventually("it leaves") { try await node.localMember().status == .leaving }
    case .left: try await node.leave()
    case .stopped: await node.shutdown()
    case .new, .alive: break
    }
    return (node, other)
  }

  @Test("each verb works in the stages in which it makes sense, and says so in the others", arguments: cases)
  func table(verb: Verb, stage: Stage) async throws {
    let (node, other) = try await node(stage)
    if verb.refusedIn.contains(stage) {
      let error = await #expect(throws: SerfError.self) { try await verb.call(node) }
      #expect(error?.code == .state)
    } else {
      await #expect(throws: Never.self) { try await verb.call(node) }
    }
    await node.shutdown()
    await other.shutdown()
  }

  @Test("one of two runs throws at once, and the other goes on")
  func secondRun() async throws {
    let node = try SerfNode(transport: MemoryHub().transport(), configuration: .test("a"))
    await withTaskGroup(of: Result<Void, any Error>.self) { group in
      for _ in 0..<2 { group.addTask { await Task { try await node.run() }.result } }
      let refused = await group.next()
      #expect(throws: SerfError.self) { try refused?.get() }
      let status = try? await node.localMember().status
      #expect(status == .alive)
      await node.shutdown()
      let other = await group.next()
      #expect(throws: Never.self) { try other?.get() }
    }
  }

  @Test("calls to leave at the same time share one leave; a shutdown that cuts it short ends all of them")
  func sharedLeave() async throws {
    let (node, other) = try await node(.leaving)
    let leaves = (0..<2).map { _ in Task { try await node.leave() } }
    // Time for the calls to reach the node: one that came after the shutdown would be refused just the same.
    for _ in 0..<10 { #expect(try await node.localMember().status == .leaving) }
    await node.shutdown()
    for leave in leaves {
      let error = await #expect(throws: SerfError.self) { try await leave.value }
      #expect(error?.code == .state)
      #expect(error.map { "\($0)".contains("shut down") } == true)
    }
    await other.shutdown()
  }

  @Test("the only node of a cluster leaves at once")
  func leaveAlone() async throws {
    var configuration = SerfConfiguration.test("a")
    configuration.leaving.propagateDelay = .seconds(600)
    let node = try SerfNode(transport: MemoryHub().transport(), configuration: configuration)
    try await node.leave()
    #expect(try await node.localMember().status == .left)
    await node.shutdown()
  }

  @Test("a node whose run is cancelled has left for the others; without its farewell it has failed", arguments: [true, false])
  func farewell(isSaid: Bool) async throws {
    let hub = MemoryHub()
    let other = try SerfNode(transport: hub.transport(port: 1), configuration: .test("other"))
    try await other.start()
    var configuration = SerfConfiguration.test("n")
    configuration.leaving.saysFarewellOnCancellation = isSaid
    let node = try SerfNode(transport: hub.transport(), configuration: configuration)
    try await node.join(["127.0.0.1:1"])
    let changes = other.memberEvents()
    let run = Task { try await node.run() }
    try await eventually("it is known") { try await other.members().count == 2 }
    run.cancel()
    await #expect(throws: CancellationError.self) { try await run.value }
    for await change in changes where change.members.contains(where: { $0.name == "n" }) && change.kind != .join {
      #expect(change.kind == (isSaid ? .leave : .failed))
      break
    }
    await other.shutdown()
  }

  @Test("a node that coalesces events delivers those that wait before its subscriptions end")
  func waitingEvents() async throws {
    var configuration = SerfConfiguration.test("n")
    let window = SerfSettings.Coalescing.Window(period: .seconds(600), quiescence: .seconds(600))
    (configuration.coalescing.members, configuration.coalescing.userEvents) = (window, window)
    let node = try SerfNode(transport: MemoryHub().transport(), configuration: configuration)
    let events = node.events()
    try await node.userEvent("held")
    try await node.userEvent("now", coalesce: false)
    #expect(try await node.members().count == 1 && events.waiting == 1)
    await node.shutdown()
    let seen = await events.reduce(into: [String]()) { seen, event in
      switch event {
      case .user(let event): seen.append(event.name)
      case .member(let event): seen.append(event.kind.description)
      default: seen.append("?")
      }
    }
    #expect(seen == ["now", "held", "member-join"])
  }

  @Test("a subscription to a node that has stopped has ended")
  func lateSubscription() async throws {
    let (node, other) = try await node(.stopped)
    for await event in node.events() { Issue.record("an event after the end: \(event)") }
    for await snapshot in node.memberSnapshots() { Issue.record("members after the end: \(snapshot)") }
    await other.shutdown()
  }

  @Test("a start that failed is tried again by the next verb")
  func secondStart() async throws {
    let transport = Reluctant(inner: MemoryHub().transport())
    let node = try SerfNode(transport: transport, configuration: .test("a"))
    let error = await #expect(throws: SerfError.self) { try await node.run() }
    #expect(error?.code == .bind)
    #expect(try await node.members().map(\.name) == ["a"])
    await node.shutdown()
  }

  @Test("a cancelled run throws CancellationError, and the node stops")
  func cancelledRun() async throws {
    let node = try SerfNode(transport: MemoryHub().transport(), configuration: .test("a"))
    let events = node.events()
    try await node.start()
    let run = Task { try await node.run() }
    run.cancel()
    await #expect(throws: CancellationError.self) { try await run.value }
    // The subscription ends when the node has stopped.
    for await _ in events {}
    await #expect(throws: SerfError.self) { try await node.members() }
  }

  @Test("a node that the program no longer holds stops and frees its port")
  func abandoned() async throws {
    let hub = MemoryHub()
    var node: SerfNode? = try SerfNode(transport: hub.transport(port: 7), configuration: .test("a"))
    let events = try #require(node).events()
    try await node?.start()
    node = nil
    for await _ in events {}
    let other = try SerfNode(transport: hub.transport(), configuration: .test("b"))
    try await eventually("no node has the port") { (try? await other.join(["127.0.0.1:7"])) == nil }
    await other.shutdown()
  }

  @Test("two nodes that are given the same seeds say the same to each other at the same time")
  func seeds() async throws {
    let first = try await traffic(seed: 1)
    #expect(first.count > 20)
    #expect(try await traffic(seed: 1) == first)
    #expect(try await traffic(seed: 2) != first)
  }

  /// All that three nodes send in ten seconds of virtual time.
  private func traffic(seed: UInt64) async throws -> [[UInt8]] {
    let loop = NIOAsyncTestingEventLoop()
    let hub = MemoryHub()
    let nodes = try (0..<3).map { index in
      try SerfNode(
        transport: hub.transport(port: UInt16(index + 1)), configuration: .test(NodeName("n\(index)")), logger: Logger(label: "serf"),
        eventLoopGroup: loop, seed: seed + UInt64(index))
    }
    for node in nodes { _ = try await finish(on: loop) { try await node.join(["127.0.0.1:1"]) } }
    for _ in 0..<100 { await loop.advanceTime(by: .milliseconds(100)) }
    let recorded = hub.recorded
    for node in nodes { try await finish(on: loop) { await node.shutdown() } }
    await loop.shutdownGracefully()
    return recorded
  }
}

/// A transport that cannot be bound at the first attempt.
private final class Reluctant: StreamLayerFactory {
  private let inner: any StreamLayerFactory
  private let isBusy = Mutex(true)

  init(inner: some StreamLayerFactory) { self.inner = inner }

  func bind(on loop: any EventLoop, context: StreamLayerContext) -> EventLoopFuture<NIOLoopBound<any StreamLayer>> {
    let fails = isBusy.withLock { isBusy in
      defer { isBusy = false }
      return isBusy
    }
    return fails ? loop.makeFailedFuture(SerfError(.bind, "the address is in use")) : inner.bind(on: loop, context: context)
  }
}
