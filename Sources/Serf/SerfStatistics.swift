public import SerfCore
public import SerfTransport

/// A node's figures at one moment, as `serf info` prints them.
public struct SerfStatistics: Hashable, Sendable {
  /// Members, clocks and queues.
  public var node: NodeStatistics
  /// The stage of the node's own life.
  public var status: NodeStatus
  /// What the transport counted.
  public var transport: [TransportCounter]
  /// How often this node began to suspect a member.
  public var suspicions: Int
  /// How late this node was: the largest delay of its own timers in the last one or two probe intervals. A node that is late because other processes
  /// use the processor gives its probes more time and accuses no member.
  public var lateness: Duration
  /// Whether the node's traffic is encrypted.
  public var isEncrypted: Bool

  /// A figure of the transport by its name, or `suspicions`; 0 if no figure has that name.
  public func counter(_ name: String) -> Int {
    name == "suspicions" ? suspicions : Int(clamping: transport.first { $0.name == name }?.value ?? 0)
  }
}
