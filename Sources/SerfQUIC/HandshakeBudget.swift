internal import SerfPrimitives

/// Decides what to do with a client's first packet, before anything is allocated for it (`secure-transport.md` 3.1, RFC 9000 section 21).
///
/// A client that has not proven its address gets a handshake only while few are in progress: few in total, few from its network, and few from its
/// address. Otherwise it has to prove the address with a Retry, which needs no memory here. A client that has proven it goes to the
/// ``HandshakeQueue``, where it waits for a place.
struct HandshakeBudget {
  /// How many handshakes are in progress, including those that wait for a place.
  struct Load {
    /// From all sources, from the packet's network, and from its address with any port.
    var all: Int
    var network: Int
    var host: Int
  }

  /// How many sources and addresses are remembered. Beyond that the oldest are dropped, which only costs a Retry.
  private static let tableLimit = 4096
  /// How long an address is known after a connection was validated from it.
  private static let validityOfAddress = Duration.seconds(600)

  private let perSourceRate: Int
  private let perSourceBurst: Int
  private let retryThreshold: Int
  private let perKnownAddress: Int
  private let limits: HalfOpenHandshakes.Limits
  /// Handshakes that may begin now, from all clients together.
  var all: RateLimit
  private var sources: [NodeAddress: RateLimit] = [:]
  private var validated: [NodeAddress: Instant] = [:]

  init(_ configuration: QUICConfiguration, at now: Instant) {
    perSourceRate = configuration.handshakesPerSourcePerSecond
    perSourceBurst = configuration.handshakeBurstPerSource
    retryThreshold = configuration.retryThreshold
    perKnownAddress = configuration.handshakesOfKnownAddress
    limits = HalfOpenHandshakes.Limits(configuration)
    all = RateLimit(perSecond: configuration.handshakesPerSecond, burst: configuration.handshakeBurst, at: now)
  }

  /// Whether a first packet from `address` must be repeated with proof of that address.
  ///
  /// - Parameter unproven: how many handshakes exactly this address and port has in progress without such proof.
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
      // A flood from everywhere: all unknown clients have to prove their address.
      guard sources.count < Self.tableLimit else { return false }
    }
    return sources[source, default: RateLimit(perSecond: perSourceRate, burst: perSourceBurst, at: now)].take(at: now)
  }
}
