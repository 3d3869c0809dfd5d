package import Logging
package import Memberlist
package import NIOCore
package import SerfCore
package import SerfPrimitives
package import SerfTransport

/// Joins the core and a transport on one event loop. It decides nothing: an `if` about the protocol here means that the core lacks an output.
///
/// ```
/// layer ──packet, stream──▶ mutate { core.… } ──▶ drain: send, open, event, reply ──▶ flush, re-arm
/// ```
/// All calls to the core go through ``mutate(at:_:)``. The packets of one batch are passed in one after the other, and the outbox is drained once, at
/// the batch's end.
package final class NodeDriver {
  private var core: NodeCore
  private let layer: any StreamLayer
  private var exchanges: ExchangeTable
  private let loop: any EventLoop
  private let subscribers: EventSubscribers
  private let keyKeeper: KeyKeeper
  private let log: NodeLog
  /// Nil without a delegate.
  private let delegate: DelegateCaller?
  private var metrics: NodeMetrics
  private let metricsInterval: Duration
  private var waiting: [RequestID: Call] = [:]
  private var queries: [SerfQuery.ID: WeakQueryReceiver] = [:]
  private var lastRequest: UInt64 = 0
  private var memberCount = 0
  /// What the layer's counter was last.
  private var packetsHeldBack: UInt64 = 0
  /// The status that was logged last.
  private var loggedStatus = NodeStatus.alive
  /// The version of the member list that its followers were told last.
  private var statedVersion: UInt64 = 0
  /// Set once the node stops; nothing goes to the transport after that.
  private var stopping: EventLoopFuture<Void>?
  /// Told when the members have given this node's name to another one; the core has stopped by then.
  var onNameLost: ((_ rival: NodeAddress, NameTally) -> Void)?
  /// Told when the core wants to dial a seed.
  var onSeedsWanted: (() -> Void)?
  private var timer: LoopTimer?
  private var metricsTimer: LoopTimer?
  /// Nil without a snapshot.
  private let snapshot: SnapshotWriter?
  /// Completes when a node that stops has written its last lines.
  private var settled: EventLoopPromise<Void>?

  /// A node on `layer`, not started.
  package init(
    _ configuration: SerfConfiguration, name: NodeName, seed: UInt64, layer: any StreamLayer, on loop: any EventLoop, logger: Logger,
    subscribers: EventSubscribers, metrics: NodeMetrics, snapshot: SnapshotWriter? = nil, restoring restored: RestoredState? = nil
  ) throws(SerfCoreError) {
    self.layer = layer
    self.snapshot = snapshot
    self.loop = loop
    self.subscribers = subscribers
    log = NodeLog(logger, name: name)
    keyKeeper = KeyKeeper(layer: layer, file: configuration.keyringFile, on: loop, logger: logger)
    self.metrics = metrics
    metricsInterval = configuration.metricsInterval
    delegate = configuration.delegate.map { DelegateCaller($0, limits: configuration.userData) }
    var settings = configuration.core
    delegate?.attach(to: &settings)
    exchanges = ExchangeTable(layer: layer, limits: configuration.exchanges)
    core = try NodeCore(
      settings, transport: TransportTraits(layer, allowedNetworks: configuration.allowedNetworks), name: name,
      address: configuration.advertise ?? layer.reachableAddress, tags: configuration.tags, restoring: restored,
      seed: seed)
  }

  /// Binds the transport and starts the node. Fails with ``SerfError``.
  static func start(
    _ configuration: SerfConfiguration, name: NodeName, seed: UInt64, factory: any StreamLayerFactory, on loop: any EventLoop,
    logger: Logger, subscribers: EventSubscribers, metrics: NodeMetrics
  ) -> EventLoopFuture<NIOLoopBound<NodeDriver>> {
    let context = StreamLayerContext(
      nodeName: name, advertise: configuration.advertise, probeTimeout: configuration.probe.timeout,
      probeInterval: configuration.probe.interval, allowedNetworks: configuration.allowedNetworks, logger: logger)
    let snapshot = SnapshotWriter(configuration.snapshot, logger)
    // Before the port is bound: no packet may arrive before the clocks are restored.
    return (snapshot?.read(on: loop) ?? loop.makeSucceededFuture(nil))
      .flatMap { restored in factory.bind(on: loop, context: context).map { ($0, restored) } }
      .flatMap { layer, restored in
        do {
          let own = configuration.advertise ?? layer.value.reachableAddress
          try own.checkReachable(boundTo: layer.value.localAddress)
          if !configuration.allowedNetworks.contains(own) {
            logger.warning("this node's own address \(own) is in none of the allowed networks: members that allow the same ones refuse it")
          }
          let driver = try NodeDriver(
            configuration, name: name, seed: seed, layer: layer.value, on: loop, logger: logger, subscribers: subscribers, metrics: metrics,
            snapshot: snapshot, restoring: restored)
          driver.start()
          return loop.makeSucceededFuture(NIOLoopBound(driver, eventLoop: loop))
        } catch {
          // A caller that corrects the settings binds the same port again.
          return layer.value.shutdown(reason: .shutdown, at: .now(on: loop)).flatMapThrowing { throw error }
        }
      }
      .flatMapErrorThrowing { throw SerfError(starting: $0) }
  }

  /// Starts delivering and announces the node.
  package func start() {
    timer = LoopTimer(on: loop) { [weak self] now in self?.timerFired(at: now) }
    layer.start(self)
    subscribers.memberFeed.attach(NIOLoopBound({ [weak self] in self?.memberReading }, eventLoop: loop), on: loop)
    log.started(at: layer.localAddress)
    delegate?.reporting(to: reporter())
    mutate { core, now in core.start(at: now) }
    startMetrics()
  }

  private func startMetrics() {
    guard metrics.isHeard else { return }
    metrics.export(statistics.figures)
    guard metricsInterval > .zero else { return }
    metricsTimer = LoopTimer(on: loop) { [weak self] now in
      guard let self else { return }
      metrics.export(statistics.figures)
      metricsTimer?.arm(at: now + metricsInterval)
    }
    metricsTimer?.arm(at: .now(on: loop) + metricsInterval)
  }

  /// The only way to the core: an input or a verb, then all that follows from it.
  func mutate<Result>(at time: Instant? = nil, _ body: (inout NodeCore, Instant) -> Result) -> Result {
    let now = time ?? Instant.now(on: loop)
    let result = body(&core, now)
    drain(at: now)
    return result
  }

  /// Does what the core wants, flushes the layer, and sets the timer.
  private func drain(at now: Instant) {
    if core.status != loggedStatus {
      loggedStatus = core.status
      log.became(loggedStatus)
    }
    while let output = core.nextOutput() { perform(output, at: now) }
    if core.membership.count != memberCount {
      memberCount = core.membership.count
      layer.hint(.memberCount(memberCount), at: now)
    }
    if core.membersVersion != statedVersion {
      statedVersion = core.membersVersion
      subscribers.memberFeed.changed(to: statedVersion)
    }
    let heldBack = layer.packetsHeldBack
    if heldBack > packetsHeldBack { core.packetsHeldBack(heldBack - packetsHeldBack, at: now) }
    packetsHeldBack = heldBack
    layer.flush(at: now)
    let deadline = min(core.nextDeadline ?? .distantFuture, exchanges.nextDeadline ?? .distantFuture)
    timer?.arm(at: deadline == .distantFuture ? nil : deadline)
  }

  private func perform(_ output: NodeOutput, at now: Instant) {
    switch output {
    case .transport(let order): perform(order, at: now)
    case .event(let event): log.firstLosses(subscribers.push(event))
    case .memberChanged(let kind, let member): log.changed(kind, member)
    case .snapshot(let order): write(order)
    case .joinAnswered(let request, let answer): waiting[request]?.progress?(answer)
    case .reply(let request, let reply):
      waiting.removeValue(forKey: request)?.ended(reply)
    case .queryAcknowledged(let id, let member): queries[id]?.receiver?.acks.continuation.yield(member)
    case .queryAnswered(let id, let answer): queries[id]?.receiver?.answers.continuation.yield(answer)
    case .queryEnded(let id, let summary):
      queries.removeValue(forKey: id)?.receiver?.end(core.status == .shutDown ? .failure(.shutDown) : .success(summary))
    case .keyOperation(let id, let operation, let member):
      keyKeeper.perform(operation, of: member) { [weak self] answer in self?.keyOperationEnded(id, answer) }
    case .delegate(let call): if delegate?.offer(call) == false { delegateIsBusy(call, at: now) }
    case .seedsWanted: onSeedsWanted?()
    case .nameLost(let rival, let tally): onNameLost?(rival, tally)
    case .roundTrip(let roundTrip): metrics.answered(after: roundTrip)
    case .diagnostic(let diagnostic): log.diagnostic(diagnostic, at: now)
    }
  }

  private func perform(_ order: TransportOrder, at now: Instant) {
    switch order {
    case .send(let slot, let destination, let path, let id, let checksummed):
      core.reading(slot) { layer.send($0, to: destination, path: path, id: id, checksummed: checksummed, at: now) }
    case .open(let id, let destination, let path, let deadline, let content):
      exchanges.open(id, to: destination, path: path, deadline: deadline, request: bytes(of: content), at: now)
    case .respond(let id, let content): exchanges.respond(id, with: bytes(of: content), at: now)
    case .finish(let id): exchanges.respond(id, with: [], at: now)
    case .refuse(let id, let reason): exchanges.refuse(id, saying: reason.reply, isValid: reason == .filtered, at: now)
    case .close(let peer, let reason): layer.close(peer, reason: reason, at: now)
    case .departed(let name), .forget(let name): layer.hint(.departed(name), at: now)
    }
  }

  // MARK: The delegate

  /// Brings what the delegate says back to the loop, and never from within an output.
  private func reporter() -> @Sendable (DelegateCaller.Report) -> Void {
    let here = NIOLoopBound(WeakDriver(driver: self), eventLoop: loop)
    return { [loop] report in
      loop.execute { here.value.driver?.delegateReported(report) }
    }
  }

  private func delegateReported(_ report: DelegateCaller.Report) {
    guard stopping == nil else { return }
    let now = Instant.now(on: loop)
    switch report {
    case .reconnectTimeout(let name, let timeout): mutate(at: now) { core, _ in core.reconnectTimeoutAnswered(name, timeout) }
    case .failed, .slow: log.delegate(report, at: now)
    }
  }

  private func delegateIsBusy(_ call: DelegateCall, at now: Instant) {
    log.delegateIsBusy(call, at: now)
    if case .reconnectTimeout(let member, _) = call { core.reconnectTimeoutAnswered(member.name, nil) }
  }

  private func write(_ order: SnapshotOrder) {
    guard let snapshot else { return }
    snapshot.perform(order, on: loop).assumeIsolated().whenComplete { [self] result in
      let written = (try? result.get()) ?? .failure(SnapshotFailure("write", "the thread has ended"))
      guard stopping != nil else { return mutate { core, now in core.snapshotWritten(written, at: now) } }
      // Nothing goes to the transport any more.
      let now = Instant.now(on: loop)
      core.snapshotWritten(written, at: now)
      while let output = core.nextOutput() { perform(output, at: now) }
      if !core.isSnapshotBusy { settled?.succeed() }
    }
  }

  /// A node that stops waits for its last write, unless the disk hangs.
  private func settleSnapshot() -> EventLoopFuture<Void> {
    guard core.isSnapshotBusy else { return loop.makeSucceededFuture(()) }
    let promise = loop.makePromise(of: Void.self)
    settled = promise
    loop.scheduleTask(in: .seconds(1)) { promise.succeed() }
    return promise.futureResult
  }

  private func bytes(of content: ExchangeContent) -> [UInt8] {
    switch content {
    case .bytes(let slot): return core.reading(slot) { $0.withUnsafeBytes { Array($0) } }
    case .pushPull(let isJoin, let name):
      var bytes: [UInt8] = []
      core.encodePushPull(isJoin: isJoin, with: name, into: &bytes)
      return bytes
    }
  }

  private func timerFired(at now: Instant) {
    while let event = exchanges.advance(to: now) { exchangeChanged(event, at: now) }
    mutate(at: now) { core, now in core.advance(to: now) }
  }

  private func exchangeChanged(_ event: ExchangeTable.Event?, at now: Instant) {
    switch event {
    case .received(let id, let message, let peer): core.exchangeReceived(id, message: message.span.bytes, from: peer, at: now)
    case .completed(let id, let reply, let peer): core.exchangeCompleted(id, reply: reply.span.bytes, from: peer, at: now)
    case .failed(let id, let reason): core.exchangeFailed(id, reason: reason, at: now)
    case .unopened(let id, let problem, let peer):
      log.unopened(problem, from: peer, at: now)
      core.exchangeFailed(id, reason: .unreadable, at: now)
    case .dropped(let problem, let peer): log.dropped(problem, from: peer, at: now)
    case nil: break
    }
  }
}

