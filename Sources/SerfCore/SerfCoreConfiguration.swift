public import Memberlist

/// How a Serf node behaves above the gossip layer, and the gossip layer's own settings in ``membership``.
///
/// Start from ``lan``, ``wan`` or ``local``; they differ in the gossip layer only. The defaults are those of Go Serf (`serf.md` section 19) wherever
/// a peer could notice a difference. Where Go has no limits, the limits are our own.
public struct SerfCoreConfiguration: Sendable {
  /// Leaving, forcing other members to leave, and all other verbs that wait until the cluster has heard of them.
  public struct Leaving: Sendable, Hashable {
    /// How long to wait until a broadcast has been handed to enough members. A longer wait helps a busy or slow cluster; the broadcast goes on after
    /// the wait, so at worst the command ends a little before the news has spread.
    public var broadcastTimeout: Duration = .seconds(5)
    /// How long a node that left stays up, so that other members pass its farewell on while it still answers probes.
    public var propagateDelay: Duration = .seconds(1)
    /// Whether a node that is cancelled instead of leaving sends a last packet to a few members, which tell the others. They show it as leaving, and as
    /// left when their probes find that it is gone. The node waits for no answer, so this is best effort. Default true; without it they show the node as
    /// failed.
    public var saysFarewellOnCancellation = true
  }

  /// When members that are gone are forgotten.
  public struct Reaping: Sendable, Hashable {
    /// How often members are checked for this.
    public var interval: Duration = .seconds(15)
    /// How long a failed member is remembered and tried again. It should be longer than the longest outage after which a member should come back by
    /// itself.
    public var failedTimeout: Duration = .seconds(86_400)
    /// How long a member that left is remembered, so that old gossip about it is known to be old.
    public var leftTimeout: Duration = .seconds(86_400)
    /// How long an intent about an unknown node is kept until the node appears.
    public var intentTimeout: Duration = .seconds(300)
  }

  /// Bringing failed members back.
  public struct Reconnecting: Sendable, Hashable {
    /// How often one failed member, chosen at random, is tried; the larger the share of failed members, the more likely is a try. Zero: never.
    public var interval: Duration = .seconds(30)
    /// A failed member that returns within this time counts as a flap.
    public var flapTimeout: Duration = .seconds(60)
  }

  /// User events.
  public struct UserEvents: Sendable, Hashable {
    /// Bytes of name and payload together, and of the encoded event. At most ``largestSizeLimit``.
    public var sizeLimit = 512
    /// How many Lamport times are remembered, to tell new events from repeated ones and to replay them to a late joiner. It must be above the number
    /// of events that can be on their way through the cluster at once, and all members should have the same value.
    public var bufferSize = 512
    /// Whether the first push/pull of a node's life brings the user events from before it, if another member opens it. If the node itself joins, the
    /// join decides. Later push/pulls always bring what is new to the node.
    public var deliversOldEvents = false
    /// Events that may share one Lamport time, and the bytes of all of them (`secure-transport.md` 3.3).
    public var eventsPerTime = 64
    public var bytesPerTime = 64 * 1_024
    /// The most bytes of names and payloads that one push/pull replays, the newest events first.
    public var replayLimit = 4 << 20

    /// The upper bound of ``sizeLimit``.
    public static let largestSizeLimit = 9_216
  }

  /// Queries of other members.
  public struct Queries: Sendable, Hashable {
    /// How many Lamport times are remembered to tell new queries from repeated ones.
    public var bufferSize = 512
    /// Queries that may share one Lamport time (`secure-transport.md` 3.3).
    public var idsPerTime = 256
  }

  /// The broadcasts that wait to be gossiped: intents, queries and user events, each in a queue of its own.
  public struct Queues: Sendable, Hashable {
    /// How often the depths are checked.
    public var checkInterval: Duration = .seconds(30)
    /// A queue deeper than this is worth a warning: more is sent than the cluster can carry.
    public var depthWarning = 128
    /// A queue is cut to this depth, the most transmitted broadcasts first.
    public var maximumDepth = 4_096
    /// If positive, it replaces ``maximumDepth``: the greatest depth is then this or twice the number of members, whichever is more.
    public var minimumDepth = 0

    /// The greatest depth of a queue in a cluster of `members`.
    package func limit(members: Int) -> Int { minimumDepth > 0 ? max(minimumDepth, 2 * members) : maximumDepth }
  }

  /// What peers can make us store.
  public struct Limits: Sendable, Hashable {
    /// Intents about nodes that we do not know yet.
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

  /// Serf's defaults, with these settings of the gossip layer.
  public init(membership: MembershipConfiguration) { self.membership = membership }

  /// A local network: round trips of a few milliseconds. The default.
  public static let lan = SerfCoreConfiguration(membership: .lan)
  /// Between sites: round trips of up to a second.
  public static let wan = SerfCoreConfiguration(membership: .wan)
  /// One machine; for tests and demonstrations.
  public static let local = SerfCoreConfiguration(membership: .local)
}
