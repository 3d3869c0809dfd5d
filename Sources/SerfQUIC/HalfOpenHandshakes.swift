internal import SerfPrimitives

/// Clients' handshakes in progress, and which of them is ended when there are too many (`secure-transport.md` 3.1).
///
/// Whatever a client does, it has no more places than its address and its network may have. When a newcomer finds one of the three limits reached,
/// the handshakes of those that have the most places are considered. At the limit of an address these are the handshakes of that address, at the
/// limit of a network those of that network, and at the total limit those of the network that has the most. The one that was due first makes room.
///
/// A handshake is *due* when its client has been silent for the ``patience``, or when it is four times that old. Where handshakes take longer,
/// because the processor or the network is slow, the patience is longer too. An honest client answers each flight within a round trip; one that sends
/// only to keep its place does not keep it for long. A handshake that is not due is never displaced: otherwise a crowd of honest newcomers would end
/// each other's handshakes, and none would complete.
struct HalfOpenHandshakes {
  struct Limits {
    let perHost: Int
    let perNetwork: Int
    let all: Int
    let patience: Duration
    let longestPatience: Duration

    init(_ configuration: QUICConfiguration) {
      perHost = configuration.halfOpenPerAddress
      perNetwork = configuration.halfOpenPerNetwork
      all = configuration.halfOpenLimit
      // Eight round trips, if the first guess is right: 240 ms in a LAN, which is enough for a lost flight to be sent again.
      patience = configuration.initialRoundTrip * 8
      longestPatience = configuration.crowdedHandshakeTimeout
    }
  }

  enum Place: Equatable {
    case free
    /// A place is free as soon as this handshake is given up.
    case heldBy(ConnectionID)
    /// All places are taken by handshakes that are not due before this time.
    case none(until: Instant)
  }

  private struct Handshake {
    let id: ConnectionID
    let source: NodeAddress
    let isProven: Bool
    let startedAt: Instant
    var heardAt: Instant

    /// Its packets that we have not handled yet.
    var queued = 0

    /// Silence that we cause does not count.
    func dueAt(_ patience: Duration) -> Instant {
      let end = startedAt + patience * 4
      return queued > 0 ? end : min(heardAt + patience, end)
    }
  }

  private let limits: Limits
  /// In the order in which they began.
  private var handshakes: [Handshake] = []
  private(set) var tally = SourceTally()
  /// How long completed handshakes take at present. It follows a longer time at once, and a shorter one by an eighth each time. It halves every five
  /// seconds without a handshake: a node that was slow once is not slow for ever.
  private var time = Duration.zero
  private var timedAt = Instant.zero
  private static let halfLife = Duration.seconds(5)

  init(_ limits: Limits) { self.limits = limits }

  var count: Int { handshakes.count }

  /// The one that began first.
  var oldest: (id: ConnectionID, startedAt: Instant)? { handshakes.first.map { ($0.id, $0.startedAt) } }

  func contains(from source: NodeAddress) -> Bool { handshakes.contains { $0.source == source } }

  /// Handshakes from exactly this address and port that began without proof of that address.
  func unproven(from source: NodeAddress) -> Int { handshakes.count { $0.source == source && !$0.isProven } }

  mutating func begin(_ id: ConnectionID, from source: NodeAddress, isProven: Bool, at now: Instant) {
    handshakes.append(Handshake(id: id, source: source, isProven: isProven, startedAt: now, heardAt: now))
    tally.add(source)
  }

  /// A packet arrived for the handshake and waits for its turn.
  mutating func queued(_ id: ConnectionID) {
    if let index = handshakes.firstIndex(where: { $0.id == id }) { handshakes[index].queued += 1 }
  }

  /// A packet of the handshake is handled and answered.
  mutating func heard(_ id: ConnectionID, at now: Instant) {
    guard let index = handshakes.firstIndex(where: { $0.id == id }) else { return }
    handshakes[index].queued = max(0, handshakes[index].queued - 1)
    handshakes[index].heardAt = now
  }

