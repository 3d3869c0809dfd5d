package import SerfPrimitives

/// How late this node is: the time between the moment when something is due and the moment when it is done.
///
/// Lifeguard's awareness infers from missed acks that a node is in trouble. The delay of the node's own timers is direct evidence of the most common
/// trouble: a processor that is busy with other work. The largest delay of the last one to two spans counts, so that one long pause is not forgotten
/// before the answers that waited during it are read.
package struct Lateness: Sendable {
  private let span: Duration
  private var spanEnd = Instant.zero
  private var present = Duration.zero
  private var past = Duration.zero

  /// - Parameter span: how long a delay counts: at least this long, at most twice as long.
  package init(span: Duration) { self.span = span }

  /// Something that was due at `due` is done at `now`.
  package mutating func observe(due: Instant, at now: Instant) {
    turn(at: now)
    present = max(present, now - due)
  }

  /// The largest recent delay.
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
