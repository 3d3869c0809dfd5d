internal import SerfPrimitives

/// A limited number of long-header packets that wait for their turn. Packets of connections are served in order. Packets of strangers, which are
/// first packets of clients, wait for a place among the ``HalfOpenHandshakes``.
///
/// A stranger that finds no place is not refused. If a whole cluster behind one address starts at once, it is served as fast as handshakes complete.
/// A client whose packet does not fit into the queue sends it again.
struct HandshakeQueue {
  struct Packet {
    let bytes: [UInt8]
    let destination: CIDKey
    let source: NodeAddress
    let ecn: UInt8
  }

  struct Stranger {
    let packet: Packet
    /// Whether it came with our token for its address.
    let isProven: Bool
    let arrivedAt: Instant
  }

  /// The order of service: the lowest goes first.
  typealias Rank = (Int, Int, Int)

  private let limit: Int
  private var packets = DrainQueue<Packet>()
  /// In the order in which they came.
  private var strangers: [Stranger] = []
  private(set) var tally = SourceTally()
  /// When to look again for a place for a stranger.
  private(set) var nextAdmission = Instant.distantFuture

  init(limit: Int) { self.limit = limit }

  var hasPackets: Bool { !packets.isEmpty }
  /// Packets of strangers.
  var strangerCount: Int { strangers.count }
  private var count: Int { packets.count + strangers.count }

  // MARK: Packets of connections

  /// Queues a packet of a connection. False when the queue is full.
  mutating func append(_ packet: Packet) -> Bool {
    guard count < limit else { return false }
    packets.append(packet)
    return true
  }

  mutating func take() -> Packet? { packets.popFirst() }

  // MARK: Packets of strangers

  /// Queues a stranger. Strangers get half of the queue, so that they cannot keep out handshakes in progress. When their half is full, the last
  /// packet of the network that has the most packets in it is dropped. False when a packet was dropped: that one, or the newcomer.
  mutating func append(_ stranger: Stranger, admissionAt time: Instant) -> Bool {
    let isCrowded = strangers.count >= limit / 2
    if isCrowded {
      guard let last = crowdingStranger(), tally.ofNetwork(last) > tally.ofNetwork(stranger.packet.source) + 1 else { return false }
      removeLast(of: last.network)
    } else if count >= limit {
      return false
    }
    strangers.append(stranger)
    tally.add(stranger.packet.source)
    nextAdmission = min(nextAdmission, time)
    return !isCrowded
  }

  /// Packets from exactly this address and port that came without proof of that address.
  func unproven(from source: NodeAddress) -> Int { strangers.count { $0.packet.source == source && !$0.isProven } }

  /// A place may be free at this time.
  mutating func look(at time: Instant) { nextAdmission = strangers.isEmpty ? .distantFuture : min(nextAdmission, time) }

  /// No place is free before this time.
  mutating func wait(until time: Instant) { nextAdmission = strangers.isEmpty ? .distantFuture : time }

  /// Takes out the stranger with the lowest rank; among equals the one that came first. Strangers without a rank stay.
  mutating func takeStranger(_ rank: (Stranger) -> Rank?) -> Stranger? {
    var best: (index: Int, rank: Rank)?
    for (index, stranger) in strangers.enumerated() {
      guard let rank = rank(stranger) else { continue }
      if best.map({ rank < $0.rank }) ?? true { best = (index, rank) }
    }
    guard let best else { return nil }
    return remove(at: best.index)
  }

  /// Removes strangers that came before `time`: their clients have sent again or given up. Returns how many.
  mutating func removeStrangers(before time: Instant) -> Int {
    var removed = 0
    while let first = strangers.first, first.arrivedAt < time {
      _ = remove(at: 0)
      removed += 1
    }
    return removed
  }

  /// When the stranger that came first did so.
  var oldestStranger: Instant? { strangers.first?.arrivedAt }

  private func crowdingStranger() -> NodeAddress? {
    strangers.max { tally.ofNetwork($0.packet.source) < tally.ofNetwork($1.packet.source) }?.packet.source
  }

  private mutating func removeLast(of network: NodeAddress) {
    if let index = strangers.lastIndex(where: { $0.packet.source.network == network }) { _ = remove(at: index) }
  }

  private mutating func remove(at index: Int) -> Stranger {
    let stranger = strangers.remove(at: index)
    tally.remove(stranger.packet.source)
    if strangers.isEmpty { nextAdmission = .distantFuture }
    return stranger
  }
}
