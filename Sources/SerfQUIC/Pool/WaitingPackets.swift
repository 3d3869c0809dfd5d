internal import SerfPrimitives

/// Packets that wait for a dial: few, each with its deadline; the oldest is dropped first (`secure-transport.md` 2.3).
struct WaitingPackets {
  struct Packet {
    let bytes: [UInt8]
    let id: PacketID?
    let deadline: Instant
    /// It was on a connection before.
    let isMoved: Bool
  }

  private(set) var packets: [Packet] = []

  /// Adds a packet; returns the one that was dropped for it. A packet without an ID is dropped before a probe is.
  mutating func append(_ packet: Packet, limit: Int) -> Packet? {
    packets.append(packet)
    guard packets.count > limit else { return nil }
    let victim = packets.firstIndex { $0.id == nil } ?? 0
    return packets.remove(at: victim)
  }

  /// The earliest deadline.
  var nextDeadline: Instant { packets.map(\.deadline).min() ?? .distantFuture }

  /// Takes out the packets whose deadline has passed.
  mutating func removeExpired(at now: Instant) -> [Packet] {
    let expired = packets.filter { $0.deadline <= now }
    packets.removeAll { $0.deadline <= now }
    return expired
  }

  /// Takes out all packets that may still be sent.
  mutating func takeAll(at now: Instant) -> [Packet] {
    defer { packets = [] }
    return packets.filter { now < $0.deadline }
  }
}
