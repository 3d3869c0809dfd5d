public import NIOCore
public import SerfCore
public import SerfPrimitives
public import SerfTransport
public import ServiceLifecycle
import Synchronization

public import struct Logging.Logger
public import class NIOPosix.MultiThreadedEventLoopGroup

/// One node of a cluster: it knows which members are alive, which failed and which left, and sends events to and gets events from all members.
///
/// ```swift
/// let node = try SerfNode(transport: QuicTransport(credentials, bind: "10.0.0.1:7946"), configuration: SerfConfiguration(name: "web-1"))
/// let events = node.events
/// try await withThrowingTaskGroup(of: Void.self) { group in
///   group.addTask { try await node.run() }
///   try await node.join(["10.0.0.2"])
///   for await event in events { … }
/// }
/// ```
///
/// The node starts with ``start()``, which ``run()`` and every verb call for you; it stops with ``leave()`` (other members see `left`) or
/// ``shutdown()`` (they see `failed`, unless a ``leave()`` came before). A stopped node does not start again; make another one.
///
/// As a `ServiceLifecycle.Service` it leaves on graceful shutdown and shuts down on cancellation.
public final class SerfNode: Service {
  /// How the node was configured.
  public let configuration: SerfConfiguration

  private let factory: any StreamLayerFactory
  private let loop: any EventLoop
  private let logger: Logger
  private let seed: UInt64
  private let starting = Mutex<EventLoopFuture<NIOLoopBound<NodeDriver>>?>(nil)
  private let subscribers = EventSubscribers()
  private let stopped: EventLoopPromise<Void>

  /// A node that is not started yet.
  ///
  /// - Parameters:
  ///   - transport: how the node reaches others.
  ///   - configuration: name, tags, timings and limits.
  ///   - logger: where it logs; members that come and go are logged at `info`.
  ///   - eventLoopGroup: the threads that the node works on; it uses one loop of them. They must run until the node has stopped. Default: those that
  ///     NIO shares in the process.
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/configuration`` or ``SerfError/Code/tooLarge`` when the settings cannot work.
  public convenience init(
    transport: some StreamLayerFactory, configuration: SerfConfiguration, logger: Logger = Logger(label: "serf"),
    eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) throws {
    var generator = SystemRandomNumberGenerator()
    try self.init(
      transport: transport, configuration: configuration, logger: logger, eventLoopGroup: eventLoopGroup, seed: generator.next())
  }

  /// The same, with a seed for all that the node leaves to chance: for tests, whose runs then differ by timing alone.
  package init(
    transport: some StreamLayerFactory, configuration: SerfConfiguration, logger: Logger, eventLoopGroup: any EventLoopGroup, seed: UInt64
  ) throws {
    try configuration.validate()
    self.configuration = configuration
    self.logger = logger
    self.seed = seed
    factory = transport
    loop = eventLoopGroup.next()
    stopped = loop.makePromise()
  }

  /// The program can no longer stop a node that it no longer holds, so the node stops itself.
  deinit {
    starting.withLock { $0 }?.whenSuccess { driver in _ = driver.value.shutdown() }
    subscribers.finish()
    stopped.succeed()
  }

  // MARK: Life

  /// Binds the transport and begins to take part. Does nothing on a node that runs.
  ///
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/bind``, ``SerfError/Code/configuration`` or ``SerfError/Code/noAddress``, and nothing was started;
  ///   ``SerfError/Code/state`` after ``shutdown()``.
  public func start() async throws {
    _ = try await driver()
  }

  /// Starts the node and waits until it has stopped. Leaves on graceful shutdown; shuts down on cancellation.
  ///
  /// - Throws: what ``start()`` throws.
  public func run() async throws {
    try await start()
    try await withTaskCancellationHandler {
      try await withGracefulShutdownHandler {
        try await stopped.futureResult.get()
      } onGracefulShutdown: {
        Task {
          try? await self.leave()
          await self.shutdown()
        }
      }
    } onCancel: {
      Task { await self.shutdown() }
    }
  }

  /// Tells the other members that this node leaves for good, waits until they had a chance to hear it, and leaves. The node still answers until
  /// ``shutdown()``.
  ///
  /// It takes at most twice ``SerfCoreConfiguration``'s broadcast timeout plus the propagation delay. Does nothing on a node that has left.
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/state`` while a leave is in progress or after a shutdown; what ``start()`` throws.
  public func leave() async throws {
    try await call { driver, done in driver.leave(done) }
  }