/// The node keeps no query whose asker has gone.
private struct WeakQueryReceiver {
  weak var receiver: QueryReceiver?
}

private struct WeakDriver {
  weak var driver: NodeDriver?
}

extension NodeCore {
  /// The bytes of a slot for the duration of a call, because a span of a class's storage may not be handed on.
  fileprivate func reading<Result>(_ slot: PacketSlot, _ body: (RawSpan) -> Result) -> Result { body(bytes(slot)) }
}

// MARK: - What the transport reports

extension NodeDriver: StreamLayerHandler {
  package func packetReceived(_ packet: RawSpan, from peer: Peer, at now: Instant) { core.receive(packet, from: peer, at: now) }

  package func packetNotSent(_ id: PacketID, _ reason: ContactFailure, at now: Instant) { core.packetNotSent(id, reason: reason, at: now) }

  package func streamOpened(_ stream: StreamID, peer: Peer, at now: Instant) { exchanges.streamOpened(stream, peer: peer) }

  package func streamAccepted(_ stream: StreamID, from peer: Peer, at now: Instant) {
    exchangeChanged(exchanges.streamAccepted(stream, from: peer, at: now), at: now)
  }

  package func streamReceived(_ stream: StreamID, _ bytes: RawSpan, at now: Instant) {
    exchangeChanged(exchanges.streamReceived(stream, bytes, at: now), at: now)
  }

