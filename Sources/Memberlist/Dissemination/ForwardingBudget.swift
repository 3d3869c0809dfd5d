package import SerfPrimitives

/// How much a member may send beyond its regular gossip: a token bucket in bytes.
///
/// It may send while there are tokens, also a packet that uses up more than there are. The debt delays the next one.
package struct ForwardingBudget: Sendable {
  private let rate: Double
  private var burst: Double
  private var tokens: Double
  private var filledAt = Instant.zero
  /// The part of the rate that is used: it is halved when sends fail, and comes back with time.
  private var share = 1.0
  private var halvedAt: Instant?
  /// Packets that have room for more: with events or queries, and with news about members alone. The rest waits, and fills packets better.
  private var quick = RateLimit(perSecond: 250, burst: 16, at: .zero)
  private var slow = RateLimit(perSecond: 25, burst: 8, at: .zero)

  /// A budget that fills with `bytesPerSecond`; 0: nothing is ever sent.
  package init(bytesPerSecond: Int) {
    rate = Double(bytesPerSecond)
    burst = min(Double(Self.burstPerTarget), rate)
    tokens = burst
  }

  /// Whether nothing is ever sent.
  package var isEmpty: Bool { rate <= 0 }

  /// What is saved up while nothing is sent, for each of `targets` members that get the same packets.
  package mutating func setTargets(_ targets: Int) { burst = min(Double(Self.burstPerTarget * max(1, targets)), rate) }

  /// Whether a packet may be sent now.
  package mutating func isOpen(at now: Instant) -> Bool {
    fill(at: now)
    return tokens > 0
  }

  /// When the next packet may be sent.
  package func opens(after now: Instant) -> Instant {
    guard tokens <= 0, rate > 0 else { return now }
    return max(now, filledAt + .nanoseconds(Int64((1 - tokens) / (rate * share) * 1e9) + 1))
  }

  /// Whether a packet that is not full may be sent now; then it is counted. `isUrgent`: it has events or queries.
  package mutating func mayBeSmall(isUrgent: Bool, at now: Instant) -> Bool {
    isUrgent ? quick.take(at: now) : slow.take(at: now)
  }

  /// When the next such packet may be sent.
  package func opensForSmall(isUrgent: Bool, after now: Instant) -> Instant { (isUrgent ? quick : slow).nextTake(after: now) }

  /// A packet with so many messages was sent so many times. A Go member has room for 1,024 messages that it has not handled yet, and drops the others:
  /// so each message costs at least a 1,024th of the burst for one target.
  package mutating func charge(bytes: Int, messages: Int, copies: Int) {
    tokens -= Double(max(bytes, messages * Self.leastPerMessage) * copies)
  }

  /// The transport could not send, or a peer is slow: less is sent for a while. Reports within a tenth of a second are about the same trouble.
  package mutating func sendFailed(at now: Instant) {
    fill(at: now)
    tokens = min(tokens, 0)
    if let halvedAt, now - halvedAt < .milliseconds(100) { return }
    halvedAt = now
    share = max(Self.leastShare, share / 2)
  }

  private mutating func fill(at now: Instant) {
    guard now > filledAt else { return }
    let seconds = (now - filledAt).seconds
    filledAt = now
    tokens = min(burst, tokens + seconds * rate * share)
    // From the smallest share it takes two seconds back to the whole rate.
    share = min(1, share + seconds / 2)
  }

  /// So much goes to one member at once at most.
  package static let burstPerTarget = 64 << 10
  private static let leastPerMessage = 64
  private static let leastShare = 1.0 / 64
}
