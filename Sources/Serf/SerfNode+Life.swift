import NIOCore
import SerfCore
import SerfPrimitives
import ServiceLifecycle
import Synchronization

/// Where a node's process is. What other members see is its ``NodeStatus``, which the core keeps.
///
/// ```
///        ┌── failed ──┐
///        ▼            │
///  new ──── verb ──▶ starting ────▶ running
///   │                 │               │
///   └──── shutdown ───┴───────────────┴──▶ stopping ──▶ stopped
/// ```
struct Life {
  enum Stage {
    case new
    case starting(EventLoopFuture<NIOLoopBound<NodeDriver>>)
    case running(NIOLoopBound<NodeDriver>)
    case stopping(EventLoopFuture<Void>)
    case stopped
  }

  var stage = Stage.new
  /// Whether a task is in ``SerfNode/run()``.
  var hasRunner = false

  /// Whether the node was told to stop.
  var isOver: Bool {
    switch stage {
    case .new, .starting, .running: false
    case .stopping, .stopped: true
    }
  }
}

extension SerfNode {
  /// Binds the transport and begins to take part. Does nothing on a node that runs. A start that failed may be tried again.
  ///
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/bind``, ``SerfError/Code/configuration`` or ``SerfError/Code/noAddress``, and nothing was started;
  ///   ``SerfError/Code/state`` after ``leave()`` or ``shutdown()``. `CancellationError` when the task is cancelled; the start goes on.
  public func start() async throws {
    try await call { driver, done in done(driver.status == .alive ? .success(()) : .failure(SerfError(.notAlive(driver.status)))) }
  }

  /// Starts the node and waits until it has stopped. Leaves on graceful shutdown. On cancellation it shuts down, after a last packet to a few members
  /// that tells them that it leaves; `leaving.saysFarewellOnCancellation` turns that off. One task runs a node.
  ///
  /// - Throws: what ``start()`` throws; ``SerfError/Code/nameConflict`` when the members gave this node's name to another one; ``SerfError/Code/state`` if another task runs the node, or after ``shutdown()``; `CancellationError` at once if
  ///   the task is cancelled, while the node still stops.
  public func run() async throws {
    try life.withLock { life in
      if life.isOver { throw SerfError.shutDown }
      guard !life.hasRunner else { throw SerfError(.state, "another task runs the node") }
      life.hasRunner = true
    }
    try await withTaskCancellationHandler {
      do {
        _ = try await driver()
      } catch {
        life.withLock { $0.hasRunner = false }
        throw Task.isCancelled ? CancellationError() : error
      }
      try await withGracefulShutdownHandler {
        try await ended.wait()
      } onGracefulShutdown: {
        Task {
          try? await self.leave()
          await self.shutdown()
        }
      }
    } onCancel: {
      Task { await self.stop(saysFarewell: self.configuration.leaving.saysFarewellOnCancellation) }
    }
  }

  /// Tells the other members that this node leaves for good, waits until they had a chance to hear it, and leaves. The node still answers until
  /// ``shutdown()``.
  ///
  /// It takes at most twice ``SerfSettings/Leaving/broadcastTimeout`` plus ``SerfSettings/Leaving/propagateDelay``; a node that knows no
  /// other live member leaves at once. Calls at the same time share one leave and its end. Does nothing on a node that has left. Cancelling the task
  /// ends the wait, not the leave.
  ///
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/state`` after a shutdown, also one that cuts the leave short; what ``start()`` throws.
  ///   `CancellationError` when the task is cancelled.
  public func leave() async throws {
    try await call { driver, done in driver.leave(done) }
  }

  /// Stops at once and releases the port. Without a ``leave()`` before, other members see this node as failed. It never fails, and the second call
  /// only waits for the first.
  ///
  /// Cancelling the task does not shorten it.
  public func shutdown() async { await stop(saysFarewell: false) }

