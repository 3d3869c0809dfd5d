package import SerfPrimitives

/// How late this node is: how long after its time it gets to do what is due.
///
/// Lifeguard's awareness infers from missed acks that a node is in trouble. This is direct evidence of the commonest trouble, a processor that others
/// use: the delay of the node's own timers. The largest delay of the last one to two spans counts, so that one long pause is not forgotten
/// before the answers that waited during it have been read.
package struct Lateness: Sendable {
  private let span: Duration
  private var spanEnd = Instant.zero
  private var present = Duration.zero
  private var past = Duration.zero

  /// - Parameter span: how long a delay counts, at least; up to twice as long.
  package init(span: Duration) { self.span = span }

  /// Something that was due at `due` is done at `now`.
  package mutating func observe(due: Instant, at now: Instant) {
    turn(at: now)
    present = max(present, now - due)
  }

  /// The largest delay lately.
  package func value(at now: Instant) -> Duration {
    now < spanEnd ? max(present, past) : now < spanEnd + span ? present : .zero
  }

  private mutating func turn(at now: Instant) {
    guard now >= spanEnd else { return }
    past = now < spanEnd + span ? present : .zero
    present = .zero
    spanEnd = now + span
  }
}
