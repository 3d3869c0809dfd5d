package import SerfPrimitives

/// When events that wait are delivered: at the end of the period that the first of them began, or as soon as it was quiet for long enough.
///
/// ```
///  event ──── event ── event ────────────┬──▶ flush        event ── event ── event ── event ─┬──▶ flush
///                          └ quiescence ─┘                    └─────────── period ────────────┘
/// ```
package struct CoalescingWindow: Sendable {
  private let settings: SerfSettings.Coalescing.Window
  /// When the first and the last of the waiting events came.
  private var span: (first: Instant, last: Instant)?
  /// Whether a timer is on its way. It is never later than ``deadline``, because that only moves on.
  private var isArmed = false

  package init(_ settings: SerfSettings.Coalescing.Window) { self.settings = settings }

  /// When what waits is due; nil when nothing waits.
  package var deadline: Instant? {
    span.map { min($0.first + settings.period, $0.last + settings.quiescence) }
  }

  /// An event begins to wait. Returns the time for which to set a timer, if one is needed.
  package mutating func opened(at now: Instant) -> Instant? {
    span = (span?.first ?? now, now)
    return arm()
  }

  /// The timer has fired.
  package mutating func timerFired(at now: Instant) -> Outcome {
    isArmed = false
    guard let deadline, now < deadline else { return span == nil ? .idle : .flush }
    return arm().map { .wait(until: $0) } ?? .idle
  }

  /// What is to be done when a timer has fired.
  package enum Outcome: Hashable, Sendable {
    case flush
    /// More events have come since: set another timer.
    case wait(until: Instant)
    /// All was delivered early.
    case idle
  }

  /// All that waited has been delivered.
  package mutating func close() { span = nil }

  private mutating func arm() -> Instant? {
    guard !isArmed, let deadline else { return nil }
    isArmed = true
    return deadline
  }
}
