internal import SerfPrimitives

/// Packets that wait to be sent as datagrams on one connection, and those sent but not yet acknowledged.
///
/// Probes and answers have an ID, and go before gossip, which has none. The queue is limited; the oldest gossip is dropped first. A packet whose
/// deadline has passed is never sent. Packets are copied into buffers that are used again (``PacketBuffers``), so that steady traffic allocates nothing.
struct DatagramQueue {
  struct Entry {
    var bytes: UnsafeMutableRawBufferPointer
    var count: Int
    var id: PacketID?
    var deadline: Instant
    /// When it was sent, and under which of ngtcp2's numbers.
    var sentAt = Instant.zero
    var number: UInt64 = 0
    /// It was on another connection before, and is not moved a second time: a peer that closes at once could keep it moving for ever.
    var isMoved = false

    var content: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[..<count]) }
  }

  private(set) var waiting: [Entry] = []
  private(set) var unacknowledged: [Entry] = []
  /// The earliest deadline of the waiting packets.
  private(set) var nextDeadline = Instant.distantFuture
  private var lastNumber: UInt64 = 0

  var first: Entry? { waiting.first }

  /// The number that the next datagram gets.
  var nextNumber: UInt64 { lastNumber + 1 }

  /// Adds a packet and returns one that was dropped for it.
  mutating func append(
    _ bytes: RawSpan, id: PacketID?, deadline: Instant, isMoved: Bool, limit: Int, buffers: PacketBuffers
  ) -> Entry? {
    let buffer = buffers.take(bytes.byteCount)
    bytes.withUnsafeBytes { buffer.copyMemory(from: $0) }
    let gossip = waiting.firstIndex { $0.id == nil } ?? waiting.count
    let oldest = waiting.count >= limit ? waiting.remove(at: gossip < waiting.count ? gossip : 0) : nil
    let entry = Entry(bytes: buffer, count: bytes.byteCount, id: id, deadline: deadline, isMoved: isMoved)
    waiting.insert(entry, at: id == nil ? waiting.count : min(gossip, waiting.count))
    if oldest == nil { nextDeadline = min(nextDeadline, deadline) } else { updateDeadline() }
    return oldest
  }

  /// The first packet was accepted for sending. Keeps it until it is acknowledged, and drops the oldest ones beyond `limit`.
  mutating func sent(at now: Instant, limit: Int, buffers: PacketBuffers) {
    var entry = waiting.removeFirst()
    lastNumber += 1
    entry.number = lastNumber
    entry.sentAt = now
    updateDeadline()
    if unacknowledged.count >= limit { buffers.give(unacknowledged.removeFirst().bytes) }
    unacknowledged.append(entry)
  }

  mutating func acknowledged(_ number: UInt64, buffers: PacketBuffers) {
    // Numbers rise, so a binary search finds the place.
    var low = 0
    var high = unacknowledged.count
    while low < high {
      let middle = (low + high) / 2
      if unacknowledged[middle].number < number { low = middle + 1 } else { high = middle }
    }
    guard low < unacknowledged.count, unacknowledged[low].number == number else { return }
    buffers.give(unacknowledged.remove(at: low).bytes)
  }

  /// Drops what was sent before `earliest`: too old to be worth moving, acknowledged or not.
  mutating func forget(before earliest: Instant, buffers: PacketBuffers) {
    var count = 0
    while count < unacknowledged.count, unacknowledged[count].sentAt < earliest {
      buffers.give(unacknowledged[count].bytes)
      count += 1
    }
    if count > 0 { unacknowledged.removeFirst(count) }
  }

  /// Takes out the first packet, which will not be sent.
  mutating func removeFirst() -> Entry {
    defer { updateDeadline() }
    return waiting.removeFirst()
  }

  /// Takes out the packets whose deadline has passed.
  mutating func removeExpired(at now: Instant) -> [Entry] {
    guard nextDeadline <= now else { return [] }
    let expired = waiting.filter { $0.deadline <= now }
    waiting.removeAll { $0.deadline <= now }
    updateDeadline()
    return expired
  }

  /// Removes everything, and returns it so that the caller can send it elsewhere or report it.
  mutating func removeAll() -> (waiting: [Entry], unacknowledged: [Entry]) {
    defer {
      waiting = []
      unacknowledged = []
      nextDeadline = .distantFuture
    }
    return (waiting, unacknowledged)
  }

  private mutating func updateDeadline() {
    nextDeadline = .distantFuture
    for entry in waiting { nextDeadline = min(nextDeadline, entry.deadline) }
  }
}

/// Packet-sized buffers, shared by the connections of an endpoint and used again.
final class PacketBuffers {
  private static let size = 1500
  private static let keptLimit = 256
  private var free: [UnsafeMutableRawBufferPointer] = []

  deinit {
    for buffer in free { buffer.deallocate() }
  }

  func take(_ count: Int) -> UnsafeMutableRawBufferPointer {
    guard count <= Self.size else { return .allocate(byteCount: count, alignment: 16) }
    return free.popLast() ?? .allocate(byteCount: Self.size, alignment: 16)
  }

  func give(_ buffer: UnsafeMutableRawBufferPointer) {
    guard buffer.count == Self.size, free.count < Self.keptLimit else { return buffer.deallocate() }
    free.append(buffer)
  }
}
