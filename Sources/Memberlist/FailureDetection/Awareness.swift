/// How far this node doubts itself (Lifeguard, local health multiplier): 0 is healthy.
///
/// A node that misses acks which other nodes get is probably slow itself, so it gives its own probes more time before it accuses a member.
package struct Awareness: Sendable {
  /// 0 ..< maximum.
  package private(set) var score = 0
  private let maximum: Int

  /// A healthy node whose score stays below `maximum`.
  package init(maximum: Int) { self.maximum = max(1, maximum) }

  /// Moves the score, clamped. A successful probe: −1. A failed one: + the missed nacks, or + 1 if none was due. Each refutation, and each packet
  /// that we could not send: +1.
  package mutating func apply(_ change: Int) { score = min(max(score + change, 0), maximum - 1) }

  /// Whether the node trusts itself as little as the score can say.
  package var isLowest: Bool { score >= maximum - 1 }

  /// The probe interval at the present score.
  package func scaled(_ interval: Duration) -> Duration { interval * (score + 1) }
}
