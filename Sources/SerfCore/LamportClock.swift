/// A logical time: it orders messages of one kind, not moments (`serf.md` section 5).
public typealias LamportTime = UInt64

/// Orders messages without a wall clock (Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System").
///
/// A node has three: for member intents, for user events and for queries. Two bounds keep one hostile message from spoiling a clock for
/// the whole cluster (`secure-transport.md` 3.3): a time more than 2³² ahead is refused, and the clock saturates instead of wrapping
/// round to zero.
package struct LamportClock: Hashable, Sendable {
  /// The value that the next message of ours carries. A fresh clock says 1, so that 0 on the wire means "not stated".
  package private(set) var time: LamportTime

  /// A fresh clock, or one that goes on after `witnessed`, the newest time of an earlier life.
  package init(after witnessed: LamportTime = 0) {
    time = witnessed == .max ? .max : witnessed + 1
  }

  /// The time for a message of ours; the clock moves on, so that no two messages share it.
  package mutating func tick() -> LamportTime {
    defer { if time < .max { time += 1 } }
    return time
  }

  /// A message with this time arrived: from now on the clock is later than it.
  ///
  /// False when the time is too far ahead to be true; the clock has then not moved and the message must be dropped.
  package mutating func witness(_ other: LamportTime) -> Bool {
    guard other >= time else { return true }
    guard other - time <= Self.plausibleLead else { return false }
    time = other == .max ? .max : other + 1
    return true
  }

  /// How far ahead of ours a peer's time may be: centuries of events, but nowhere near the end of the range.
  package static let plausibleLead: LamportTime = 1 << 32
}
