/// A logical time: it orders messages of one kind, not moments (`serf.md` section 5).
public typealias LamportTime = UInt64

/// Orders messages without a wall clock (Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System").
///
/// A node has three: for member intents, for user events and for queries. What peers say moves a clock within the bounds of `secure-transport.md`
/// 3.3, which begin at values that no honest clock reaches:
///
///     1 …………… honest clocks …………… 2⁶³ ── gossip: 2¹⁶ a message ── 2⁶³ + 2⁶² ── push/pull: 2³² an exchange ── 2⁶⁴ − 1
///
/// Every node believes all gossip below 2⁶³, however low its own clock is, so that a new node is never shut out by what other nodes believed before
/// it. One push/pull can make up for more than gossip can ever reach. If several push/pulls raised a clock, the same number of push/pulls makes up
/// for them. At the end of its range a clock stops instead of wrapping to zero.
package struct LamportClock: Hashable, Sendable {
  /// The value that our next message carries. A fresh clock says 1, so that 0 on the wire means "not stated".
  package private(set) var time: LamportTime

  /// A fresh clock, or one that goes on after `witnessed`, the newest time of an earlier run.
  package init(after witnessed: LamportTime = 0) { time = Self.successor(of: witnessed) }

  /// The time for our next message. The clock moves on, so that no two of our messages share a time.
  package mutating func tick() -> LamportTime {
    defer { time = Self.successor(of: time) }
    return time
  }

  // MARK: Gossip

  /// How far the time of a gossiped message is from ours.
  package enum Distance: Hashable, Sendable {
    /// Plausible: the clock is now later than this time.
    case near
    /// Too far ahead to be plausible. The clock has not moved, and the message must be dropped.
    case ahead
    /// So far behind that its sender cannot have heard of our clock. What it sends may be too old to count as new here.
    case behind
  }

  /// A message with this time came by gossip: from now on the clock is later than that time, unless the time is not plausible.
  package mutating func witness(_ other: LamportTime) -> Distance {
    guard other >= time else { return time - other > Self.gossipLead ? .behind : .near }
    guard other <= Self.sum(max(time, Self.gossipHeight), Self.gossipLead) else { return .ahead }
    time = Self.successor(of: other)
    return .near
  }

  /// All gossiped times up to here are believed.
  package static let gossipHeight: LamportTime = 1 << 63
  /// How far above that, or above its own time, a clock believes a gossiped time.
  package static let gossipLead: LamportTime = 1 << 16

  // MARK: Push/pull

  /// The highest value to which one push/pull may raise a clock that shows `time` when it comes.
  package static func exchangeBound(of time: LamportTime) -> LamportTime { sum(max(time, exchangeHeight), exchangeLead) }

  /// Raises the clock to another clock's value, which no message carries yet, but not beyond `bound`. False when the value was cut off.
  package mutating func raise(to value: LamportTime, within bound: LamportTime) -> Bool {
    time = max(time, min(value, bound))
    return value <= bound
  }

  /// The clock's value after a message with this time.
  package static func successor(of time: LamportTime) -> LamportTime { sum(time, 1) }

  /// Every push/pull may raise a clock up to here.
  package static let exchangeHeight: LamportTime = 3 << 62
  /// How far above that, or above its own time, one push/pull may raise a clock.
  package static let exchangeLead: LamportTime = 1 << 32

  private static func sum(_ time: LamportTime, _ lead: LamportTime) -> LamportTime {
    let (sum, overflow) = time.addingReportingOverflow(lead)
    return overflow ? .max : sum
  }
}
