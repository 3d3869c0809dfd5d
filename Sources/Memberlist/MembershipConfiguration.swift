import SerfPrimitives

/// How a member probes, suspects and spreads, with presets for the networks that the protocol was tuned for.
///
/// Start from ``lan``, ``wan`` or ``local`` and change what you know better for your network. The values and the formulas that they feed are in
/// `memberlist.md` section 4.
public struct MembershipConfiguration: Sendable {
  /// Failure detection: who is asked, how often, and how long an answer may take.
  public struct Probing: Sendable, Hashable {
    /// Time between two probes; each probes one member, in round-robin order. Zero: never. Detection of a crash takes about this long plus
    /// the suspicion time. Halving it doubles the probe traffic.
    public var interval: Duration
    /// How long a direct ack may take before helpers are asked: above the 99th percentile of the round trip, below ``interval``.
    public var timeout: Duration
    /// How many helpers are asked to ping a silent member.
    public var indirectChecks: Int
    /// Upper bound of the awareness multiplier (Lifeguard): a node in trouble makes its probes up to this many times longer.
    public var awarenessMaximum: Int
    /// Whether a silent member is also pinged over a reliable exchange, which tells lost packets from a lost member.
    public var usesReliablePing: Bool
  }

  /// How long a suspect has to refute.
  public struct Suspecting: Sendable, Hashable {
    /// The shortest wait is this × log10(members) × probe interval. A larger value is slower and surer.
    public var multiplier: Int
    /// The longest wait, while no other member confirms, is this × the shortest.
    public var maximumMultiplier: Int
  }

  /// Epidemic dissemination.
  public struct Gossiping: Sendable, Hashable {
    /// Time between two rounds. Zero: news travels only on probes and push/pull.
    public var interval: Duration
    /// How many members get a packet in each round.
    public var fanout: Int
    /// Each broadcast goes out this × ⌈log10(members + 1)⌉ times, and at least 4 times for each of the first three other members.
    public var retransmitMultiplier: Int
    /// How long a dead member still gets gossip, so that it can refute; after that it is forgotten.
    public var toTheDead: Duration
    /// How many of the members chosen in a round may have no connection yet, as long as the transport has fewer than ⌈ln n⌉ + 4 connections
    /// (`secure-transport.md` 2.6).
    public var coldDials: Int
  }

  /// Anti-entropy: full state exchanges.
  public struct PushPulling: Sendable, Hashable {
    /// Time between two exchanges at up to 32 members, longer with every doubling above that. Zero: only joins.
    public var interval: Duration
    /// How long an exchange may take, dial included.
    public var timeout: Duration
  }

  /// What a peer can make us store. Anything beyond these limits is dropped and counted.
  public struct Limits: Sendable, Hashable {
    /// Members in the table, dead ones included.
    public var members = 100_000
    /// Members first heard of through one peer within a minute, except in replies to our own joins. Only where names are proven.
    public var newNamesPerPeerPerMinute = 10_000
    /// Bytes of a name.
    public var nameLength = 512
    /// Bytes of a member's meta; this is the protocol's own limit.
    public var metaLength = 512
    /// Broadcasts of the layer above that wait in each of its queues; the most transmitted ones go first.
    public var queuedBroadcasts = 4_096
    /// Pings on behalf of others, in flight at once.
    public var relays = 1_024
    /// Bytes of state of the layer above in one push/pull, and of a user message on a stream.
    public var userStateLength = 20 << 20
    /// Joins that run side by side.
    public var joins = 16
    /// Addresses that one join asks side by side. With more addresses than this, each of the first ones gets a share of the time that a push/pull may
    /// take.
    public var joinExchanges = 16
    /// How many members may be probed by a dial at the same time, each for 5.5 seconds at most. While all places are taken, other members without a
    /// connection are skipped in their turn.
    public var probesByDial = 6
    /// Members waiting for a probe out of turn.
    public var urgentProbes = 64
    /// Push/pulls out of turn, for the layer above, that may follow each other at once; each second allows one more. They repair the effects of
    /// hostile Lamport times, one push/pull for each hostile time (`secure-transport.md` 3.3).
    public var pushPullsOutOfTurn = 256
  }

  /// Failure detection.
  public var probe: Probing
  /// How long a suspect has to refute.
  public var suspicion: Suspecting
  /// Epidemic dissemination.
  public var gossip: Gossiping
  /// Full state exchanges.
  public var pushPull: PushPulling
  /// What a peer can make us store.
  public var limits = Limits()

  /// Whether a member allows for its own lateness and, where names are proven, for what connections cost (`secure-transport.md` 2.3 and 2.6). Off
  /// only in tests that show how a cluster behaves without it.
  package var adaptsToLoad = true
  /// How long a member must be dead before another address may take its name (Go peers' transport only). Zero: never; a member that left frees its
  /// name at once.
  public var deadNodeReclaimTime: Duration = .zero

  /// Asked before an alive about any member is applied, also a repeated one; false drops it. It must be quick and have no side effects.
  package var aliveFilter: (@Sendable (Member) -> Bool)?
  /// Asked with all entries of a received push/pull of a join, on both sides, before any is applied; false refuses the whole push/pull.
  package var mergeFilter: (@Sendable ([Member]) -> Bool)?

  /// A local network: round trips of a few milliseconds. The default.
  public static let lan = MembershipConfiguration(
    probe: Probing(interval: .seconds(1), timeout: .milliseconds(500), indirectChecks: 3, awarenessMaximum: 8, usesReliablePing: true),
    suspicion: Suspecting(multiplier: 4, maximumMultiplier: 6),
    gossip: Gossiping(interval: .milliseconds(200), fanout: 3, retransmitMultiplier: 4, toTheDead: .seconds(30), coldDials: 3),
    pushPull: PushPulling(interval: .seconds(30), timeout: .seconds(10)))

  /// Between sites: round trips of up to a second, more loss. Slower to accuse, cheaper at rest.
  public static let wan = MembershipConfiguration(
    probe: Probing(interval: .seconds(5), timeout: .seconds(3), indirectChecks: 3, awarenessMaximum: 8, usesReliablePing: true),
    suspicion: Suspecting(multiplier: 6, maximumMultiplier: 6),
    gossip: Gossiping(interval: .milliseconds(500), fanout: 4, retransmitMultiplier: 4, toTheDead: .seconds(60), coldDials: 4),
    pushPull: PushPulling(interval: .seconds(60), timeout: .seconds(30)))

  /// One machine: round trips below a millisecond. Quick to accuse; for tests and demonstrations.
  public static let local = MembershipConfiguration(
    probe: Probing(interval: .seconds(1), timeout: .milliseconds(200), indirectChecks: 1, awarenessMaximum: 8, usesReliablePing: true),
    suspicion: Suspecting(multiplier: 3, maximumMultiplier: 6),
    gossip: Gossiping(interval: .milliseconds(100), fanout: 3, retransmitMultiplier: 2, toTheDead: .seconds(15), coldDials: 3),
    pushPull: PushPulling(interval: .seconds(15), timeout: .seconds(1)))
}
