/// A token bucket: lets a given amount pass in each second, and a burst of it at once.
package struct RateLimit: Sendable {
  private let rate: Double
  private let burst: Double
  private var tokens: Double
  private var filledAt: Instant

  /// A limit whose whole burst is available at `now`.
  package init(perSecond rate: Int, burst: Int, at now: Instant) {
    self.rate = Double(rate)
    self.burst = Double(burst)
    tokens = self.burst
    filledAt = now
  }

  /// Whether `amount` may pass now. Nothing is charged if it may not.
  package mutating func take(_ amount: Int = 1, at now: Instant) -> Bool {
    fill(at: now)
    guard tokens >= Double(amount) else { return false }
    tokens -= Double(amount)
    return true
  }

  /// How much of `amount` may pass now; that much is charged.
  package mutating func take(upTo amount: Int, at now: Instant) -> Int {
    fill(at: now)
    let taken = min(amount, Int(tokens))
    tokens -= Double(taken)
    return taken
  }

  /// Takes back what was charged and then did not pass.
  package mutating func give(back amount: Int) { tokens = min(burst, tokens + Double(amount)) }

  /// When the next ``take(_:at:)`` of one succeeds.
  package func nextTake(after now: Instant) -> Instant {
    let missing = 1 - tokens - max(0, (now - filledAt).seconds) * rate
    guard missing > 0 else { return now }
    return rate > 0 ? now + .nanoseconds(Int64(missing / rate * 1e9) + 1) : .distantFuture
  }

  /// Whether it is as good as a new one, so that it need not be remembered.
  package func isFull(at now: Instant) -> Bool { tokens + (now - filledAt).seconds * rate >= burst }

  private mutating func fill(at now: Instant) {
    tokens = min(burst, tokens + max(0, (now - filledAt).seconds) * rate)
    filledAt = max(filledAt, now)
  }
}

/// The same limit for each of many peers.
package struct RateLimits<Key: Hashable & Sendable>: Sendable {
  private let rate: Int
  private let burst: Int
  private let remembered: Int
  private var limits: [Key: RateLimit] = [:]
  /// One limit shared by all peers beyond those that are remembered.
  private var others: RateLimit

  /// - Parameter remembered: how many peers are told apart. Peers whose burst is full again are forgotten first. Peers beyond the number share one
  ///   limit.
  package init(perSecond rate: Int, burst: Int, remembered: Int = 4096, at now: Instant) {
    self.rate = rate
    self.burst = burst
    self.remembered = remembered
    others = RateLimit(perSecond: rate, burst: burst, at: now)
  }

  /// Whether `amount` from this peer may pass now.
  package mutating func take(_ amount: Int = 1, of key: Key, at now: Instant) -> Bool {
    if limits[key] == nil {
      if limits.count >= remembered { limits = limits.filter { !$0.value.isFull(at: now) } }
      guard limits.count < remembered else { return others.take(amount, at: now) }
    }
    return limits[key, default: RateLimit(perSecond: rate, burst: burst, at: now)].take(amount, at: now)
  }

  /// Takes back what was charged to this peer and then did not pass. What was charged to the limit that peers share stays there.
  package mutating func give(back amount: Int, of key: Key) { limits[key]?.give(back: amount) }
}
