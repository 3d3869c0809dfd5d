public import NIOCore
public import SerfCore
public import SerfPrimitives
public import SerfTransport
public import ServiceLifecycle
import Synchronization

public import protocol CoreMetrics.MetricsFactory
public import struct Logging.Logger
public import class NIOPosix.MultiThreadedEventLoopGroup

/// One node of a cluster: it knows which members are alive, which failed and which left, and sends events to and gets events from all members.
///
/// ```swift
/// let node = try SerfNode(transport: QuicTransport(credentials, bind: "10.0.0.1:7946"), configuration: SerfConfiguration(tags: ["role": "web"]))
/// let events = node.events()
/// try await withThrowingTaskGroup(of: Void.self) { group in
///   group.addTask { try await node.run() }
///   try await node.join(["10.0.0.2"])
///   for await event in events { … }
/// }
/// ```
///
/// The node starts with ``start()``, which ``run()`` and every verb call for you. It leaves with ``leave()`` (other members see `left`) and stops with
/// ``shutdown()`` (they see `failed`, unless a ``leave()`` came before). A stopped node does not start again, and every verb throws
/// ``SerfError/Code/state``; make another one.
///
/// Every function that waits throws `CancellationError` at once when its task is cancelled, or was before the call. What was begun goes on: a tag that is
/// being set is set. ``shutdown()`` is the exception: it waits for its end. <doc:life-of-a-node> has a table of all this.
///
/// As a `ServiceLifecycle.Service` it leaves on graceful shutdown; on cancellation it says farewell and shuts down. A `ServiceGroup` stops the last of its
/// services first, so list what uses the node after the node: `ServiceGroup(services: [node, jobs], …)`.
public final class SerfNode: Service {
  /// The node's name: the configured one, or else the one in the transport's certificate.
  public let name: NodeName
  /// How the node was configured.
  public let configuration: SerfConfiguration

  let factory: any StreamLayerFactory
  let loop: any EventLoop
  let logger: Logger
  let metrics: NodeMetrics
  let seed: UInt64
  let life = Mutex(Life())
  let subscribers = EventSubscribers()
  let seedJoiner: SeedJoiner
  /// The seeds that it keeps dialling, as they are written.
  let permanentSeeds = Mutex<[String]>([])
  let tagChanges = TagChanges()
  /// Changes of the keys, one after the other.
  let keyWriters = Turns()
  /// Ends ``run()`` when the node has stopped.
  let ended = Once<Void>()

  /// A node that is not started yet.
  ///
  /// - Parameters:
  ///   - transport: how the node reaches others.
  ///   - configuration: name, tags, timings and limits. Default: the name in the transport's certificate, and the timings of a local network.
  ///   - logger: where it logs: at `info` that it started, joined, leaves and left, and members that come and go; at `debug` members that change. Lines
  ///     about a member or a peer have the metadata `serf.member`, `serf.address` and `serf.reason`, as far as they are known.
  ///   - eventLoopGroup: the threads that the node works on; it uses one loop of them. They must run until the node has stopped. Default: those that
  ///     NIO shares in the process.
  ///   - metricsFactory: where its figures go (``SerfConfiguration/metricsInterval``). Default: the one that `MetricsSystem` has now, or
  ///     `withMetricsFactory` sets.
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/configuration`` or ``SerfError/Code/tooLarge`` when the settings cannot work, or
  ///   neither the configuration nor the transport has a name.
  public convenience init(
    transport: some StreamLayerFactory, configuration: SerfConfiguration = SerfConfiguration(), logger: Logger = Logger(label: "serf"),
    eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, metricsFactory: (any MetricsFactory)? = nil
  ) throws {
    var generator = SystemRandomNumberGenerator()
    try self.init(
      transport: transport, configuration: configuration, logger: logger, eventLoopGroup: eventLoopGroup, metricsFactory: metricsFactory,
      seed: generator.next())
  }

  /// The same, with a seed for all that the node leaves to chance: for tests, whose runs then differ by timing alone.
  package init(
    transport: some StreamLayerFactory, configuration: SerfConfiguration, logger: Logger, eventLoopGroup: any EventLoopGroup,
    metricsFactory: (any MetricsFactory)? = nil, seed: UInt64
  ) throws {
    name = try configuration.checkedName(provenBy: transport)
    self.configuration = configuration
    self.logger = logger
    metrics = NodeMetrics(node: name, factory: metricsFactory)
    self.seed = seed
    factory = transport
    loop = eventLoopGroup.next()
    seedJoiner = SeedJoiner(configuration.join, name: name, seed: seed, on: loop, logger: logger)
  }

  /// The program can no longer stop a node that it no longer holds, so the node stops itself.
  deinit {
    // A node that starts or stops is held by the task that does it.
    if case .running(let driver) = life.withLock({ $0.stage }) { loop.execute { _ = driver.value.shutdown() } }
    seedJoiner.end()
    subscribers.finish()
  }

  // MARK: Members

  /// Every member that this node knows of, including itself, sorted by name.
  ///
  /// - Throws: ``SerfError`` alone: what ``start()`` throws, and ``SerfError/Code/state`` after ``shutdown()``. `CancellationError` when the task is
  ///   cancelled.
  public func members() async throws -> [SerfMember] {
    try await call { driver, done in done(.success(driver.members)) }
  }

  /// This node as others see it.
  ///
  /// - Throws: as ``members()``.
  public func localMember() async throws -> SerfMember {
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
  ///   after ``leave()`` or ``shutdown()``; what ``start()`` throws. `CancellationError` when the task is cancelled.
  public func forceLeave(_ name: NodeName, prune: Bool = false) async throws {
    try await call { driver, done in driver.forceLeave(name, prune: prune, done) }
  }

  /// The same, with the name as text, which ``NodeName/init(_:)`` reads.
  public func forceLeave(_ name: String, prune: Bool = false) async throws {
    try await forceLeave(NodeName(name), prune: prune)
  }

  /// Replaces this node's tags, and waits until the other members had a chance to hear of it.
  ///
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/tooLarge`` above 512 encoded bytes (nothing changed), ``SerfError/Code/broadcastTimeout``;
  ///   ``SerfError/Code/state`` after ``leave()`` or ``shutdown()``; what ``start()`` throws. `CancellationError` when the task is cancelled.
  public func setTags(_ tags: [String: String]) async throws {
    try await call { driver, done in driver.setTags(tags, done) }
  }

  /// Changes this node's tags, and waits until the other members had a chance to hear of it.
  ///
  /// ```swift
  /// try await node.updateTags { $0["load"] = "3" }
  /// ```
  /// ``setTagsSoon(_:)`` does not wait.
  ///
  /// - Parameter change: makes the new tags from those that the node has, so that no change of another caller is lost. It is called once, on the
  ///   node's event loop, so it must not block. If it throws, nothing changes.
  /// - Throws: what `change` throws; else as ``setTags(_:)``.
  public func updateTags(_ change: @escaping @Sendable (_ tags: inout [String: String]) throws -> Void) async throws {
    let refusal: (any Error)? = try await call { driver, done in
      var tags = driver.tags
      do { try change(&tags) } catch { return done(.success(error)) }
      driver.setTags(tags) { done($0.map { nil }) }
    }
    if let refusal { throw refusal }
  }

  /// Counters and clocks, as `serf info` prints them.
  ///
  /// - Throws: as ``members()``.
  public func statistics() async throws -> SerfStatistics {
    try await call { driver, done in done(.success(driver.statistics)) }
  }
}
