/// A point on the one monotonic clock that a node uses: nanoseconds since an origin that the clock's owner chose.
///
/// The core never reads a clock; every input brings its own `Instant`. In a test or a simulation the origin is zero and time moves
/// when the test says so; in a running node it is the monotonic clock of the operating system, read once per batch of packets.
public struct Instant: Hashable, Comparable, Sendable {
  /// Nanoseconds since the clock's origin.
  public var nanoseconds: Int64

  /// The instant `nanoseconds` after the clock's origin.
  @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// The clock's origin.
  public static let zero = Instant(nanoseconds: 0)

  /// Later than every instant that a node can reach (292 years).
  public static let distantFuture = Instant(nanoseconds: .max)

  /// Saturates instead of trapping, so that a deadline computed from a hostile or absurd setting is only very late.
  @inlinable public static func + (instant: Instant, duration: Duration) -> Instant {
    let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.nanoseconds)
    return Instant(nanoseconds: overflow ? (duration.nanoseconds < 0 ? .min : .max) : sum)
  }

  /// Saturates, as `+` does.
  @inlinable public static func - (instant: Instant, duration: Duration) -> Instant {
    let (difference, overflow) = instant.nanoseconds.subtractingReportingOverflow(duration.nanoseconds)
    return Instant(nanoseconds: overflow ? (duration.nanoseconds < 0 ? .max : .min) : difference)
  }

  /// The time from `earlier` to `later`; negative when they are the other way round.
  @inlinable public static func - (later: Instant, earlier: Instant) -> Duration {
    .nanoseconds(later.nanoseconds.subtractingReportingOverflow(earlier.nanoseconds).partialValue)
  }

  /// Moves `instant` by `duration`; saturates, as `+` does.
  @inlinable public static func += (instant: inout Instant, duration: Duration) { instant = instant + duration }

  @inlinable public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }
}

extension Duration {
  /// Whole nanoseconds, saturated at ±292 years.
  @inlinable package var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
    return overflow || carry ? (seconds < 0 ? .min : .max) : sum
  }

  /// Whole milliseconds, for people to read.
  package var milliseconds: Int64 { nanoseconds / 1_000_000 }

  /// The duration as a fraction of seconds, for formulas that need logarithms or ratios.
  @inlinable package var seconds: Double { Double(nanoseconds) / 1e9 }
}
