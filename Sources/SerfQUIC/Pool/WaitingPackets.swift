internal import SerfPrimitives

/// Packets that wait for a dial: few, each with its deadline, the oldest out first (`secure-transport.md` 2.3).
struct WaitingPackets {
  struct Packet {
    let bytes: [UInt8]
    let id: PacketID?
    let deadline: Instant
    /// It was on a connection before.
    let isMoved: Bool
  }

  private(set) var packets: [Packet] = []

  /// Adds a packet; returns the one that had to leave for it. A packet whose fate is not reported leaves before a probe does.
  mutating func append(_ packet: Packet, limit: Int) -> Packet? {
    packets.append(packet)
    guard packets.count > limit else { return nil }
    let victim = packets.firstIndex { $0.id == nil } ?? 0
    return packets.remove(at: victim)
  }

  /// The earliest deadline.
  var nextDeadline: Instant { packets.map(\.deadline).min() ?? .distantFuture }

  /// Takes out what may not be sent any more.
  mutating func removeExpired(at now: Instant) -> [Packet] {
    let expired = packets.filter { $0.deadline <= now }
    packets.removeAll { $0.deadline <= now }
    return expired
  }

  /// Takes out everything that may still be sent.
  mutating func takeAll(at now: Instant) -> [Packet] {
    defer { packets = [] }
    return packets.filter { now < $0.deadline }
  }
}
