public import SerfCore

/// A node's figures at one moment.
///
/// ``figures`` is the one list of them: `serf info` prints it, section by section, and swift-metrics gets it, each figure as one counter or gauge.
///
/// ```swift
/// let statistics = try await node.statistics()
/// if statistics["certificates_refused"] ?? 0 > 0 { … }
/// for figure in statistics.figures where figure.section == "transport" { print(figure.key, figure.value) }
/// ```
public struct SerfStatistics: Hashable, Sendable {
  /// What a figure's value means.
  @nonexhaustive
  public enum Kind: UInt8, Hashable, Sendable {
    /// How often something happened since the node started: it never becomes smaller.
    case counter
    /// How many there are now, or how much.
    case gauge
  }

  /// One figure. `agent.md` section 6 lists all of them.
  public struct Figure: Hashable, Sendable {
    /// Where `serf info` prints it: `serf`, `events`, `gossip` or `transport`.
    public let section: String
    /// Its name there, such as `health_score`; no other figure of the node has it, in whatever section.
    public let key: String
    /// Its name as a metric, such as `memberlist.health.score`; no other figure of the node has it. Where Go Serf has the same figure, this is Go's name.
    public let metric: String
    /// Whether it counts, or says what there is now.
    public let kind: Kind
    /// How often or how many. A Lamport time (`member_time`, `event_time`, `query_time`) can be as high as 2⁶⁴ − 1 if a peer lies.
    public let value: UInt64
  }

  /// Every figure of the node, each exactly once and always in the same order.
  public let figures: [Figure]
  /// The stage of the node's own life.
  public let status: NodeStatus
  /// How late this node was: the largest delay of its own timers in the last one or two probe intervals. A node that is late because other processes
  /// use the processor gives its probes more time and accuses no member.
  public let lateness: Duration
  /// Whether the node's traffic is encrypted.
  public let isEncrypted: Bool

  /// The value of the figure with this ``Figure/key``; nil if this node has none, for example because another transport has it.
  public subscript(key: String) -> UInt64? { figures.first { $0.key == key }?.value }
}
