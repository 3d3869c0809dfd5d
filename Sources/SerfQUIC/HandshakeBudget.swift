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

  /// When the next ``take(at:)`` succeeds.
  func nextTake(after now: Instant) -> Instant {
    let missing = 1 - tokens - max(0, (now - filledAt).seconds) * rate
    guard missing > 0 else { return now }
    return rate > 0 ? now + .nanoseconds(Int64(missing / rate * 1e9) + 1) : .distantFuture
  }
}

/// Decides what to do with a client's first packet, before anything is allocated for it (`secure-transport.md` 3.1, RFC 9000 section 21).
///
/// A client that has not proven its address gets a handshake only while few are in progress: few in all, few of its network, and few of its
/// address. Otherwise it has to prove the address with a Retry, which costs us nothing to remember. A client that has proven it goes on to the
/// ``HandshakeQueue``, where it waits for a place.
struct HandshakeBudget {
  /// What the source of a packet has under way with us, handshakes that wait for a place included.
  struct Load {
    /// Of all sources, of its network, of its address with any port.
    var all: Int
    var network: Int
    var host: Int
  }

  /// Sources and addresses remembered; beyond it the oldest knowledge is dropped, which only costs a Retry.
  private static let tableLimit = 4096
  /// How long an address is known after a connection was validated from it.
  private static let validityOfAddress = Duration.seconds(600)

  private let perSourceRate: Int
  private let perSourceBurst: Int
  private let retryThreshold: Int
  private let perKnownAddress: Int
  private let limits: HalfOpenHandshakes.Limits
  /// Handshakes that may begin now, of all clients together.
  var all: TokenBucket
  private var sources: [NodeAddress: TokenBucket] = [:]
  private var validated: [NodeAddress: Instant] = [:]

  init(_ configuration: QUICConfiguration, at now: Instant) {
    perSourceRate = configuration.handshakesPerSourcePerSecond
    perSourceBurst = configuration.handshakeBurstPerSource
    retryThreshold = configuration.retryThreshold
    perKnownAddress = configuration.handshakesOfKnownAddress
    limits = HalfOpenHandshakes.Limits(configuration)
    all = TokenBucket(perSecond: configuration.handshakesPerSecond, burst: configuration.handshakeBurst, at: now)
  }

  /// Whether a first packet from `address` has to come back with a proof of that address.
  ///
  /// - Parameter unproven: what exactly this address and port has under way without such a proof.
  mutating func needsRetry(_ address: NodeAddress, load: Load, unproven: @autoclosure () -> Int, at now: Instant) -> Bool {
    if isKnown(address, at: now) {
      guard unproven() < perKnownAddress else { return true }
    } else {
      guard takeFromSource(address, at: now), load.all < retryThreshold else { return true }
    }
    return load.host >= limits.perHost || load.network >= limits.perNetwork || load.all >= limits.all
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
    let source = address.network
    if sources[source] == nil, sources.count >= Self.tableLimit {
      sources = sources.filter { !$0.value.isFull(at: now) }
      // A flood from everywhere: everybody unknown proves the address.
      guard sources.count < Self.tableLimit else { return false }
    }
    return sources[source, default: TokenBucket(perSecond: perSourceRate, burst: perSourceBurst, at: now)].take(at: now)
  }
}
