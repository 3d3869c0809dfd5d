package import Memberlist
package import SerfPrimitives

/// A Serf node without its sockets: members, intents, tags and user events on top of the gossip layer, which it owns.
///
/// It is a value that takes inputs and fills one outbox. It has no clock, no socket and no thread; a run is a function of its seed and inputs.
///
/// - **Inputs**, from the transport: ``start(at:)``, ``receive(_:from:at:)``, ``packetNotSent(_:reason:at:)``,
///   ``exchangeReceived(_:message:from:at:)``, ``exchangeCompleted(_:reply:from:at:)``, ``exchangeFailed(_:reason:at:)``,
///   ``connectionClosed(_:reason:at:)``, ``addressStated(_:by:at:)``, ``peerFeaturesChanged(_:_:at:)``, ``packetsHeldBack(_:at:)``, ``advance(to:)``, and without time
///   ``setWarm(_:_:)``; from the disk ``snapshotWritten(_:at:)``; from the resolver ``seedsFound(_:at:)``; from the keeper of the keyring ``keyOperationEnded(_:_:at:)``; from the program's
///   delegate ``reconnectTimeoutAnswered(_:_:)``.
/// - **Verbs**, from the user: ``join(_:ignoreOld:request:at:)``, ``leave(request:at:)``, ``shutDown(at:saysFarewell:)``,
///   ``userEvent(name:payload:coalesce:request:at:)`` and without a request, ``query(name:payload:options:at:)``, ``respond(to:with:at:)``, ``keyQuery(_:options:at:)``,
///   ``setTags(_:request:at:)``, ``forceLeave(_:prune:request:at:)``, ``keepSeeds(_:)``, ``setUserState(_:)``, ``send(_:to:request:at:)``. Those that take time end with
///   a ``NodeOutput/reply(_:_:)`` that carries their request's ID. They throw ``SerfCoreError`` for a mistake of the caller; a peer's mistake gives a
///   counter and a diagnostic.
/// - **Questions**: ``members``, ``membersVersion``, ``localMember``, ``ownTags``, ``status``, ``statistics``, ``counters``, ``coordinate()``,
///   ``cachedCoordinate(of:)``, ``roundTripEstimate(from:to:)``.
/// - **Outputs**: after each input or verb, or each batch of them, call ``nextOutput()`` until it returns nil. Do what each output says before you
///   ask for the next one: read packets with ``bytes(_:)``, and the state that a push/pull carries with ``encodePushPull(isJoin:with:into:)``. Part
///   of the work is done in `nextOutput`, so the answers to questions are current only after it has returned nil. Then arm one timer for
///   ``nextDeadline`` and call ``advance(to:)`` when it is due, after the packets that have arrived.
///
/// ```
///  transport ── inputs ──▶ ┌───────────────────────────┐ ── send, open, respond ──▶ transport
///                          │ NodeCore                  │
///  user ─────── verbs ───▶ │   members events queries  │ ── event, reply ─────────▶ user
///                          │   Membership (SWIM)       │
///  timer ───── advance ──▶ └───────────────────────────┘ ── nextDeadline ─────────▶ timer
/// ```
///
/// The extensions divide this type by input: `+Messages` (gossip of Serf's own), `+PushPull`, `+Clocks`, `+Members`, `+UserEvents`, `+Queries`,
/// `+NameVote`, `+Coordinates`, `+Snapshot`, `+Leave` and so on.
package struct NodeCore: ~Copyable, Sendable {
  package let configuration: SerfCoreConfiguration
  /// This node's name.
  package let name: NodeName
  /// Where this node is in its own life.
  package internal(set) var status = NodeStatus.alive
  package internal(set) var counters = NodeCounters()
  /// The gossip layer below.
  package internal(set) var membership: Membership

  var memberClock = LamportClock()
  var eventClock = LamportClock()
  var queryClock = LamportClock()
  /// When gossip last made us ask a member for its clocks.
  var askedForClocksAt: Instant?
  /// Whether a timer will pass the values of our clocks on.
  var spreadsClocks = false

  var table = MemberTable()
  /// Members that are to be forgotten once they had time to leave.
  var pruning: Set<NodeName> = []
  var intents: IntentBuffer
  var events: EventRing
  /// Whether no push/pull has told us yet how far the cluster's events have come.
  var isNewcomer = true
  /// Whether the time of the oldest events that we accept comes from the first push/pull, and not from a join that set it.
  var isReplayLimitImplied = false
  var queries: QueryRing
  /// Our own queries that have not ended, by their Lamport times, of which each has another.
  var openQueries: [LamportTime: OpenQuery] = [:]
  var receivedQueries: ReceivedQueries
  /// Events that wait to be delivered together, if that is wanted.
  var memberEvents: MemberCoalescer
  var userEvents: UserEventCoalescer
  /// Our own events that are not sent yet, and when they may be.
  var pacing: EventPacing
  var coordinates = CoordinateTable()
  /// Nil without a snapshot file.
  var recorder: SnapshotRecorder?
  var isSnapshotScheduled = false
  var rejoining: Rejoining
  var healing = Healing()
  /// Key operations that the driver has not ended yet.
  var pendingKeyOperations: [SerfQuery.ID: ReceivedQuery] = [:]
  /// The vote on our name, while there is one, and when the next may begin.
  var nameVote: NameVote?
  var nextNameVote = Instant.zero
  /// The program's state and messages, and who reads them.
  var userData = UserDataTraffic()
  /// Events, queries and answers above what Go members take.
  var large: LargeMessageTraffic
  /// When the delegate was told of a conflict of names last.
  var conflictsTold: [ToldConflict: Instant] = [:]

  var timers = DeadlineQueue<Timer>()
  var random: SeededRandom
  var outbox = NodeOutbox()
  /// The time of the last input: what happens while outputs are drained has this time.
  var now = Instant.zero

  var joins: [JoinID: PendingJoin] = [:]
  var broadcasts: [BroadcastID: PendingBroadcast] = [:]
  var departure = Departure()
  var lastID: UInt64 = 0
  /// A message that is being handled, and one that is being made; kept for their memory.
  var inbox: [UInt8] = []
  var scratch: [UInt8] = []

  /// Makes a node that does nothing before ``start(at:)``.
  ///
  /// Peers reach it at `address`. `transport` says what carries its packets. `seed` must come from the system's generator, except where a run must be repeatable.
  /// `restored` is what the snapshot file says, if the configuration has one.
  package init(
    _ configuration: SerfCoreConfiguration, transport: TransportTraits = .init(), name: NodeName, address: NodeAddress,
    tags: [String: String] = [:], restoring restored: RestoredState? = nil, seed: UInt64
  ) throws(SerfCoreError) {
    try Self.check(configuration, name)
    do { try configuration.checkSizes(over: transport) } catch { throw .settingOutOfBounds(error) }
    guard address.isUsableAsPeer else { throw .unusableAddress(address) }
    let meta = try Self.encodeTags(tags)
    self.configuration = configuration
    self.name = name
    var random = SeededRandom(seed: seed)
    membership = Membership(
      Self.filtering(configuration, own: name), transport: transport, local: GossipMember(name: name, address: address, meta: meta),
      seed: random.next())
    self.random = random
    intents = IntentBuffer(limit: configuration.membership.limits.bufferedIntents)
    events = EventRing(
      size: configuration.userEvents.bufferSize, eventsPerSlot: configuration.userEvents.eventsPerTime,
      bytesPerSlot: configuration.userEvents.bytesPerTime)
    pacing = EventPacing(
      remembered: configuration.userEvents.bufferSize, gossipInterval: configuration.membership.gossip.interval)
    queries = QueryRing(size: configuration.queries.bufferSize, idsPerSlot: configuration.queries.idsPerTime)
    receivedQueries = ReceivedQueries(limit: configuration.queries.answerable)
    let coalescing = configuration.coalescing
    memberEvents = MemberCoalescer(coalescing.members, limit: configuration.membership.limits.members)
    userEvents = UserEventCoalescer(coalescing.userEvents, limit: coalescing.userEventLimit, byteLimit: coalescing.userEventBytes)
    rejoining = Rejoining(restored)
    large = LargeMessageTraffic(configuration.largeMessages)
    tellOwnCoordinate()
    restore()
  }

  private static func check(_ configuration: SerfCoreConfiguration, _ name: NodeName) throws(SerfCoreError) {
    do { try configuration.check() } catch { throw .settingOutOfBounds(error) }
    let limit = configuration.membership.limits.nameLength
    guard !name.isEmpty else { throw .badName(.empty) }
    guard name.bytes.count <= limit else { throw .badName(.tooLong(limit: limit)) }
  }

  // MARK: Outputs

  /// The next thing to do, or nil when all is done.
  package mutating func nextOutput() -> NodeOutput? {
    // Our own outputs come before the gossip layer's next one, because they follow from its last one.
    while true {
      if let output = outbox.next() { return output }
      guard status != .shutDown else { return nil }
      guard let output = membership.nextOutput() else {
        if sendWaitingEvents() { continue }
        scheduleSnapshot()
        return nil
      }
      if let output = translate(output) { return output }
    }
  }

  /// The bytes of a packet. Valid until ``nextOutput()`` has returned nil.
  @_lifetime(borrow self)
  package func bytes(_ slot: PacketSlot) -> RawSpan { membership.bytes(slot) }

  /// When ``advance(to:)`` is due next.
  package var nextDeadline: Instant? {
    guard status != .shutDown else { return nil }
    guard let own = timers.nextDeadline else { return membership.nextDeadline }
    return membership.nextDeadline.map { min($0, own) } ?? own
  }

  /// Turns an output of the gossip layer into one for the driver; nil when it was handled here.
  mutating func translate(_ output: MembershipOutput) -> NodeOutput? {
    switch output {
    case .transport(let order): return .transport(order)
    case .diagnostic(let diagnostic): return .diagnostic(.membership(diagnostic))
    case .joined(let member): memberJoined(member)
    case .updated(let member): memberUpdated(member)
    case .left(let member): memberDeparted(member)
    case .conflict(let existing, let claimant): nameConflict(existing: existing, claimant: claimant)
    case .nameRefused(let peer): nameRefused(by: peer)
    case .userMessage(let slot, let exchange, let peer): messageReceived(slot, exchange, from: peer)
    case .userState(let slot, let isJoin, let isReply, let join, let peer):
      stateReceived(slot, isJoin: isJoin, isReply: isReply, join: join, from: peer)
    case .joinAnswered(let id, let answer):
      // An attempt to reconnect belongs to no call.
      if let request = joins[id]?.request { return .joinAnswered(request, answer) }
    case .joinFinished(let id, let results): joinFinished(id, results)
    case .broadcastFinished(let id): broadcastFinished(id)
    case .leaveFinished(let isComplete): farewellFinished(isSpread: isComplete)
    case .ackReceived(let name, let roundTrip, let payload):
      coordinateReceived(payload, from: name, roundTrip: roundTrip)
      if let roundTrip {
        if configuration.hasDelegate { outbox.push(.delegate(.pinged(name, roundTrip: roundTrip))) }
        return .roundTrip(roundTrip)
      }
    case .pingFinished(let id, let result): pingFinished(id, result)
    case .userMessageFinished(let id, let answer, let failure):
      if !fetchFinished(id, answer) { userMessageFinished(id, failure) }
    }
    return nil
  }

  // MARK: Questions

  /// Every known member, in any status, by name.
  package var members: [SerfMember] { table.rows.map { $0.member }.sorted { $0.name < $1.name } }

  /// Another number after each change of ``members``, whether an event announces it or not; 0 before ``start(at:)``.
  package var membersVersion: UInt64 { table.version }

  /// This node as other members see it; nil before ``start(at:)``.
  package var localMember: SerfMember? { table[name]?.member }

  /// What there is now: members by status, clocks, queues.
  package var statistics: NodeStatistics {
    var now = NodeStatistics()
    now.members = table.count
    now.alive = table.count(of: .alive)
    now.leaving = table.count(of: .leaving)
    now.failed = table.count(of: .failed)
    now.left = table.count(of: .left)
    now.healthScore = membership.healthScore
    (now.memberTime, now.eventTime, now.queryTime) = (memberClock.time, eventClock.time, queryClock.time)
    now.intentQueue = membership.queueDepth(.intent)
    now.eventQueue = membership.queueDepth(.event)
    now.eventsUnsent = pacing.waiting.count
    now.queryQueue = membership.queueDepth(.query)
    now.largeQueue = membership.queueDepth(.large)
    now.bodyBytes = large.store.byteCount
    now.bodiesWanted = large.fetches.count
    now.openQueries = openQueries.count
    now.remembered = healing.entries.count
    return now
  }

  // MARK: Inside

  mutating func nextID() -> UInt64 {
    lastID += 1
    return lastID
  }

  mutating func diagnose(_ diagnostic: NodeDiagnostic) { outbox.report(diagnostic) }

  /// What a timer is for.
  enum Timer: Sendable {
    case reap
    case reconnect
    case queueCheck
    case broadcastTimeout(BroadcastID)
    case propagated
    case prune(NodeName)
    case spreadClocks
    case nameVerdict(JoinID)
    case queryDeadline(LamportTime)
    case flushMembers
    case flushUserEvents
    case snapshot
    case messageDeadline(UInt64)
    case firstDial
    case forgetRestored
    case largeMessages
    case eventTurn
  }
}

/// Outputs that wait for the driver, in order.
struct NodeOutbox: Sendable {
  private var outputs = DrainQueue<NodeOutput>()
  private var reports = 0

  mutating func push(_ output: NodeOutput) { outputs.append(output) }

  /// One message can hold a million mistakes; the first ones of a batch are reported, and the counters count all of them.
  mutating func report(_ diagnostic: NodeDiagnostic) {
    guard reports < Outbox.reportLimit else { return }
    reports += 1
    push(.diagnostic(diagnostic))
  }

  mutating func next() -> NodeOutput? {
    if let output = outputs.popFirst() { return output }
    reports = 0
    return nil
  }
}
