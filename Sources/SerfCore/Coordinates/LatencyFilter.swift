/// The median of the last three round trips to one member, so that a single slow one does not move the coordinate (`serf.md` section 16).
package struct LatencyFilter: Sendable {
  private var latest = InlineArray<3, Duration>(repeating: .zero)
  private var count = 0

  package init() {}

  /// Adds a round trip and returns the median; of two, the longer one.
  package mutating func median(adding roundTrip: Duration) -> Duration {
    (latest[2], latest[1], latest[0]) = (latest[1], latest[0], roundTrip)
    count = min(count + 1, 3)
    let (a, b, c) = (latest[0], latest[1], latest[2])
    return switch count {
    case 1: a
    case 2: max(a, b)
    default: max(min(a, b), min(max(a, b), c))
    }
  }
}
