package import SerfPrimitives
import SerfWire

/// SWIM with Lifeguard, as HashiCorp's memberlist speaks it: which nodes are in the group, which failed, which left.
///
/// It is a value that takes inputs and fills one outbox. It has no clock, no socket and no thread; a run is a function of its seed and inputs.
///
/// - **Inputs**, with the time `at`: ``start(at:)``, ``receive(_:from:at:)``, ``packetNotSent(_:reason:at:)``,
///   ``exchangeReceived(_:message:from:at:)``, ``exchangeCompleted(_:reply:from:at:)``, ``exchangeFailed(_:reason:at:)``,
///   ``connectionClosed(_:reason:at:)``, ``addressStated(_:by:at:)``, ``packetsHeldBack(_:at:)``, ``advance(to:)``; and without: ``setWarm(_:_:)``,
///   ``setAckPayload(_:)``.
/// - **Commands**: ``join(_:id:at:)``, ``leave(timeout:at:)``, ``updateMeta(_:notice:at:)``, ``broadcast(_:tier:id:at:)``,
///   ``sendUserMessage(_:to:)``, ``sendUserMessageReliably(_:to:at:)``, ``ping(_:id:at:)``, ``pushPull(with:at:)``,
///   ``pushPull(withOthers:at:)``.
/// - **Outputs**: call ``nextOutput()`` until nil after each batch of inputs; read packets with ``bytes(_:)``; then arm one timer for
///   ``nextDeadline`` and call ``advance(to:)`` when it is due. Pass inputs that have arrived before you call `advance`, so that a late ack that was
///   in the queue is not taken for a missing one.
///
/// The machine is divided by the paper's nouns: `FailureDetection/`, `Dissemination/`, `Nodes/`; the extensions of this type divide it by input. Each
/// deviation from memberlist is described, with its reason, where it is made; most answer a hazard of `memberlist.md` section 5.1.
package struct Membership: ~Copyable, Sendable {
  package let configuration: MembershipConfiguration
  /// What the transport below can do.
  package let transport: TransportTraits
  /// This node's name.
  package let name: NodeName

  /// Every node we know of.
  package internal(set) var table = NodeTable()
  /// This node's place in the table.
  package let me: NodeIndex
  /// How far this node doubts itself; 0 is healthy.
  package var healthScore: Int { awareness.score }
  package internal(set) var counters = MembershipCounters()

  var outbox = Outbox()
  var timers = DeadlineQueue<Timer>()
  var random: SeededRandom

  var incarnation: UInt32 = 0
  var sequenceNumber: UInt32 = 0
  var lastPacket: UInt64 = 0
  var lastExchange: UInt64 = 0

  var awareness: Awareness
  var timerDelay: Lateness
  var probeSchedule = ProbeSchedule()
  var probe: Probe?
  /// Whether a tick passed while a probe out of turn was running, so that a probe in turn is due first.
  var isTurnOverdue = false
  /// Pings for others and for the user, by sequence number.
  var pings: [UInt32: PendingPing] = [:]
  var relayCount = 0
  /// How many pings are probes that wait for a dial.
  var dialProbeCount = 0
  /// No other dial for a probe begins before this time; ``nextContactDial`` is the same for dials for gossip.
  var nextDialProbe = Instant.zero
  var nextContactDial = Instant.zero

  var dissemination = Dissemination()
  var gossipSchedule = GossipSchedule()
  var ring = Ring()
  /// The number of the gossip round that is due next; ticks with another number were replaced.
  var gossipRound: UInt32 = 0
  /// Whether that round comes before its time, because much waits; it is paid for from ``forwarding``.
  var isRoundOutOfTurn = false
  /// Names that the transport is connected to and that are not in the table: a connection exists before the state that it brings.
  var warmStrangers: Set<NodeName> = []
  var exchanges: [ExchangeID: ExchangePurpose] = [:]
  var joins: [JoinProgress] = []
  var departure = Departure.none
  /// The exchange out of turn that is due, if any.
  var followUp: FollowUp?
  var lastFollowUp: UInt32 = 0
  /// The time that the push/pulls out of turn have used up so far; see `Membership+PushPullOutOfTurn`.
  var outOfTurnPaidUntil = Instant.zero
  /// What acks carry; empty until the layer above sets it.
  var ackPayload: [UInt8] = []
  /// How many members the layer above knows; its queues use the larger of this and ``count``.
  package var applicationMemberCount = 0
  var hasStarted = false

  /// A message under construction; kept for its memory.
  var draft: [UInt8] = []
  /// Packs a ping and an accusation into one packet; its buffers are used again.
  var pair = CompoundWriter()
  var finished: [BroadcastID] = []
  /// What may be passed on at once; see `Membership+Forwarding`.
  var forwarding: ForwardingBudget
  /// When the timer for news that waits is due, if any does.
  var forwardingDueAt: Instant?
  /// ``MembershipCounters/packetsSent`` when the transport last held packets back.
  var sentBeforeHoldUp: UInt64 = 0
  /// How many packets the transport may hold back before less news is passed on.
  var holdUpsAllowed = Self.mostHoldUpsAllowed
  /// Whether a push/pull is being taken up, which brings no news.
  var isMerging = false
  /// The time of the last input.
  var lastInput = Instant.zero
  /// What expanding compressed packets needs; kept for its memory.
  var expansion = PacketWalker.Expansion()

  /// A member that does nothing before ``start(at:)``. `local.incarnation` and `local.state` are not read.
  package init(_ configuration: MembershipConfiguration, transport: TransportTraits = .init(), local: GossipMember, seed: UInt64) {
    precondition(
      !local.name.isEmpty && local.name.bytes.count <= configuration.limits.nameLength
        && local.meta.count <= configuration.limits.metaLength && local.versions.isValid,
      "peers would drop every message of this member")
    self.configuration = configuration
    self.transport = transport
    name = local.name
    random = SeededRandom(seed: seed)
    forwarding = ForwardingBudget(bytesPerSecond: configuration.gossip.forwardedBytesPerSecond)
    awareness = Awareness(maximum: configuration.probe.awarenessMaximum)
    timerDelay = Lateness(span: configuration.probe.interval)
    var own = local
    own.incarnation = 0
    own.state = .dead
    var state = NodeState(member: own, changedAt: .zero)
    state.isProven = true
    me = table.insert(state, random: &random)
  }

  // MARK: Outputs

  /// The next thing to do, or nil. After nil the slots handed out before are free: the next input overwrites them.
  package mutating func nextOutput() -> MembershipOutput? {
    // The batch has been handled: what it brought is passed on.
    if outbox.isEmpty, dissemination.hasNews, hasStarted { forwardNews() }
    return outbox.next()
  }

  /// The bytes of a packet or message.
  @_lifetime(borrow self)
  package func bytes(_ slot: PacketSlot) -> RawSpan { outbox.bytes(slot) }

  /// When ``advance(to:)`` is due next.
  package var nextDeadline: Instant? { timers.nextDeadline }

  // MARK: What the layer above can ask

  /// This node's own record.
  package var local: GossipMember { table[me].member }

  /// The member of this name, in any state.
  package func member(_ name: NodeName) -> GossipMember? { table.find(name).map { table[$0].member } }

  /// These bytes as a name; nothing is allocated for the name of a node in the table.
  package func nodeName(_ bytes: RawSpan) -> NodeName { table.name(of: bytes) }

  /// How many members are alive or suspect, this node included.
  package var liveCount: Int {
    var count = 0
    for index in table.order where table[index].state.isLive { count += 1 }
    return count
  }

  /// Whether any other member is alive or suspect: whether there is a member to tell.
  package var hasOtherLive: Bool { table.order.contains { $0 != me && table[$0].state.isLive } }

  /// How many nodes are known, including dead ones until they are forgotten.
  package var count: Int { table.count }

  /// How many timer entries wait, including those whose reason has gone.
  package var timerCount: Int { timers.count }

  /// How many broadcasts of a tier wait.
  package func queueDepth(_ tier: BroadcastTier) -> Int { dissemination[tier].count }

  /// Whether the transport should keep its connections to this member: it is being probed, or suspected.
  package func isUnderScrutiny(_ name: NodeName) -> Bool {
    if let probe, probe.name == name { return true }
    return table.find(name).map { table[$0].state == .suspect } ?? false
  }

  /// Whether ``leave(timeout:at:)`` was called.
  package var isLeaving: Bool { if case .none = departure { false } else { true } }

  // MARK: Start

  /// Announces this node to itself and starts the loops, each after a random part of its interval so that nodes started together spread out.
  package mutating func start(at now: Instant) {
    precondition(!hasStarted, "a membership starts once")
    hasStarted = true
    lastInput = now
    announce(notice: nil, at: now)
    if configuration.probe.interval > .zero {
      timers.schedule(.probeTick, at: now + random.fraction(of: configuration.probe.interval))
    }
    scheduleGossip(at: now + random.fraction(of: configuration.gossip.interval))
    if configuration.pushPull.interval > .zero {
      timers.schedule(.pushPullTick, at: now + random.fraction(of: configuration.pushPull.interval))
    }
  }

  // MARK: Time

  /// How late this member is itself.
  package func lateness(at now: Instant) -> Duration { timerDelay.value(at: now) }

  /// The extra time that this member allows because of its own lateness. It is zero while the lateness is a few milliseconds, and at most a stall:
  /// otherwise one long pause would keep the member from its work for many times as long. Always zero where it does not adapt.
  func lag(at now: Instant) -> Duration {
    let lateness = lateness(at: now)
    return configuration.adaptsToLoad && lateness > Self.punctual ? min(lateness, stallTolerance) : .zero
  }

  /// Whether this member is so late that an answer which it misses may be among what it has not read.
  func isTooLateToAccuse(at now: Instant) -> Bool { lag(at: now) > configuration.probe.timeout / 2 }

  /// Does everything that is due at `now`.
  package mutating func advance(to now: Instant) {
    lastInput = now
    if let due = timers.nextDeadline, due <= now { timerDelay.observe(due: due, at: now) }
    while let timer = timers.popDue(at: now) {
      switch timer {
      case .probeTick: probeTick(at: now)
      case .probeHalf(let sequenceNumber): repeatPing(sequenceNumber, at: now)
      case .probeTimeout(let sequenceNumber): probeTimedOut(sequenceNumber, at: now)
      case .probeDeadline(let sequenceNumber): probeExpired(sequenceNumber, at: now)
      case .suspicion(let index, let due): suspicionDue(index, due: due, at: now)
      case .relayHalf(let sequenceNumber): repeatRelayedPing(sequenceNumber, at: now)
      case .ping(let sequenceNumber): pingExpired(sequenceNumber, at: now)
      case .gossipTick(let number): if number == gossipRound { gossipTick(at: now) }
      case .forwarding: forwardingDue(at: now)
      case .pushPullTick: pushPullTick(at: now)
      case .followUp(let number): followUpDue(number, at: now)
      case .join(let id): continueJoin(id, at: now)
      case .joinAgain(let id, let target, let address): joinAgain(id, target: target, address, at: now)
      case .departure: departureExpired()
      case .addressPause(let index): addressPauseOver(index, at: now)
      }
    }
  }

  enum Timer: Sendable {
    case probeTick
    case probeHalf(UInt32)
    case probeTimeout(UInt32)
    case probeDeadline(UInt32)
    case suspicion(NodeIndex, due: Instant)
    case relayHalf(UInt32)
    case ping(UInt32)
    case gossipTick(UInt32)
    case forwarding
    case pushPullTick
    case followUp(UInt32)
    case join(JoinID)
    case joinAgain(JoinID, target: Int, NodeAddress)
    case departure
    case addressPause(NodeIndex)
  }

  /// What our own exchange is for.
  enum ExchangePurpose: Sendable {
    case probe(UInt32)
    case join(JoinID, target: Int, NodeAddress)
    /// Asks who answers before a join by name, where names are not proven.
    case name(NameQuestion)
    case pushPull
    case userMessage
    /// Asks whether a name lives at an address; see `Membership+AddressChange`.
    case address(NodeIndex, AddressClaim)
  }

  // MARK: Numbers

  mutating func nextSequenceNumber() -> UInt32 {
    repeat { sequenceNumber &+= 1 } while sequenceNumber == 0 || pings[sequenceNumber] != nil || probe?.sequenceNumber == sequenceNumber
    return sequenceNumber
  }

  mutating func nextPacket() -> PacketID {
    lastPacket += 1
    return PacketID(lastPacket)
  }

  mutating func openExchange(
    _ purpose: ExchangePurpose, to destination: Destination, path: SendPath, deadline: Instant, _ content: ExchangeContent
  ) -> ExchangeID {
    lastExchange += 1
    let id = ExchangeID(lastExchange)
    exchanges[id] = purpose
    outbox.push(.open(id, to: destination, path: path, deadline: deadline, content))
    return id
  }

  mutating func diagnose(_ diagnostic: MembershipDiagnostic) { outbox.report(diagnostic) }
}
