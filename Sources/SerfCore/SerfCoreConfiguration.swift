public import Memberlist

/// How a Serf node behaves above the gossip layer, and the gossip layer's own settings in ``membership``.
///
/// Start from ``lan``, ``wan`` or ``local``; they differ in the gossip layer only. The defaults are those of Go Serf (`serf.md` section
/// 19) wherever a peer could notice, and the limits are ours where Go has none.
public struct SerfCoreConfiguration: Sendable {
  /// Leaving, forcing others to leave, and everything else that waits until the cluster has heard of it.
  public struct Leaving: Sendable, Hashable {
    /// How long to wait until a broadcast has been handed to enough members. A longer wait helps a busy or slow cluster; the broadcast
    /// goes on when it ends, so at worst the news travels a little longer than the command.
    public var broadcastTimeout: Duration = .seconds(5)
    /// How long a node that left stays up, so that its farewell is passed on by others while it still answers probes.
    public var propagateDelay: Duration = .seconds(1)
  }

  /// When members that are gone are forgotten.
  public struct Reaping: Sendable, Hashable {
    /// How often the lists are looked through.
    public var interval: Duration = .seconds(15)
    /// How long a failed member is remembered and tried again. Longer than the longest outage after which a member should come back by
    /// itself.
    public var failedTimeout: Duration = .seconds(86_400)
    /// How long a member that left is remembered, so that old gossip about it is known to be old.
    public var leftTimeout: Duration = .seconds(86_400)
    /// How long an intent about an unknown node is kept for it.
    public var intentTimeout: Duration = .seconds(300)
  }

  /// Bringing failed members back.
  public struct Reconnecting: Sendable, Hashable {
    /// How often one failed member, chosen at random, is tried; the more of them there are for each living one, the more likely a try.
    /// Zero: never.
    public var interval: Duration = .seconds(30)
    /// A failed member that returns within this time counts as a flap.
    public var flapTimeout: Duration = .seconds(60)
  }

  /// User events.
  public struct UserEvents: Sendable, Hashable {
    /// Bytes of name and payload together, and of the encoded event. At most ``largestSizeLimit``.
    public var sizeLimit = 512
    /// How many Lamport times are remembered, to tell news from repetition and to replay to a late joiner. Must be above the number of
    /// events that can be in flight through the cluster at once; all members should agree on it.
    public var bufferSize = 512
    /// Whether the first push/pull of a node's life brings the user events from before it, where another member opens it. Where the node joins by
    /// itself, the join says so. Later push/pulls bring what is new to the node.
    public var deliversOldEvents = false
    /// Events that may share one Lamport time, and their bytes (`secure-transport.md` 3.3).
    public var eventsPerTime = 64
    public var bytesPerTime = 64 * 1_024
    /// Bytes of names and payloads that one push/pull replays at most, the newest events first.
    public var replayLimit = 4 << 20

    /// The upper bound of ``sizeLimit``.
    public static let largestSizeLimit = 9_216
  }

  /// Queries of other members.
  public struct Queries: Sendable, Hashable {
    /// How many Lamport times are remembered to tell news from repetition.
    public var bufferSize = 512
    /// Queries that may share one Lamport time (`secure-transport.md` 3.3).
    public var idsPerTime = 256
  }

  /// The broadcasts that wait to be gossiped: intents, queries and user events, each in a queue of its own.
  public struct Queues: Sendable, Hashable {
    /// How often the depths are looked at.
    public var checkInterval: Duration = .seconds(30)
    /// A queue deeper than this is worth a warning: more is sent than the cluster can carry.
    public var depthWarning = 128
    /// A queue is cut to this depth, the most transmitted broadcasts first.
    public var maximumDepth = 4_096
    /// When positive, the greatest depth is instead this or twice the number of members, whichever is more.
    public var minimumDepth = 0

    /// The greatest depth of a queue in a cluster of `members`.
    package func limit(members: Int) -> Int { minimumDepth > 0 ? max(minimumDepth, 2 * members) : maximumDepth }
  }

  /// What peers can make us hold.
  public struct Limits: Sendable, Hashable {
    /// Intents about nodes that we have not met.
    public var bufferedIntents = 4_096
  }

  /// Probing, suspicion, gossip and push/pull.
  public var membership: MembershipConfiguration
  public var leaving = Leaving()
  public var reaping = Reaping()
  public var reconnecting = Reconnecting()
  public var userEvents = UserEvents()
  public var queries = Queries()
  public var queues = Queues()
  public var limits = Limits()

  /// Serf's defaults over these settings of the gossip layer.
  public init(membership: MembershipConfiguration) { self.membership = membership }

  /// A local network: round trips of a few milliseconds. The default.
  public static let lan = SerfCoreConfiguration(membership: .lan)
  /// Between sites: round trips of up to a second.
  public static let wan = SerfCoreConfiguration(membership: .wan)
  /// One machine; for tests and demonstrations.
  public static let local = SerfCoreConfiguration(membership: .local)
}