  /// Stops at once and releases the port. Without a ``leave()`` before, other members see this node as failed. It never fails, and does nothing the
  /// second time.
  public func shutdown() async {
    let future = starting.withLock { [loop] starting in
      // After this, a node that never started can no longer start.
      let future = starting ?? loop.makeFailedFuture(SerfError.shutDown)
      starting = future
      return future
    }
    let stopped = self.stopped
    let subscribers = self.subscribers
    _ = try? await future.flatMap { driver in driver.value.shutdown() }.get()
    subscribers.finish()
    stopped.succeed()
  }

  // MARK: Members

  /// Joins the cluster through any of `addresses`: `host`, `host:port`, or `name/host:port` if the member that answers must have that name.
  ///
  /// Hosts are looked up by ``SerfConfiguration/resolver``, again at each call, and asked side by side, 16 addresses at once; an address that is
  /// given twice is asked once. After all look-ups are answered, a join takes no longer than one push/pull may take, or twice that over QUIC, however
  /// many addresses do not answer. Cancelling the task does not shorten it. A host with several addresses counts as one. Its next address, up to 16,
  /// is asked when those before it have failed or do not answer at once. A name that begins with `_` (`_serf._udp.example.com`) is looked up as an
  /// SRV record, which also gives the port.
  ///
  /// A list that all machines share may name this node too. Its own address counts neither as a success nor as a failure.
  ///
  /// - Parameters:
  ///   - addresses: members to contact, in the forms above.
  ///   - ignoreOld: whether user events from before the join are not delivered. Default true.
  /// - Returns: how many of `addresses` answered, each through one of the addresses that it stands for, and exchanged their member lists with us. 0
  ///   if no other member answered, and one of the addresses is this node's own; or if there are none.
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/joinFailed`` when none did, with the reason for each in ``SerfError/attempts``;
  ///   ``SerfError/Code/state`` after ``leave()`` or ``shutdown()``; what ``start()`` throws.
  @discardableResult
  public func join(_ addresses: [String], ignoreOld: Bool = true) async throws -> Int {
    try await join(addresses, ignoreOld: ignoreOld) { _ in }
  }

  /// The same, and reports the result of each address as soon as it is known: this node's own with ``JoinAttempt/Reason/isSelf``.
  ///
  /// - Parameters:
  ///   - addresses: members to contact, as in ``join(_:ignoreOld:)``.
  ///   - ignoreOld: whether user events from before the join are not delivered. Default true.
  ///   - onAttempt: called for each address that has answered or failed, sometimes on the node's event loop, so it must not block.
  /// - Throws: as ``join(_:ignoreOld:)``.
  @discardableResult
  public func join(
    _ addresses: [String], ignoreOld: Bool = true, onAttempt: @escaping @Sendable (JoinAttempt) -> Void
  ) async throws -> Int {
    let (bound, advertised) = try await call { driver, done in done(.success((driver.localAddress, driver.localMember?.address))) }
    let resolver = JoinAddressResolver(
      defaultPort: bound.port, resolver: configuration.resolver, allowedNetworks: configuration.allowedNetworks,
      ownAddresses: OwnAddresses(bound: bound, advertised: advertised))
    let ledger = JoinLedger(await resolver.resolve(addresses), ownName: configuration.name) { [logger] attempt in
      let level: Logger.Level = attempt.reason == nil || attempt.reason == .isSelf ? .info : .warning
      logger.log(level: level, "join: \(escaped(Array(attempt.description.utf8)))")
      onAttempt(attempt)
    }
    let targets = ledger.targets
    if !targets.isEmpty {
      let (results, agreement) = try await call { driver, done in
        driver.join(targets, ignoreOld: ignoreOld, progress: { ledger.answered($0, agreement: driver.agreement) }) { result in
          done(result.map { ($0, driver.agreement) })
        }
      }
      ledger.ended(results, agreement: agreement)
    }
    let joined = ledger.joined
    guard joined > 0 || addresses.isEmpty || ledger.holdsOurselves else {
      let what = targets.isEmpty ? "can be used" : ledger.wasAnswered ? "accepted this node" : "answered"
      let failed = ledger.failed
      let reasons = failed.map(\.description).joined(separator: "; ")
      var error = SerfError(.joinFailed, "none of \(addresses.count) join addresses \(what): \(reasons)", attempts: failed)
      error.mayPass = ledger.mayPass
      throw error
    }
    return joined
  }

