internal import SerfPrimitives

/// Lets `rate` things a second pass, and `burst` of them at once.
struct TokenBucket {
  private var tokens: Double
  private var filledAt: Instant
  private let rate: Double
  private let burst: Double

  init(perSecond rate: Int, burst: Int, at now: Instant) {
    self.rate = Double(rate)
    self.burst = Double(burst)
    tokens = Double(burst)
    filledAt = now
  }

  mutating func take(at now: Instant) -> Bool {
    tokens = min(burst, tokens + max(0, (now - filledAt).seconds) * rate)
    filledAt = max(filledAt, now)
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }

  /// As full as a new one: it need not be remembered.
  func isFull(at now: Instant) -> Bool { tokens + (now - filledAt).seconds * rate >= burst }
}

/// Decides what to do with a client's first packet, before anything is allocated for it (`secure-transport.md` 3.1, RFC 9000 section 21).
///
/// A source that is too eager, or any source while many handshakes are open, has to prove its address with a Retry, which costs us nothing to
/// remember. Only when proven addresses alone are too many is somebody refused.
struct HandshakeBudget {
  enum Verdict: Hashable { case accept, retry, refuse }

  /// Sources and addresses remembered; beyond it the oldest knowledge is dropped, which only costs a Retry.
  private static let tableLimit = 4096
  /// How long an address stays free of Retry after a connection was validated from it.
  private static let validityOfAddress = Duration.seconds(600)

  private let perSourceRate: Int
  private let perSourceBurst: Int
  private let retryThreshold: Int
  private let halfOpenLimit: Int
  private var all: TokenBucket
  private var sources: [NodeAddress: TokenBucket] = [:]
  private var validated: [NodeAddress: Instant] = [:]

  init(_ configuration: QUICConfiguration, at now: Instant) {
    perSourceRate = configuration.handshakesPerSourcePerSecond
    perSourceBurst = configuration.handshakeBurstPerSource
    retryThreshold = configuration.retryThreshold
    halfOpenLimit = configuration.halfOpenLimit
    all = TokenBucket(perSecond: configuration.handshakesPerSecond, burst: configuration.handshakeBurst, at: now)
  }

  /// What becomes of a first packet from `address`, whose address token was found good or not, with this many handshakes open.
  mutating func judge(_ address: NodeAddress, hasToken: Bool, halfOpen: Int, at now: Instant) -> Verdict {
    if !hasToken && !isKnown(address, at: now) {
      guard takeFromSource(address, at: now), halfOpen < retryThreshold else { return .retry }
    }
    guard halfOpen < halfOpenLimit, all.take(at: now) else { return hasToken ? .refuse : .retry }
    return .accept
  }

  /// A handshake from this address was completed.
  mutating func validated(_ address: NodeAddress, at now: Instant) {
    if validated.count >= Self.tableLimit, validated[address] == nil {
      validated = validated.filter { now - $0.value < Self.validityOfAddress / 2 }
      if validated.count >= Self.tableLimit { validated.removeAll(keepingCapacity: true) }
    }
    validated[address] = now
  }

  private func isKnown(_ address: NodeAddress, at now: Instant) -> Bool {
    validated[address].map { now - $0 < Self.validityOfAddress } ?? false
  }

  private mutating func takeFromSource(_ address: NodeAddress, at now: Instant) -> Bool {
    let address = address.canonical
    let source = address.prefix(address.byteCount == 4 ? 24 : 56)
    if sources[source] == nil, sources.count >= Self.tableLimit {
      sources = sources.filter { !$0.value.isFull(at: now) }
      // A flood from everywhere: everybody unknown proves the address.
      guard sources.count < Self.tableLimit else { return false }
    }
    return sources[source, default: TokenBucket(perSecond: perSourceRate, burst: perSourceBurst, at: now)].take(at: now)
  }
}