  /// - Parameter failure: why the node stops, if neither the program nor an operator wants it to.
  private func stop(saysFarewell: Bool, because failure: SerfError? = nil) async {
    let stop = life.withLock { [loop] life -> EventLoopFuture<Void>? in
      let stop: EventLoopFuture<Void>
      switch life.stage {
      case .new, .stopped:
        // From here on, a node that never started can no longer start.
        life.stage = .stopped
        return nil
      case .starting(let driver): stop = driver.flatMap { $0.value.shutdown(saysFarewell: saysFarewell) }
      case .running(let driver): stop = loop.flatSubmit { driver.value.shutdown(saysFarewell: saysFarewell) }
      case .stopping(let future): return future
      }
      life.stage = .stopping(stop)
      return stop
    }
    _ = try? await stop?.get()
    life.withLock { $0.stage = .stopped }
    seedJoiner.end()
    subscribers.finish()
    ended.resume(failure.map { .failure($0) } ?? .success(()))
  }

  /// The members have given this node's name to another one (`serf.md` section 11). The core has stopped; the port and the readers of events follow.
  private func nameLost(to rival: NodeAddress, _ tally: NameTally) {
    let failure = SerfError(
      .nameConflict,
      "of \(tally.answers) members that answered, \(tally.answers - tally.forUs) have another address than this node's for its name, which also runs "
        + "at \(rival); this node has stopped. Give each node a name of its own")
    Task { await stop(saysFarewell: false, because: failure) }
  }

  // MARK: The way to the driver

  /// The driver of a node that runs; starts the node if it is new.
  private func driver() async throws -> NIOLoopBound<NodeDriver> {
    let stage = life.withLock { life in
      if case .new = life.stage { life.stage = .starting(begin()) }
      return life.stage
    }
    switch stage {
    case .running(let driver): return driver
    case .starting(let driver):
      let started = Once<NIOLoopBound<NodeDriver>>()
      driver.whenComplete { result in started.resume(result.mapError { SerfError(starting: $0) }) }
      return try await started.wait()
    case .new, .stopping, .stopped: throw SerfError.shutDown
    }
  }

  /// Starts on the node's loop. What comes of it is noted before any task that waits for it goes on.
  private func begin() -> EventLoopFuture<NIOLoopBound<NodeDriver>> {
    let starting = loop.flatSubmit { [factory, loop, configuration, name, seed, logger, subscribers, metrics] in
      NodeDriver.start(
        configuration, name: name, seed: seed, factory: factory, on: loop, logger: logger, subscribers: subscribers, metrics: metrics)
    }
    starting.whenComplete { result in
      self.life.withLock { life in
        // A shutdown may have come meanwhile; then it has the last word.
        guard case .starting = life.stage else { return }
        life.stage = (try? result.get()).map { .running($0) } ?? .new
      }
      guard case .success(let driver) = result else { return }
      driver.value.onNameLost = { [weak self] in self?.nameLost(to: $0, $1) }
      driver.value.onSeedsWanted = { [weak self, weak driver = driver.value] in
        if let driver { self?.lookUpSeeds(for: driver) }
      }
      self.joinSeeds()
    }
    return starting
  }

  /// Tells the node's loop something and does not wait; nothing happens unless the node runs.
  func tellDriver(_ body: @escaping @Sendable (NodeDriver) -> Void) {
    guard case .running(let driver) = life.withLock({ $0.stage }) else { return }
    loop.execute { body(driver.value) }
  }

  /// One verb: goes to the node's loop, lets the driver work, and comes back with its answer. A cancelled task does not wait for the answer.
  func call<Value: Sendable>(
    _ verb: @escaping @Sendable (NodeDriver, @escaping (Result<Value, SerfError>) -> Void) -> Void
  ) async throws -> Value {
    try Task.checkCancellation()
    let driver = try await driver()
    let answer = Once<Value>()
    loop.execute {
      // The node may have stopped on the way here.
      guard driver.value.status != .shutDown else { return answer.resume(.failure(SerfError.shutDown)) }
      verb(driver.value) { result in answer.resume(result.mapError { $0 }) }
    }
    return try await answer.wait()
  }
}
