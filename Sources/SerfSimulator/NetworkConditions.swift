import SerfPrimitives

/// What happens to a packet on its way. Exchanges are reliable: they are delayed, and fail only when their ends cannot reach each other.
package struct NetworkConditions: Sendable {
  /// One way, uniformly distributed between the two.
  package var latency: ClosedRange<Duration> = .microseconds(200)...(.microseconds(800))
  /// The probability that a packet is lost.
  package var loss = 0.0
  /// The probability that it comes twice.
  package var duplication = 0.0

  package init() {}
}

/// What really happened in a run; a campaign whose counters stay at zero has tested nothing.
package struct NetworkCounters: Sendable, Hashable {
  package var packets = 0
  package var bytes = 0
  package var lost = 0
  package var duplicated = 0
  package var unreachable = 0
  package var exchanges = 0
  package var exchangesFailed = 0
  package var handshakes = 0
}
