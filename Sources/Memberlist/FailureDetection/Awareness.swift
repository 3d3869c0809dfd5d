/// How far this node doubts itself (Lifeguard, local health multiplier): 0 is healthy.
///
/// A node that misses acks which others get is probably slow itself, so it gives its own probes more time before it accuses anybody.
package struct Awareness: Sendable {
  /// 0 ..< maximum.
  package private(set) var score = 0
  private let maximum: Int

  /// A healthy node whose score stays below `maximum`.
  package init(maximum: Int) { self.maximum = max(1, maximum) }

  /// Moves the score, clamped. −1 for a successful probe; + the missed nacks, or 1, for a failed one; +1 for each refutation and for each
  /// packet that we could not send.
  package mutating func apply(_ change: Int) { score = min(max(score + change, 0), maximum - 1) }

  /// Whether the member trusts itself as little as it ever does.
  package var isLowest: Bool { score >= maximum - 1 }

  /// The probe interval at the present score.
  package func scaled(_ interval: Duration) -> Duration { interval * (score + 1) }
}