  package func streamSent(_ stream: StreamID, _ count: Int, at now: Instant) { exchanges.streamSent(stream, count) }

  package func streamEnded(_ stream: StreamID, at now: Instant) { exchangeChanged(exchanges.streamEnded(stream), at: now) }

  package func streamFailed(_ stream: StreamID, _ reason: ContactFailure, at now: Instant) {
    exchangeChanged(exchanges.streamFailed(stream, reason), at: now)
  }

  package func warmthChanged(_ name: NodeName, isWarm: Bool, at now: Instant) { core.setWarm(name, isWarm) }

  package func peerFeaturesChanged(_ name: NodeName, _ features: PeerFeatures?, at now: Instant) {
    core.peerFeaturesChanged(name, features, at: now)
  }

  package func packetDelayed(_ id: PacketID, at now: Instant) { core.packetDelayed(id, at: now) }

  package func addressStated(_ address: NodeAddress, by peer: Peer, at now: Instant) { core.addressStated(address, by: peer, at: now) }

  package func connectionClosed(_ peer: Peer, reason: CloseReason, byPeer: Bool, at now: Instant) {
    // What we closed ourselves tells us nothing about the peer.
    if byPeer { core.connectionClosed(peer, reason: reason, at: now) }
  }

  package func isUnderScrutiny(_ name: NodeName) -> Bool { core.membership.isUnderScrutiny(name) }