  /// The handshake is complete or has failed. Returns whether its client had proven its address; nil when there is no such handshake.
  @discardableResult
  mutating func end(_ id: ConnectionID, completedAt now: Instant? = nil) -> Bool? {
    guard let index = handshakes.firstIndex(where: { $0.id == id }) else { return nil }
    let handshake = handshakes.remove(at: index)
    if let now {
      let taken = min(now - handshake.startedAt, limits.longestPatience / 4)
      let before = time(at: now)
      time = taken >= before ? taken : before - (before - taken) / 8
      timedAt = now
    }
    tally.remove(handshake.source)
    return handshake.isProven
  }

  private func time(at now: Instant) -> Duration { time / (1 << min(20, Int((now - timedAt).seconds / Self.halfLife.seconds))) }

  /// How long a client may be silent.
  private func patience(at now: Instant) -> Duration { max(limits.patience, min(time(at: now) * 4, limits.longestPatience)) }

  /// The place of a newcomer.
  func place(for source: NodeAddress, at now: Instant) -> Place {
    if tally.ofHost(source) >= limits.perHost {
      let host = source.anyPort
      return first(at: now) { $0.source.anyPort == host }
    }
    if tally.ofNetwork(source) >= limits.perNetwork {
      let network = source.network
      return first(at: now) { $0.source.network == network }
    }
    guard count >= limits.all else { return .free }
    guard let most = handshakes.max(by: { tally.ofNetwork($0.source) < tally.ofNetwork($1.source) })?.source.network else {
      return .none(until: .distantFuture)
    }
    return first(at: now) { $0.source.network == most }
  }

  private func first(at now: Instant, _ isRival: (Handshake) -> Bool) -> Place {
    var first: Handshake?
    let patience = patience(at: now)
    for handshake in handshakes where isRival(handshake) {
      if first.map({ handshake.dueAt(patience) < $0.dueAt(patience) }) ?? true { first = handshake }
    }
    guard let first else { return .none(until: .distantFuture) }
    let due = first.dueAt(patience)
    // Checked again soon: a waiting packet may be handled in the meantime, and the patience gets shorter.
    return due <= now ? .heldBy(first.id) : .none(until: min(due, now + limits.patience))
  }
}

/// How much each host and each network has of something.
struct SourceTally {
  private(set) var count = 0
  private var hosts: [NodeAddress: Int] = [:]
  private var networks: [NodeAddress: Int] = [:]

  func ofHost(_ source: NodeAddress) -> Int { count == 0 ? 0 : hosts[source.anyPort] ?? 0 }
  func ofNetwork(_ source: NodeAddress) -> Int { count == 0 ? 0 : networks[source.network] ?? 0 }

  mutating func add(_ source: NodeAddress) {
    count += 1
    hosts[source.anyPort, default: 0] += 1
    networks[source.network, default: 0] += 1
  }

  mutating func remove(_ source: NodeAddress) {
    count -= 1
    Self.decrement(&hosts, source.anyPort)
    Self.decrement(&networks, source.network)
  }

  private static func decrement(_ counts: inout [NodeAddress: Int], _ key: NodeAddress) {
    guard let count = counts[key] else { return }
    counts[key] = count > 1 ? count - 1 : nil
  }
}

extension NodeAddress {
  /// The host: its address without a port.
  fileprivate var anyPort: NodeAddress { with(port: 0) }

  /// The network that is assumed to have one owner: a /24 of IPv4, a /56 of IPv6.
  var network: NodeAddress {
    let address = canonical
    return address.prefix(address.byteCount == 4 ? 24 : 56)
  }

  /// The network with this many leading bits; the other bits and the port are zero.
  func prefix(_ length: Int) -> NodeAddress {
    let highBits = min(max(length, 0), 64)
    let lowBits = min(max(length - 64, 0), 64)
    return NodeAddress(
      high: highBits == 0 ? 0 : high & ~UInt64(0) << UInt64(64 - highBits),
      low: lowBits == 0 ? 0 : low & ~UInt64(0) << UInt64(64 - lowBits), byteCount: byteCount, port: 0)
  }
}
