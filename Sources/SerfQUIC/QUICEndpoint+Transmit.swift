internal import CNgtcp2
package import SerfPrimitives

/// One write to the socket: a datagram, or several of equal size back to back for one destination, of which the last may be shorter (GSO).
package struct Transmit: Hashable, Sendable {
  package let destination: NodeAddress
  /// All bytes of the batch.
  package let count: Int
  /// Bytes of each datagram but the last.
  package let segmentSize: Int
  /// The two bits for the IP header.
  package let ecn: UInt8
  let offset: Int
}

/// Builds outgoing packets in one buffer, which is used again for each batch.
struct Transmitter {
  /// GSO accepts 64 segments and less than 64 KiB.
  static let segmentLimit = 64
  static let batchLimit = 64_000
  /// More than any packet that is requested.
  static let packetLimit = 1500

  let buffer = TransmitBuffer()
  /// Connections that may have something to send, in the order of their turns.
  var dirty = DrainQueue<QUICConnection>()
  /// A packet that did not fit into the batch that it was written after.
  var carried: Transmit?
  /// Packets of no connection, or of one that has ended.
  var alone: [(packet: [UInt8], destination: NodeAddress)] = []
}

final class TransmitBuffer {
  let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Transmitter.batchLimit + 2 * Transmitter.packetLimit, alignment: 16)
  deinit { bytes.deallocate() }
}

extension QUICEndpoint {
  /// Packets without a connection that may wait for the socket.
  private static let aloneLimit = 256

  /// What to send next, or nil when everything is sent. Read its bytes with ``withBytes(of:_:)-(Transmit,_)`` before the next call.
  package func nextTransmit(at now: Instant) -> Transmit? {
    callbackTime = now
    if let carried = transmitter.carried {
      transmitter.carried = nil
      counters.datagramsSent += 1
      return carried
    }
    if !transmitter.alone.isEmpty {
      let (packet, destination) = transmitter.alone.removeFirst()
      packet.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: transmitter.buffer.bytes[..<$0.count]).copyMemory(from: $0) }
      counters.datagramsSent += 1
      return Transmit(destination: destination, count: packet.count, segmentSize: packet.count, ecn: 0, offset: 0)
    }
    while let connection = transmitter.dirty.popFirst() {
      connection.isDirty = false
      guard connection.raw != nil else { continue }
      let batch = writeBatch(of: connection, at: now)
      schedule(connection)
      if let batch { return batch }
    }
    return nil
  }

  /// The bytes of a transmit.
  package func withBytes<Result>(of transmit: Transmit, _ body: (RawSpan) -> Result) -> Result {
    let bytes = transmitter.buffer.bytes[transmit.offset..<transmit.offset + transmit.count]
    return body(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes)))
  }

  /// Fills the buffer with packets of one size for one destination, as many as the congestion controller allows at once.
  private func writeBatch(of connection: QUICConnection, at now: Instant) -> Transmit? {
    let quantum = min(Transmitter.batchLimit, max(Int(sq_connection_send_quantum(connection.raw)), Transmitter.packetLimit))
    var allowance = connection.streamAllowance()
    var used = 0
    var segment = 0
    var segments = 0
    var destination = connection.remote
    var ecn: UInt8 = 0
    while segments < Transmitter.segmentLimit, used + Transmitter.packetLimit <= quantum || segments == 0 {
      var packet = sq_packet()
      packet.base = (transmitter.buffer.bytes.baseAddress! + used).assumingMemoryBound(to: UInt8.self)
      packet.capacity = Transmitter.packetLimit
      guard connection.writePacket(&packet, allowance: &allowance, at: now) else { break }
      if packet.count == 0 {
        if used > 0 { sq_connection_sent(connection.raw, now.ticks) }
        return batch(used, segment, segments, destination, ecn)
      }
      let address = NodeAddress(packet.remote)
      if segments == 0 {
        (segment, destination, ecn) = (packet.count, address, packet.ecn)
      } else if packet.count > segment || address != destination || packet.ecn != ecn {
        transmitter.carried = Transmit(
          destination: address, count: packet.count, segmentSize: packet.count, ecn: packet.ecn, offset: used)
        break
      }
      used += packet.count
      segments += 1
      if packet.count < segment { break }
    }
    if connection.raw != nil {
      sq_connection_sent(connection.raw, now.ticks)
      // There may be more to send; the other connections go first.
      markDirty(connection)
    }
    return batch(used, segment, segments, destination, ecn)
  }

  private func batch(_ used: Int, _ segment: Int, _ segments: Int, _ destination: NodeAddress, _ ecn: UInt8) -> Transmit? {
    guard used > 0 else { return nil }
    counters.datagramsSent += UInt64(segments)
    return Transmit(destination: destination, count: used, segmentSize: segment, ecn: ecn, offset: 0)
  }

  func markDirty(_ connection: QUICConnection) {
    guard !connection.isDirty, connection.raw != nil else { return }
    connection.isDirty = true
    transmitter.dirty.append(connection)
  }

  func sendAlone(_ packet: [UInt8], to destination: NodeAddress) {
    guard transmitter.alone.count < Self.aloneLimit else { return counters.statelessRepliesWithheld += 1 }
    transmitter.alone.append((packet, destination))
  }
}