  package func address(of name: NodeName) -> NodeAddress? { core.membership.member(name)?.address }

  package func readComplete(at now: Instant) { mutate(at: now) { _, _ in } }
}

// MARK: - What the user wants

extension NodeDriver {
  package typealias Completion<Value> = (Result<Value, SerfError>) -> Void

  package var members: [SerfMember] { core.members }
  /// The members for those who follow them; nil when the node has stopped.
  private var memberReading: MemberFeed.Reading? {
    core.status == .shutDown ? nil : (core.membersVersion, MemberSnapshot(sorted: core.members))
  }
  package var localMember: SerfMember? { core.localMember }
  /// The tags that this node has now, with every change so far.
  var tags: [String: String] { core.ownTags }
  package var status: NodeStatus { core.status }
  package var localAddress: NodeAddress { layer.localAddress }
  /// What the core was told of the layer.
  package var transport: TransportTraits { core.membership.transport }
  package var statistics: SerfStatistics {
    SerfStatistics(
      node: core.statistics, events: core.counters, subscriptions: subscribers.statistics, delegate: delegate?.figures ?? .init(),
      gossip: core.membership.counters,
      transport: exchanges.figures + layer.figures, status: core.status, lateness: core.membership.lateness(at: .now(on: loop)),
      isEncrypted: layer.protection != .clear)
  }
  /// What the layers below the user's verbs counted since the start.
  package var counters: (membership: MembershipCounters, node: NodeCounters, exchanges: ExchangeCounters) {
    (core.membership.counters, core.counters, exchanges.counters)
  }

  /// The settings that must be the same on both sides, for the text of a join that failed.
  package var agreement: String? { layer.agreement }

