public import SerfPrimitives

/// A question to the members of the cluster, which each of them may answer once (`serf.md` section 9).
public struct SerfQuery: Hashable, Sendable {
  /// Names one query in the cluster.
  public struct ID: Hashable, Sendable {
    /// The query's place in the order of queries.
    public var time: LamportTime
    /// Tells queries of one Lamport time apart; 31 random bits.
    public var number: UInt32

    /// The query of this time and number.
    public init(time: LamportTime, number: UInt32) {
      self.time = time
      self.number = number
    }
  }

  /// A query's content, and that of an answer: a collection of bytes, which the application gives a meaning.
  public typealias Payload = UserEvent.Payload

  /// The query's name in the cluster.
  public var id: ID
  /// The bytes of the name, as the asking member wrote them; may be empty.
  public var nameBytes: [UInt8]
  /// The content.
  public var payload: Payload
  /// The member that asks.
  public var source: NodeName
  /// How long the asking member waits for answers, counted from when the query arrived here.
  public var timeout: Duration

  /// A query with these parts.
  public init(id: ID, nameBytes: [UInt8], payload: some Sequence<UInt8>, source: NodeName, timeout: Duration) {
    self.id = id
    self.nameBytes = nameBytes
    self.payload = Payload(payload)
    self.source = source
    self.timeout = timeout
  }

  /// The name as text; bytes that are not UTF-8 become U+FFFD.
  public var name: String { String(decoding: nameBytes, as: UTF8.self) }
}

extension SerfQuery {
  /// Which members are asked.
  @nonexhaustive
  public enum Filter: Hashable, Sendable {
    /// The members with these names.
    case members([NodeName])
    /// The members in whose tag the expression occurs (RE2 syntax); anchor it with `^` and `$` to match the whole value. A member without the tag has an
    /// empty value.
    case tag(String, matching: String)
  }

  /// How a query is asked.
  public struct Options: Hashable, Sendable {
    /// Which members are asked: those that all filters match. Default none, which asks every member.
    public var filters: [Filter] = []
    /// Whether each member that is asked says so at once, whether it answers or not. Default false.
    public var wantsAcks = false
    /// Through how many other members each answer is sent, besides directly: more of them arrive where packets are lost. Default 0.
    public var relayFactor: UInt8 = 0
    /// How long answers are waited for, at most. Default nil: gossip interval × ``SerfSettings/Queries/timeoutMultiplier`` × ⌈log10(members + 1)⌉.
    public var timeout: Duration?

    /// The defaults.
    public init() {}
  }
}

/// What a member answered to a query.
public struct QueryAnswer: Hashable, Sendable {
  /// The member that answers.
  public var from: NodeName
  /// Its answer.
  public var payload: SerfQuery.Payload

  /// An answer with these parts.
  public init(from: NodeName, payload: some Sequence<UInt8>) {
    self.from = from
    self.payload = SerfQuery.Payload(payload)
  }
}

/// How a query ended.
public struct QuerySummary: Hashable, Sendable {
  /// How many members were alive when it was asked, as far as this node knew, and were addressed by its filters.
  public var asked: Int
  /// How many members said that the query arrived; 0 unless it asked for that.
  public var acknowledged: Int
  /// How many members answered.
  public var answered: Int
  /// Whether every member that was asked has answered. If so, the query ended before its time was over.
  public var isComplete: Bool

  /// A summary of these figures.
  public init(asked: Int, acknowledged: Int, answered: Int, isComplete: Bool) {
    self.asked = asked
    self.acknowledged = acknowledged
    self.answered = answered
    self.isComplete = isComplete
  }
}
