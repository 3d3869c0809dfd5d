/// What a dial is for, the most urgent first: the order in which dials begin when not all may at once (`secure-transport.md` 2.3).
package enum DialUrgency: Int, Comparable, Sendable {
  /// A node wants to join the cluster.
  case join
  /// A probe of a member.
  case probe
  /// An exchange with a member, or a connection that is to replace one.
  case exchange
  /// Gossip, which reaches the member through others as well.
  case gossip

  package static func < (left: DialUrgency, right: DialUrgency) -> Bool { left.rawValue < right.rawValue }
}