  /// Reports each address as it answers or fails, and all targets at the end.
  package func join(
    _ targets: [JoinTarget], ignoreOld: Bool, progress: ((JoinAnswer) -> Void)? = nil, _ done: @escaping Completion<[JoinResult]>
  ) {
    request(done, progress: progress) { core, id, now throws(SerfCoreError) in
      try core.join(targets, ignoreOld: ignoreOld, request: id, at: now)
    } reply: { reply in
      if case .joined(let results) = reply { .success(results) } else { .failure(.shutDown) }
    }
  }

  /// How long this node leaves the seeds alone after its start.
  var firstDialPause: Duration { max(.zero, core.firstDialAt - .now(on: loop)) }

  /// From now on the core asks for `count` seeds, with ``onSeedsWanted``.
  func keepSeeds(_ count: Int) { mutate { core, _ in core.keepSeeds(count) } }

  /// The look-up of the seeds has ended.
  func seedsFound(_ targets: [JoinTarget]) {
    // A look-up may outlive the node.
    guard stopping == nil else { return }
    mutate { core, now in core.seedsFound(targets, at: now) }
  }

  package func leave(_ done: @escaping Completion<Void>) {
    request(done) { core, id, now throws(SerfCoreError) in
      try core.leave(request: id, at: now)
    } reply: { reply in
      // A farewell that did not spread in time is a warning in the log: it still spreads by gossip, and the node has left.
      if case .done = reply { .success(()) } else { .failure(.shutDown) }
    }
  }

  package func forceLeave(_ name: NodeName, prune: Bool, _ done: @escaping Completion<Void>) {
    request(done) { core, id, now throws(SerfCoreError) in
      try core.forceLeave(name, prune: prune, request: id, at: now)
    } reply: {
      Self.spread($0, "removal of \(name)")
    }
  }

  package func setTags(_ tags: [String: String], _ done: @escaping Completion<Void>) {
    request(done) { core, id, now throws(SerfCoreError) in
      try core.setTags(tags, request: id, at: now)
    } reply: {
      Self.spread($0, "tags")
    }
  }

  /// Completes when the event is sent, which may have to wait for earlier ones.
  package func userEvent(_ name: [UInt8], payload: [UInt8], coalesce: Bool, _ done: @escaping Completion<Void>) {
    lastRequest += 1
    let id = RequestID(lastRequest)
    let result = mutate { core, now -> Result<Void, SerfError>? in
      do throws(SerfCoreError) {
        if try core.userEvent(name: name, payload: payload, coalesce: coalesce, request: id, at: now) { return .success(()) }
        waiting[id] = Call(ended: { if case .done = $0 { done(.success(())) } else { done(.failure(.shutDown)) } }, progress: nil)
        return nil
      } catch { return .failure(SerfError(error)) }
    }
    if let result { done(result) }
  }

  /// The answers go to `receiver`, for as long as the caller holds it.
  package func query(
    _ name: [UInt8], payload: [UInt8], options: SerfQuery.Options, _ receiver: QueryReceiver, _ done: Completion<SerfQuery.ID>
  ) {
    done(
      mutate { core, now -> Result<SerfQuery.ID, SerfError> in
        do throws(SerfCoreError) {
          let id = try core.query(name: name, payload: payload, options: options, at: now)
          // Before the outputs: this node's own answer may be among them.
          queries[id] = WeakQueryReceiver(receiver: receiver)
          return .success(id)
        } catch { return .failure(SerfError(error)) }
      })
  }

  /// The answers go to `receiver`. The key of a change is not sent where it would cross the network unprotected.
  func keyQuery(_ operation: KeyOperation, _ receiver: QueryReceiver, _ done: Completion<KeyQueryStart>) {
    let members = Set(core.members.filter { $0.status == .alive }.map(\.name))
    var start = KeyQueryStart(members: members)
    if case .none(let reason) = layer.keyring { start.refusal = RingChange.refusal(of: operation.kind, because: reason) }
    guard start.refusal == nil || operation.kind == .list else { return done(.success(start)) }
    done(
      mutate { core, now -> Result<KeyQueryStart, SerfError> in
        do throws(SerfCoreError) {
          let id = try core.keyQuery(operation, options: SerfQuery.Options(), at: now)
          queries[id] = WeakQueryReceiver(receiver: receiver)
          start.query = id
          return .success(start)
        } catch { return .failure(SerfError(error)) }
      })
  }

