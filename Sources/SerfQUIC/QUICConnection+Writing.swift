internal import CNgtcp2
internal import SerfIdentity
internal import SerfPrimitives

/// Filling packets: datagrams before streams, each packet as full as possible.
extension QUICConnection {
  /// At the start of a batch: how much stream data may be added to what is in flight. Half the congestion window, so that a probe never
  /// waits behind bulk data (`secure-transport.md` 2.7).
  func streamAllowance() -> Int {
    var statistics = sq_statistics()
    sq_connection_statistics(raw, &statistics)
    return max(Int(clamping: statistics.congestion_window) / 2, 2 * endpoint.configuration.largestPacket) - streamBytesInFlight
  }

  /// Writes one packet, or leaves `packet.count` 0 when there is nothing to send or sending is not allowed now. False when the connection ended.
  func writePacket(_ packet: inout sq_packet, allowance: inout Int, at now: Instant) -> Bool {
    packet.count = 0
    if isUsable {
      switch writeDatagrams(&packet, at: now) {
      case .finished: return true
      case .failed(let result): return failed(result, at: now)
      case .open: break
      }
      switch writeStreams(&packet, allowance: &allowance, at: now) {
      case .finished: return true
      case .failed(let result): return failed(result, at: now)
      case .open: break
      }
    }
    let result = sq_connection_finish_packet(raw, &packet, now.ticks)
    return result == SQ_OK ? true : failed(result, at: now)
  }

  private enum Progress {
    /// The packet can take more frames.
    case open
    /// The packet is done, or nothing may be sent.
    case finished
    case failed(sq_result)
  }

  private func failed(_ result: sq_result, at now: Instant) -> Bool {
    handle(result, at: now)
    return raw != nil && phase != .closing && phase != .draining
  }

  private func writeDatagrams(_ packet: inout sq_packet, at now: Instant) -> Progress {
    for expired in datagrams.removeExpired(at: now) { notSent(expired) }
    guard datagrams.first != nil else { return .open }
    var hasPulse = !endpoint.configuration.pulses
    while let entry = datagrams.first {
      // The path's limit may have become smaller since it was queued; ngtcp2 would say "blocked" for ever.
      if entry.count > datagramLimit {
        notSent(datagrams.removeFirst())
        continue
      }
      if !hasPulse {
        hasPulse = true
        switch writePulse(&packet, at: now) {
        case .open: break
        case let other: return other
        }
      }
      var accepted = false
      let base = UnsafeRawPointer(entry.bytes.baseAddress!).assumingMemoryBound(to: UInt8.self)
      let result = sq_connection_write_datagram(raw, &packet, datagrams.nextNumber, base, entry.count, &accepted, now.ticks)
      if accepted { datagrams.sent(at: now, limit: endpoint.configuration.unacknowledgedLimit, buffers: endpoint.buffers) }
      switch result {
      case SQ_MORE: continue
      case SQ_OK: return .finished
      case SQ_REFUSED: notSent(datagrams.removeFirst())
      default: return .failed(result)
      }
    }
    return .open
  }

  /// One byte of a stream in every packet with datagrams: without it ngtcp2 below 0.14 sets no timer for the packet, and a window full of lost
  /// datagrams stalls for ever (`quic.md` section 0).
  private func writePulse(_ packet: inout sq_packet, at now: Instant) -> Progress {
    guard let number = pulse.stream, let stream = streams[number], !stream.outgoing.hasWork else { return .open }
    var piece = sq_bytes(base: Self.pulseByte, count: 1)
    var taken: Int64 = -1
    let result = sq_connection_write_stream(raw, &packet, number, &piece, 1, false, &taken, now.ticks)
    switch result {
    case SQ_MORE, SQ_BLOCKED: return .open
    case SQ_GONE:
      pulse.stream = nil
      return .open
    case SQ_OK: return .finished
    default: return .failed(result)
    }
  }

  /// A byte that stays in place, so that ngtcp2 may keep a pointer to it.
  private nonisolated(unsafe) static let pulseByte: UnsafePointer<UInt8> = {
    let byte = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
    byte.initialize(to: 0)
    return UnsafePointer(byte)
  }()

  private func writeStreams(_ packet: inout sq_packet, allowance: inout Int, at now: Instant) -> Progress {
    while allowance > 0, let stream = sendable.first {
      guard stream.outgoing.hasWork, !stream.isSendClosed else {
        dequeue(stream)
        continue
      }
      var taken: Int64 = -1
      var end = false
      let queue = stream.outgoing
      let result = withUnsafeTemporaryAllocation(of: SendPiece.self, capacity: 8) { pieces in
        queue.withPieces(limit: allowance, into: pieces) { count, isEnd in
          end = isEnd
          return sq_connection_write_stream(raw, &packet, stream.number, pieces.baseAddress, count, isEnd, &taken, now.ticks)
        }
      }
      if taken >= 0 { took(Int(taken), end: end, on: stream, allowance: &allowance) }
      switch result {
      case SQ_MORE: continue
      case SQ_OK: return .finished
      case SQ_BLOCKED:
        stream.isBlocked = true
        dequeue(stream)
      case SQ_GONE:
        stream.isSendClosed = true
        stream.outgoing.giveUp()
        dequeue(stream)
        if case .bidirectional = stream.kind { inbox.append(.streamStopped(QUICStreamID(connection: id, number: stream.number))) }
      default: return .failed(result)
      }
    }
    return .open
  }

  private func took(_ count: Int, end offered: Bool, on stream: QUICStream, allowance: inout Int) {
    guard !stream.isClosed else { return dequeue(stream) }
    // The end was sent with the bytes only if all of them were.
    let end = offered && count == stream.outgoing.unsent
    stream.outgoing.sent(count, end: end)
    if stream.number != pulse.stream {
      streamBytesInFlight += count
      allowance -= count
    }
    if stream.owesWritable, stream.outgoing.unsent <= endpoint.configuration.streamSendBuffer / 2 {
      stream.owesWritable = false
      inbox.append(.streamWritable(QUICStreamID(connection: id, number: stream.number)))
    }
    dequeue(stream)
    // To the end of the queue: it is the turn of the other streams.
    queueForSending(stream)
  }

  private func dequeue(_ stream: QUICStream) {
    guard stream.isQueued, let index = sendable.firstIndex(where: { $0 === stream }) else { return }
    stream.isQueued = false
    sendable.remove(at: index)
  }
}
