import Logging
import MemoryTransport
import NIOEmbedded
import Serf
import SerfTestSupport
import Testing

/// Following the member list, over the transport in memory: snapshots, and waits for members.
@Suite("Those who follow the members")
struct MemberFeedTests {
  private let hub = MemoryHub()

  private func node(_ name: NodeName) throws -> SerfNode { try SerfNode(transport: hub.transport(), configuration: .test(name)) }

  /// A node that has started and knows only itself.
  private func started(_ name: NodeName = "a") async throws -> SerfNode {
    let node = try node(name)
    try await node.start()
    return node
  }

  @Test("get the current members first, and then each change until the node has stopped")
  func first() async throws {
    let a = try await started()
    var snapshots = a.memberSnapshots().makeAsyncIterator()
    #expect(await snapshots.next()?.map(\.name) == ["a"])
    let b = try node("b")
    try await b.join([a.localAddress().description])
    #expect(await snapshots.next()?["b"]?.status == .alive)
    await b.shutdown()
    await a.shutdown()
    while let snapshot = await snapshots.next() { #expect(snapshot.count == 2) }
  }

  @Test("may begin before the node starts")
  func beforeStart() async throws {
    let a = try node("a")
    let snapshots = a.memberSnapshots()
    #expect(snapshots.waiting == 0)
    let reader = Task { await snapshots.first { _ in true } }
    try await a.start()
    #expect(await reader.value?.map(\.name) == ["a"])
    await a.shutdown()
  }

  @Test("get only the newest state when they are slow")
  func slow() async throws {
    let a = try await started()
    let snapshots = a.memberSnapshots()
    var iterator = snapshots.makeAsyncIterator()
    #expect(snapshots.waiting == 1)
    _ = await iterator.next()
    #expect(snapshots.waiting == 0)
    for round in 1...100 { try await a.setTags(["round": "\(round)"]) }
    #expect(snapshots.waiting == 1 && snapshots.dropped == 0)
    #expect(await iterator.next()?["a"]?.tags == ["round": "100"])
    #expect(snapshots.waiting == 0)
    await a.shutdown()
  }

  @Test("end when they are cancelled, also while they wait")
  func cancelled() async throws {
    let a = try await started()
    let snapshots = a.memberSnapshots()
    let reader = Task { await snapshots.reduce(0) { count, _ in count + 1 } }
    try await eventually("the first snapshot is read") { snapshots.waiting == 0 }
    snapshots.cancel()
    #expect(await reader.value == 1)
    let others = a.memberSnapshots()
    let other = Task { await others.reduce(0) { count, _ in count + 1 } }
    try await eventually("the first snapshot is read") { others.waiting == 0 }
    other.cancel()
    #expect(await other.value == 1)
    #expect(await others.first { _ in true } == nil)
    await a.shutdown()
  }

  @Test("learn of a change that no event announces")
  func silentChange() async throws {
    let loop = NIOAsyncTestingEventLoop()
    let nodes = try (1...2).map { index in
      try SerfNode(
        transport: hub.transport(port: UInt16(index)), configuration: .test(NodeName("n\(index)")), logger: Logger(label: "serf"),
        eventLoopGroup: loop, seed: UInt64(index))
    }
    for node in nodes { _ = try await finish(on: loop) { try await node.join(["127.0.0.1:1"]) } }
    let events = nodes[0].memberEvents()
    let (checks, hasChecked) = AsyncStream.makeStream(of: Void.self)
    let isDone = Flag()
    let wait = Task {
      defer { isDone.set() }
      return try await nodes[0].waitForMembers(within: .seconds(600)) { members in
        hasChecked.yield()
        return members["n1"]?.status == .leaving
      }
    }
    try await finish(on: loop) { for await _ in checks { break } }
    // Time stands still, so the others do not hear of it, and the node stays in this state.
    let leave = Task { try await nodes[0].leave() }
    try await eventually("the wait ends") {
      await loop.run()
      return isDone.isSet
    }
    #expect(events.waiting == 0)
    for node in nodes { try await finish(on: loop) { await node.shutdown() } }
    #expect(try await wait.value["n1"]?.status == .leaving)
    await #expect(throws: SerfError.self) { try await leave.value }
    await loop.shutdownGracefully()
  }

  @Test("that wait for a member go on when it comes; the wait starts the node")
  func waited() async throws {
    let a = try node("a")
    let (checks, hasChecked) = AsyncStream.makeStream(of: Void.self)
    let wait = Task {
      try await a.waitForMembers(within: .seconds(60)) { members in
        hasChecked.yield()
        return members.alive.count { $0.tags["role"] == "worker" } >= 1
      }
    }
    for await _ in checks { break }
    let b = try SerfNode(transport: hub.transport(), configuration: .test("b", tags: ["role": "worker"]))
    try await b.join([a.localAddress().description])
    #expect(try await wait.value.map(\.name) == ["a", "b"])
    await b.shutdown()
    await a.shutdown()
  }

  @Test("check once, however short the time is, and then say what is there")
  func timedOut() async throws {
    let a = try await started()
    for limit in [Duration.zero, .seconds(-1), .milliseconds(20)] {
      #expect(try await a.waitForMembers(within: limit) { $0.count == 1 }.count == 1)
      let error = await #expect(throws: SerfError.self) { try await a.waitForMembers(within: limit) { $0.count == 2 } }
      #expect(error?.code == .timedOut)
      #expect(error?.message.hasSuffix("1 alive") == true)
    }
    await a.shutdown()
  }

  @Test("are told when the node is shut down, when they are cancelled, and when their condition throws")
  func endedWait() async throws {
    struct Unwanted: Error {}
    let a = try await started()
    await #expect(throws: Unwanted.self) { try await a.waitForMembers(within: .seconds(60)) { _ in throw Unwanted() } }
    let (checks, hasChecked) = AsyncStream.makeStream(of: Void.self)
    var iterator = checks.makeAsyncIterator()
    let wait: @Sendable () async throws -> Void = {
      try await a.waitForMembers(within: .seconds(60)) { _ in
        hasChecked.yield()
        return false
      }
    }
    let cancelled = Task { try await wait() }
    await iterator.next()
    cancelled.cancel()
    await #expect(throws: CancellationError.self) { try await cancelled.value }
    let stopped = Task { try await wait() }
    await iterator.next()
    await a.shutdown()
    let error = await #expect(throws: SerfError.self) { try await stopped.value }
    #expect(error?.code == .state)
  }
}
