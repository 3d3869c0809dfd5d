extension SerfSettings {
  /// The upper bound of the sizes of buffers: a node allocates them when it is made.
  package static let largestBufferSize = 1 << 20

  /// User events.
  public struct UserEvents: Hashable, Sendable {
    /// The most bytes of an event that this node sends, as it is encoded: about 30 bytes more than its name and payload. At most ``largestSizeLimit``,
    /// and over QUIC ``LargeMessages/largestSize``, 1 MiB (<doc:large-messages>).
    /// Default 512, so that name and payload may take about 480. Every member gets every event, and one that is larger than a packet, about 1,100 bytes, is
    /// slower. Other members need no such setting to receive it.
    public var sizeLimit = 512
    /// How many Lamport times are remembered, to tell new events from repeated ones and to replay them to a late joiner. Default 512. It must be above
    /// the number of events that can be on their way through the cluster at once, and all members should have the same value.
    public var bufferSize = 512
    /// Whether the first push/pull of a node's life brings the user events from before it, if another member opens it. Default false. If the node itself
    /// joins, the join decides. Later push/pulls always bring what is new to the node.
    public var deliversOldEvents = false
    /// How many events may share one Lamport time (`secure-transport.md` 3.3). Default 64.
    public var eventsPerTime = 64
    /// The most bytes of names and payloads of all events that share one Lamport time (`secure-transport.md` 3.3). Default 64 KiB.
    public var bytesPerTime = 64 * 1_024
    /// The most bytes of names and payloads that one push/pull replays, the newest events first. Default 4 MiB.
    public var replayLimit = 4 << 20

    /// The upper bound of ``sizeLimit``, in bytes, where members may be Go agents: they drop events whose name and payload are larger.
    public static let largestSizeLimit = 9_216

    /// The defaults.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      try SettingBounds.check(sizeLimit, "SerfConfiguration.userEvents.sizeLimit", to: LargeMessages.largestSize)
      try SettingBounds.check(bufferSize, "SerfConfiguration.userEvents.bufferSize", from: 1, to: SerfSettings.largestBufferSize)
      try SettingBounds.check(eventsPerTime, "SerfConfiguration.userEvents.eventsPerTime")
      try SettingBounds.check(bytesPerTime, "SerfConfiguration.userEvents.bytesPerTime")
      try SettingBounds.check(replayLimit, "SerfConfiguration.userEvents.replayLimit")
    }
  }

  /// Queries of other members.
  public struct Queries: Hashable, Sendable {
    /// How many Lamport times are remembered to tell new queries from repeated ones. Default 512. It must be above the number of queries that can be on
    /// their way through the cluster at once.
    public var bufferSize = 512
    /// How many queries may share one Lamport time (`secure-transport.md` 3.3). Default 256.
    public var idsPerTime = 256
    /// The most bytes of a query that this node sends, as it is encoded: about 120 bytes more than its filters, name and payload. Default 1,024, as in Go.
    public var sizeLimit = 1_024
    /// The most bytes of an answer that this node sends, as it is encoded: about 60 bytes more than its payload. Default 1,024, as in Go.
    public var answerSizeLimit = 1_024
    /// How long a query waits for answers, if it does not say: gossip interval × this × ⌈log10(members + 1)⌉. Default 16: 3.2 s among up to 9 members in a
    /// local network.
    public var timeoutMultiplier = 16
    /// How many queries of other members are remembered until they are answered or their time is over. Default 2,048.
    public var answerable = 2_048

    /// The defaults.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      try SettingBounds.check(bufferSize, "SerfConfiguration.queries.bufferSize", from: 1, to: SerfSettings.largestBufferSize)
      try SettingBounds.check(idsPerTime, "SerfConfiguration.queries.idsPerTime")
      try SettingBounds.check(sizeLimit, "SerfConfiguration.queries.sizeLimit", to: LargeMessages.largestSize)
      try SettingBounds.check(answerSizeLimit, "SerfConfiguration.queries.answerSizeLimit", to: LargeMessages.largestSize)
      try SettingBounds.check(timeoutMultiplier, "SerfConfiguration.queries.timeoutMultiplier", from: 1, to: SettingBounds.largestFactor)
      try SettingBounds.check(answerable, "SerfConfiguration.queries.answerable")
    }
  }

  /// The broadcasts that wait to be gossiped: intents, queries and user events, each in a queue of its own.
  public struct Queues: Hashable, Sendable {
    /// How often the depths are checked. Default 30 s.
    public var checkInterval = Duration.seconds(30)
    /// A queue with this many broadcasts, or more, is worth a warning: more is sent than the cluster can carry. Default 128.
    public var depthWarning = 128
    /// A queue is cut to this many broadcasts, the most transmitted ones first. Default 4,096.
    public var maximumDepth = 4_096
    /// If positive, it replaces ``maximumDepth``: the greatest depth is then this or twice the number of members, whichever is more. Default 0. Choose it
    /// where the number of members changes by orders of magnitude.
    public var minimumDepth = 0

    /// The defaults.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      try SettingBounds.check(interval: checkInterval, "SerfConfiguration.queues.checkInterval")
      try SettingBounds.check(depthWarning, "SerfConfiguration.queues.depthWarning")
      try SettingBounds.check(maximumDepth, "SerfConfiguration.queues.maximumDepth")
      try SettingBounds.check(minimumDepth, "SerfConfiguration.queues.minimumDepth")
    }

    /// The greatest depth of a queue in a cluster of `members`.
    package func limit(members: Int) -> Int { minimumDepth > 0 ? max(minimumDepth, 2 * members) : maximumDepth }
  }
}
