/// Lets so much of something pass in a second, and a burst of it at once: a token bucket.
package struct RateLimit: Sendable {
  private let rate: Double
  private let burst: Double
  private var tokens: Double
  private var filledAt: Instant

  /// A limit that has its whole burst to give at `now`.
  package init(perSecond rate: Int, burst: Int, at now: Instant) {
    self.rate = Double(rate)
    self.burst = Double(burst)
    tokens = self.burst
    filledAt = now
  }

  /// Whether `amount` may pass now. What may not is not charged.
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

  /// When the next ``take(_:at:)`` of one succeeds.
  package func nextTake(after now: Instant) -> Instant {
    let missing = 1 - tokens - max(0, (now - filledAt).seconds) * rate
    guard missing > 0 else { return now }
    return rate > 0 ? now + .nanoseconds(Int64(missing / rate * 1e9) + 1) : .distantFuture
  }

  /// As good as a new one: it need not be remembered.
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
  /// For those beyond what is remembered, together.
  private var others: RateLimit

  /// - Parameter remembered: how many peers are told apart. Those that use nothing are forgotten first; beyond that, all further ones share one limit.
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
}
