internal import CNgtcp2
internal import SerfIdentity
internal import SerfPrimitives

/// Commands on streams and datagrams.
extension QUICConnection {
  /// The largest packet that a datagram to this peer holds now: the path's payload minus at most 40 bytes for headers, tag and pulse.
  var datagramLimit: Int {
    guard isUsable else { return 0 }
    let path = Int(sq_connection_path_payload(raw)) - 40
    let peer = Int(clamping: sq_connection_peer_datagram_limit(raw)) - 3
    return max(0, min(path, peer))
  }

  func send(_ packet: RawSpan, id packetID: PacketID?, deadline: Instant, isMoved: Bool) -> Bool {
    // ngtcp2 aborts the process for an empty datagram.
    guard isUsable, packet.byteCount > 0 else { return false }
    if packet.byteCount > datagramLimit { return sendOversized(packet, id: packetID) }
    let limit = endpoint.configuration.datagramQueueLimit
    let oldest = datagrams.append(
      packet, id: packetID, deadline: deadline, isMoved: isMoved, limit: limit, buffers: endpoint.buffers)
    if let oldest { notSent(oldest) }
    endpoint.markDirty(self)
    return true
  }

  /// A packet that fits into no datagram is sent alone on a stream (`secure-transport.md` 2.9).
  private func sendOversized(_ packet: RawSpan, id packetID: PacketID?) -> Bool {
    // A peer that allows streams and then accepts no bytes on them must not make us keep them all.
    let unsent = streams.values.reduce(packet.byteCount) { sum, stream in
      if case .outgoing = stream.kind { sum + stream.outgoing.unsent } else { sum }
    }
    guard packet.byteCount <= endpoint.configuration.oversizedPacketLimit, unsent <= endpoint.configuration.oversizedBacklog,
      let stream = open(.outgoing)
    else { return false }
    stream.outgoing.append(SendChunk(copying: [IncomingUnidirectional.packetType]))
    stream.outgoing.append(SendChunk(copying: packet))
    stream.outgoing.finish()
    queueForSending(stream)
    return true
  }

  /// Opens a stream, unless the peer allows no more streams for now.
  func open(_ kind: QUICStream.Kind) -> QUICStream? {
    guard isUsable else { return nil }
    var number: Int64 = -1
    var isUnidirectional = true
    if case .bidirectional = kind { isUnidirectional = false }
    guard sq_connection_open_stream(raw, isUnidirectional, &number) == SQ_OK else {
      wantsStreams = wantsStreams || !isUnidirectional
      return nil
    }
    let stream = QUICStream(number: number, kind: kind)
    streams[number] = stream
    return stream
  }

  /// Our hello; pulses follow on the same stream.
  func sendHello() {
    guard !pulse.wasOpened, let stream = open(.outgoing) else { return }
    pulse = Pulse(stream: stream.number, wasOpened: true)
    stream.outgoing.append(SendChunk(copying: [IncomingUnidirectional.helloType] + endpoint.configuration.hello))
    queueForSending(stream)
  }

  func write(_ chunk: SendChunk, on number: Int64, finish: Bool) -> Bool {
    guard let stream = streams[number], !stream.isSendClosed, !stream.outgoing.isFinished else { return false }
    stream.outgoing.append(chunk)
    if finish { stream.outgoing.finish() }
    if stream.outgoing.unsent > endpoint.configuration.streamSendBuffer { stream.owesWritable = true }
    queueForSending(stream)
    return true
  }

  func finish(_ number: Int64) -> Bool {
    guard let stream = streams[number], !stream.isSendClosed else { return false }
    stream.outgoing.finish()
    queueForSending(stream)
    return true
  }

  /// Gives up both directions.
  func reset(_ number: Int64, code: CloseReason) {
    guard let stream = streams[number] else { return }
    stream.isSendClosed = true
    stream.outgoing.giveUp()
    if !stream.isReceiveClosed, case .bidirectional = stream.kind { stream.isRefused = true }
    if !stream.isClosed {
      sq_connection_reset_stream(raw, number, UInt64(code.rawValue))
      sq_connection_stop_stream(raw, number, UInt64(code.rawValue))
    }
    if stream.isRefused {
      ignored.add(bytes: stream.unconsumed)
      stream.unconsumed = 0
      if stream.isClosed { streams[number] = nil }
      endpoint.schedule(self)
    } else {
      consumed(stream.unconsumed, on: number)
    }
    endpoint.markDirty(self)
  }

  /// The application took `count` bytes: the peer may send as many more.
  func consumed(_ count: Int, on number: Int64) {
    guard let stream = streams[number] else { return }
    let count = min(count, stream.unconsumed)
    guard count > 0 else { return }
    stream.unconsumed -= count
    if !stream.isClosed, !stream.isReceiveClosed { sq_connection_return_stream_credit(raw, number, UInt64(count)) }
    sq_connection_return_credit(raw, UInt64(count))
    if stream.isClosed, stream.unconsumed == 0 { streams[number] = nil }
    endpoint.markDirty(self)
  }

  /// Credit for bytes that the application does not consume: noted in a callback, given back after it.
  func returnLater(_ count: Int, on stream: QUICStream?) {
    owedCredit += count
    guard let stream, !stream.isReceiveClosed else { return }
    if stream.unconsumed == 0 { owedStreamCredit.append(stream.number) }
    stream.unconsumed += count
  }

  func queueForSending(_ stream: QUICStream) {
    guard !stream.isQueued, !stream.isBlocked, !stream.isSendClosed, stream.outgoing.hasWork else { return }
    stream.isQueued = true
    sendable.append(stream)
    endpoint.markDirty(self)
  }
}