  /// Not from within an output: what comes of it is drained at once.
  private func keyOperationEnded(_ id: SerfQuery.ID, _ answer: KeyAnswer) {
    let here = NIOLoopBound(self, eventLoop: loop)
    loop.execute {
      guard here.value.stopping == nil else { return }
      here.value.mutate { core, now in core.keyOperationEnded(id, answer, at: now) }
    }
  }

  func closeQuery(_ id: SerfQuery.ID) {
    queries[id] = nil
    mutate { core, _ in core.closeQuery(id) }
  }

  package func respond(to id: SerfQuery.ID, with payload: [UInt8], _ done: Completion<Void>) {
    done(
      mutate { core, now -> Result<Void, SerfError> in
        do throws(SerfCoreError) {
          try core.respond(to: id, with: payload, at: now)
          return .success(())
        } catch { return .failure(SerfError(error)) }
      })
  }

  func coordinate() -> Result<NodeCoordinate, SerfError> { asked { core throws(SerfCoreError) in try core.coordinate() } }

  func cachedCoordinate(of name: NodeName) -> Result<NodeCoordinate?, SerfError> {
    asked { core throws(SerfCoreError) in try core.cachedCoordinate(of: name) }
  }

  func roundTripEstimate(from name: NodeName, to other: NodeName) -> Result<Duration, SerfError> {
    asked { core throws(SerfCoreError) in try core.roundTripEstimate(from: name, to: other) }
  }

  /// A question that the core may refuse to answer.
  private func asked<Value>(_ question: (borrowing NodeCore) throws(SerfCoreError) -> Value) -> Result<Value, SerfError> {
    do throws(SerfCoreError) { return .success(try question(core)) } catch { return .failure(SerfError(error)) }
  }

  /// Stops the node; completes when the port is free. The second call waits for the first. With `saysFarewell` a few members are told first, best effort.
  package func shutdown(saysFarewell: Bool = false) -> EventLoopFuture<Void> {
    if let stopping { return stopping }
    let reason: CloseReason = core.status == .left ? .left : .shutdown
    mutate { core, now in core.shutDown(at: now, saysFarewell: saysFarewell) }
    timer?.cancel()
    metricsTimer?.cancel()
    delegate?.end()
    // What the end itself changed is in the last export: the node and its figures stay until then.
    let stopping = layer.shutdown(reason: reason, at: .now(on: loop)).and(settleSnapshot()).map { _ in }.hop(to: loop).assumeIsolated()
      .always { [self] _ in if metrics.isHeard { metrics.export(statistics.figures) } }.nonisolated()
    self.stopping = stopping
    return stopping
  }

  private static func spread(_ reply: NodeReply, _ what: String) -> Result<Void, SerfError> {
    switch reply {
    case .done(isSpread: true): .success(())
    case .done(isSpread: false):
      .failure(SerfError(.broadcastTimeout, "\(what): done here, but not enough members got it in time; gossip still spreads it"))
    case .joined, .messageEnded, .shutDown: .failure(.shutDown)
    }
  }

  /// A verb that ends with a reply.
  func request<Value>(
    _ done: @escaping Completion<Value>, progress: ((JoinAnswer) -> Void)? = nil,
    _ verb: (inout NodeCore, RequestID, Instant) throws(SerfCoreError) -> Void,
    reply: @escaping (NodeReply) -> Result<Value, SerfError>
  ) {
    lastRequest += 1
    let id = RequestID(lastRequest)
    waiting[id] = Call(ended: { done(reply($0)) }, progress: progress)
    let failure = mutate { core, now -> SerfCoreError? in
      do throws(SerfCoreError) {
        try verb(&core, id, now)
        return nil
      } catch { return error }
    }
    if let failure, waiting.removeValue(forKey: id) != nil { done(.failure(SerfError(failure))) }
  }
}

/// A verb that has not ended: how its caller hears of that, and of each address of a join before.
private struct Call {
  let ended: (NodeReply) -> Void
  let progress: ((JoinAnswer) -> Void)?
}

extension TransportTraits {
  /// What the core must know of `layer`, and of the networks that the node allows.
  init(_ layer: any StreamLayer, allowedNetworks: AllowedNetworks) {
    let hasRing = if case .shared = layer.keyring { true } else { false }
    self.init(
      provesNames: layer.protection == .provenNames, packetBudget: layer.packetBudget,
      carriesOversizedPackets: layer.largestPacket > layer.packetBudget, statesPeerFeatures: layer.statesPeerFeatures,
      allowedNetworks: allowedNetworks, passesKeyOperations: hasRing || layer.protection != .keyring)
  }
}
