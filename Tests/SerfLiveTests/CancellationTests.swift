import MemoryTransport
import NIOCore
import Serf
import SerfTestSupport
import SerfTransport
import Synchronization
import Testing

/// A task that waits for a node is told at once that it was cancelled, whatever it waits for.
@Suite(.serialized) struct CancellationTests {
  /// Makes the call, cancels it when it waits, and expects that it ends in time. What counts is the quickest of five attempts: a task can also be
  /// late because other suites keep both cores busy.
  private func expectPromptEnd(
    of call: @escaping @Sendable () async throws -> Void, sourceLocation: SourceLocation = #_sourceLocation,
    waits: (_ attempt: Int) async throws -> Bool
  ) async throws {
    var quickest = Duration.seconds(3600)
    var attempt = 0
    while attempt < 5, quickest >= Self.limit {
      attempt += 1
      let task = Task { try await call() }
      try await eventually("it waits", sourceLocation: sourceLocation) { try await waits(attempt) }
      let cancelledAt = ContinuousClock.now
      task.cancel()
      await #expect(throws: CancellationError.self, sourceLocation: sourceLocation) { try await task.value }
      quickest = min(quickest, ContinuousClock.now - cancelledAt)
    }
    #expect(quickest < Self.limit, sourceLocation: sourceLocation)
  }

  private static let limit = Duration.milliseconds(100)

  @Test("a join towards an address that never answers")
  func deafAddress() async throws {
    let port = try await DeafPort.open()
    let transport = NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0))
    let node = try SerfNode(transport: transport, configuration: .test("a"))
    try await expectPromptEnd {
      try await node.join([port.address.description])
    } waits: { attempt in
      port.count == attempt
    }
    #expect(try await node.members().map(\.name) == ["a"], "the node goes on")
    await node.shutdown()
    port.close()
  }

  @Test("a join whose host is being looked up, by a resolver that cannot be cancelled")
  func lookUp() async throws {
    let resolver = SlowResolver()
    var configuration = SerfConfiguration.test("a")
    configuration.resolver = resolver
    let node = try SerfNode(transport: MemoryHub().transport(), configuration: configuration)
    try await expectPromptEnd {
      try await node.join(["slow.example"])
    } waits: { attempt in
      resolver.count == attempt
    }
    resolver.answer()
    await node.shutdown()
  }

  @Test("a leave that is being spread; the node still leaves")
  func leave() async throws {
    let hub = MemoryHub()
    let other = try SerfNode(transport: hub.transport(port: 1), configuration: .test("other"))
    try await other.start()
    var configuration = SerfConfiguration.test("a")
    configuration.leaving.propagateDelay = .seconds(600)
    let node = try SerfNode(transport: hub.transport(), configuration: configuration)
    try await node.join(["127.0.0.1:1"])
    try await expectPromptEnd {
      try await node.leave()
    } waits: { _ in
      try await node.localMember().status == .leaving
    }
    try await eventually("it has left for the other") { try await other.members().first?.status == .left }
    for node in [node, other] { await node.shutdown() }
  }

  @Test("a verb or a run that waits for a start")
  func start() async throws {
    for runs in [false, true] {
      let transport = SlowTransport(inner: MemoryHub().transport())
      let node = try SerfNode(transport: transport, configuration: .test("a"))
      let call: @Sendable () async throws -> Void = { if runs { try await node.run() } else { _ = try await node.members() } }
      let task = Task { try await call() }
      try await eventually("it waits") { transport.isAsked }
      let cancelledAt = ContinuousClock.now
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      #expect(ContinuousClock.now - cancelledAt < .seconds(5), "the transport is still not there")
      transport.open()
      // The start goes on without a task that waits for it, and a node whose run was cancelled stops after it.
      if runs {
        for await _ in node.events() {}
        await #expect(throws: SerfError.self) { try await node.members() }
      } else {
        #expect(try await node.members().map(\.name) == ["a"])
      }
      await node.shutdown()
    }
  }

  @Test("a call in a task that was cancelled before, which does nothing")
  func cancelledBefore() async throws {
    let transport = SlowTransport(inner: MemoryHub().transport())
    let node = try SerfNode(transport: transport, configuration: .test("a"))
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      try await node.setTags(["a": "b"])
    }
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(!transport.isAsked)
    await node.shutdown()
  }
}

/// Answers when the test wants it, and knows no cancellation, as the system's resolver.
private final class SlowResolver: AddressResolver {
  private let waiting = Mutex<[CheckedContinuation<Void, Never>]>([])

  var count: Int { waiting.withLock { $0.count } }

  func resolve(_ host: String, port: UInt16) async throws(ResolutionError) -> [NodeAddress] {
    await withCheckedContinuation { continuation in waiting.withLock { $0.append(continuation) } }
    return [NodeAddress(ipv4: 127, 0, 0, 1, port: port)]
  }

  func answer() { for continuation in waiting.withLock({ $0 }) { continuation.resume() } }
}

/// A transport that is bound when the test wants it.
private final class SlowTransport: StreamLayerFactory {
  private let inner: any StreamLayerFactory
  private let gate = Mutex<EventLoopPromise<Void>?>(nil)

  init(inner: some StreamLayerFactory) { self.inner = inner }

  var isAsked: Bool { gate.withLock { $0 != nil } }

  func open() { gate.withLock { $0 }?.succeed() }

  func bind(on loop: any EventLoop, context: StreamLayerContext) -> EventLoopFuture<NIOLoopBound<any StreamLayer>> {
    let promise = loop.makePromise(of: Void.self)
    gate.withLock { $0 = promise }
    return promise.futureResult.flatMap { [inner] in inner.bind(on: loop, context: context) }
  }
}
