public import SerfCore
public import SerfTransport

/// A node's figures at one moment, as `serf info` prints them.
public struct SerfStatistics: Hashable, Sendable {
  /// Members, clocks and queues.
  public var node: NodeStatistics
  /// Where the node is in its own life.
  public var status: NodeStatus
  /// What the transport counted.
  public var transport: [TransportCounter]
  /// How often this node began to suspect a member.
  public var suspicions: Int
  /// How late this node was: the largest delay of its own timers in the last one or two probe intervals. A node that is late, because others use the
  /// processor, gives its probes more time and accuses nobody.
  public var lateness: Duration
  /// Whether what crosses the network is encrypted.
  public var isEncrypted: Bool

  /// A figure of the transport by its name, or `suspicions`; 0 when there is none of that name.
  public func counter(_ name: String) -> Int {
    name == "suspicions" ? suspicions : Int(clamping: transport.first { $0.name == name }?.value ?? 0)
  }
}