  /// Every member that this node knows of, including itself, sorted by name.
  ///
  /// - Throws: ``SerfError`` alone: what ``start()`` throws, and ``SerfError/Code/state`` after ``shutdown()``.
  public func members() async throws -> [SerfCore.Member] {
    try await call { driver, done in done(.success(driver.members)) }
  }

  /// This node as others see it.
  ///
  /// - Throws: as ``members()``.
  public func localMember() async throws -> SerfCore.Member {
    try await call { driver, done in done(driver.localMember.map { .success($0) } ?? .failure(.shutDown)) }
  }

  /// The address that the transport is bound to, with the port that the kernel chose if the configured one was 0.
  ///
  /// - Throws: as ``members()``.
  public func localAddress() async throws -> NodeAddress {
    try await call { driver, done in done(.success(driver.localAddress)) }
  }

  /// Declares a failed member gone for good: it becomes `left` at all members. A member that is alive refutes this.
  ///
  /// - Parameters:
  ///   - name: the member that is gone.
  ///   - prune: whether it is also erased from every member list at once, instead of after the tombstone timeout. Default false.
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/broadcastTimeout`` when it is done here but not known to have spread; ``SerfError/Code/state``
  ///   after ``leave()`` or ``shutdown()``; what ``start()`` throws.
  public func forceLeave(_ name: NodeName, prune: Bool = false) async throws {
    try await call { driver, done in driver.forceLeave(name, prune: prune, done) }
  }

  /// Replaces this node's tags, and waits until the other members had a chance to hear of it.
  ///
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/tooLarge`` above 512 encoded bytes (nothing changed), ``SerfError/Code/broadcastTimeout``;
  ///   ``SerfError/Code/state`` after ``leave()`` or ``shutdown()``; what ``start()`` throws.
  public func setTags(_ tags: [String: String]) async throws {
    try await call { driver, done in driver.setTags(tags, done) }
  }

  /// Changes some of this node's tags, and waits until the other members had a chance to hear of it. If several such calls overlap, all their changes
  /// apply.
  ///
  /// - Parameters:
  ///   - setting: tags that are added or get another value.
  ///   - deleting: tags that are removed; one that is also in `setting` stays, with the value from there.
  /// - Throws: as ``setTags(_:)``.
  public func updateTags(setting: [String: String] = [:], deleting: [String] = []) async throws {
    try await call { driver, done in driver.updateTags(setting: setting, deleting: deleting, done) }
  }

  // MARK: Events

  /// What happens from now on; each value is a separate subscription.
  public var events: SerfEvents { subscribers.subscribe() }

  /// Sends an event to every member, this one included.
  ///
  /// - Parameters:
  ///   - name: the event's name at receivers.
  ///   - payload: the event's content. Default none.
  ///   - coalesce: whether a receiver may deliver only the newest of several events with this name in a short time. Default true.
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/tooLarge`` when name and payload exceed the limit (512 bytes unless configured), and nothing was
  ///   sent; ``SerfError/Code/state`` when the node has left or was shut down; what ``start()`` throws.
  public func userEvent(_ name: String, payload: [UInt8] = [], coalesce: Bool = true) async throws {
    try await call { driver, done in driver.userEvent(Array(name.utf8), payload: payload, coalesce: coalesce, done) }
  }

  /// Counters and clocks, as `serf info` prints them.
  ///
  /// - Throws: as ``members()``.
  public func statistics() async throws -> SerfStatistics {
    try await call { driver, done in done(.success(driver.statistics)) }
  }

  // MARK: Private parts

  private func driver() async throws -> NIOLoopBound<NodeDriver> {
    let future = starting.withLock { starting in
      if let starting { return starting }
      let future = loop.flatSubmit { [factory, loop, configuration, seed, logger, subscribers] in
        NodeDriver.start(configuration, seed: seed, factory: factory, on: loop, logger: logger, subscribers: subscribers)
      }
      starting = future
      return future
    }
    do { return try await future.get() } catch { throw SerfError(starting: error) }
  }

  /// One verb: goes to the node's loop, lets the driver work, and comes back with its answer.
  private func call<Value: Sendable>(
    _ verb: @escaping @Sendable (NodeDriver, @escaping (Result<Value, SerfError>) -> Void) -> Void
  ) async throws -> Value {
    let driver = try await driver()
    let result: Result<Value, SerfError> = await withCheckedContinuation { continuation in
      loop.execute { verb(driver.value) { continuation.resume(returning: $0) } }
    }
    return try result.get()
  }
}
