internal import CNgtcp2
package import SerfPrimitives

/// Sorting what arrives, in the order of `secure-transport.md` 3.1: length and version, allowed sources, known connections, budgets, Retry, and
/// only then TLS.
extension QUICEndpoint {
  /// The shortest packet that anything can be made of: a stateless reset (RFC 9000, 10.3).
  private static let shortestPacket = 21
  /// A client's first datagram is at least so long (RFC 9000, 14.1), and only one so long gets an answer without a connection.
  private static let shortestInitial = 1200
  /// A stateless reset is shorter than what it answers, so that two endpoints never answer each other for ever; from this length on there is room.
  private static let shortestForReset = 43
  /// How many packets of one connection wait in the handshake queue: more than a flight with the longest chain.
  private static let waitingPackets = 32

  /// One datagram. `ecn` is the two bits of the IP header.
  package func receive(_ datagram: RawSpan, from source: NodeAddress, ecn: UInt8, at now: Instant) {
    beginInput(at: now)
    counters.datagramsReceived += 1
    guard datagram.byteCount >= Self.shortestPacket else { return counters.tooShort += 1 }
    let source = source.canonical
    datagram.withUnsafeBytes { bytes in
      var header = sq_header()
      sq_header_decode(&header, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
      switch sq_header_kind(UInt32(header.kind)) {
      case SQ_HEADER_SHORT: receiveShort(bytes, header, from: source, ecn: ecn, at: now)
      case SQ_HEADER_LONG: receiveLong(bytes, header, from: source, ecn: ecn, at: now)
      case SQ_HEADER_UNSUPPORTED_VERSION: answerVersion(bytes, header, to: source, at: now)
      default: counters.unreadable += 1
      }
    }
  }

  private func receiveShort(_ bytes: UnsafeRawBufferPointer, _ header: sq_header, from source: NodeAddress, ecn: UInt8, at now: Instant) {
    if let connection = routes[CIDKey(header.destination)] {
      connection.receive(bytes, from: source, ecn: ecn, at: now)
      return schedule(connection)
    }
    // A stateless reset has a random ID; only its last 16 bytes say whose it is.
    let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    if let connection = tokens[TokenKey(sq_token_at_end(base, bytes.count))] {
      return connection.resetReceived(at: now)
    }
    counters.unroutable += 1
    guard bytes.count >= Self.shortestForReset, mayReply(at: now) else { return }
    reply(to: source, limit: min(bytes.count - 1, Self.shortestForReset)) { base, capacity in
      sq_reset_write(base, capacity, resetSecret.pointer, header.destination)
    }
    counters.resetsSent += 1
  }

  private func answerVersion(_ bytes: UnsafeRawBufferPointer, _ header: sq_header, to source: NodeAddress, at now: Instant) {
    guard bytes.count >= Self.shortestInitial, mayReply(at: now) else { return counters.unreadable += 1 }
    counters.versionNegotiations += 1
    var header = header
    reply(to: source) { sq_version_negotiation_write($0, $1, &header) }
  }

  /// Packets of handshakes wait for their turn; what belongs to none has to be worth one.
  private func receiveLong(_ bytes: UnsafeRawBufferPointer, _ header: sq_header, from source: NodeAddress, ecn: UInt8, at now: Instant) {
    guard handshakeQueue.count < configuration.handshakeQueueLimit else { return counters.handshakeQueueOverflows += 1 }
    let known = routes[CIDKey(header.destination)]
    if let known {
      // Whoever has heard of one connection's ID must not fill the queue for all.
      guard known.waitingPackets < Self.waitingPackets else { return counters.handshakeQueueOverflows += 1 }
      known.waitingPackets += 1
    } else {
      // Those of strangers get half of the room, so that they cannot keep out what is under way.
      guard handshakeQueue.strangers < configuration.handshakeQueueLimit / 2 else { return counters.handshakeQueueOverflows += 1 }
      guard isWelcome(bytes, from: source, at: now) else { return }
    }
    handshakeQueue.append(bytes, destination: CIDKey(header.destination), source: source, ecn: ecn, isStranger: known == nil)
  }

  private func isWelcome(_ bytes: UnsafeRawBufferPointer, from source: NodeAddress, at now: Instant) -> Bool {
    let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    var initial = sq_initial()
    guard bytes.count >= Self.shortestInitial, sq_initial_decode(&initial, base, bytes.count) else {
      counters.unroutable += 1
      return false
    }
    var hasToken = false
    if initial.token_is_retry {
      hasToken = sq_retry_token_verify(&initial, retrySecret.pointer, source.raw, now.ticks)
      guard hasToken else {
        counters.invalidTokens += 1
        if mayReply(at: now) { reply(to: source) { sq_refusal_write($0, $1, &initial, UInt64(SQ_ERROR_INVALID_TOKEN)) } }
        return false
      }
    }
    let open = halfOpen + handshakeQueue.strangers
    switch budget.judge(source, hasToken: hasToken, halfOpen: connections.count < configuration.connectionLimit ? open : .max, at: now) {
    case .accept: return true
    case .retry:
      guard mayReply(at: now) else { return false }
      counters.retries += 1
      reply(to: source) { sq_retry_write($0, $1, &initial, retrySecret.pointer, source.raw, now.ticks) }
    case .refuse:
      counters.refusedForLoad += 1
      guard mayReply(at: now) else { return false }
      reply(to: source) { sq_refusal_write($0, $1, &initial, UInt64(SQ_ERROR_REFUSED)) }
    }
    return false
  }

  /// A handshake packet's turn.
  func takeUp(_ packet: HandshakeQueue.Packet, at now: Instant) {
    packet.bytes.withUnsafeBytes { bytes in
      if let connection = routes[packet.destination] {
        if !packet.isStranger { connection.waitingPackets -= 1 }
        connection.receive(bytes, from: packet.source, ecn: packet.ecn, at: now)
        return schedule(connection)
      }
      guard packet.isStranger else { return counters.unroutable += 1 }
      accept(bytes, from: packet.source, ecn: packet.ecn, at: now)
    }
  }

  private func accept(_ bytes: UnsafeRawBufferPointer, from source: NodeAddress, ecn: UInt8, at now: Instant) {
    var initial = sq_initial()
    guard sq_initial_decode(&initial, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count) else { return }
    // Good when it was queued; here for what it says about the original ID.
    if initial.token_is_retry, !sq_retry_token_verify(&initial, retrySecret.pointer, source.raw, now.ticks) { return }
    let connection = makeConnection(.server, nil, source, at: now)
    var settings = cSettings(for: connection, at: now)
    connection.raw = sq_connection_accept(&settings, &initial)
    guard connection.raw != nil else { return forget(connection) }
    let chosen = CIDKey(initial.destination)
    if routes[chosen] == nil {
      register(chosen, for: connection)
      connection.initialCID = chosen
    }
    adopt(connection)
    connection.receive(bytes, from: source, ecn: ecn, at: now)
    schedule(connection)
  }

  // MARK: Answers without a connection

  private func mayReply(at now: Instant) -> Bool {
    if statelessReplies.take(at: now) { return true }
    counters.statelessRepliesWithheld += 1
    return false
  }

  private func reply(to source: NodeAddress, limit: Int = 1200, _ write: (UnsafeMutablePointer<UInt8>, Int) -> Int) {
    let packet = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      count = write(buffer.baseAddress!, limit)
    }
    if !packet.isEmpty { sendAlone(packet, to: source) }
  }
}

/// Long-header packets that wait for their turn: bounded, first come, first served.
struct HandshakeQueue {
  struct Packet {
    let bytes: [UInt8]
    let destination: CIDKey
    let source: NodeAddress
    let ecn: UInt8
    let isStranger: Bool
  }

  private var packets: [Packet] = []
  private var head = 0
  /// How many of them belong to no connection yet.
  private(set) var strangers = 0

  var count: Int { packets.count - head }
  var isEmpty: Bool { count == 0 }

  mutating func append(_ bytes: UnsafeRawBufferPointer, destination: CIDKey, source: NodeAddress, ecn: UInt8, isStranger: Bool) {
    packets.append(Packet(bytes: Array(bytes), destination: destination, source: source, ecn: ecn, isStranger: isStranger))
    if isStranger { strangers += 1 }
  }

  mutating func take() -> Packet? {
    guard head < packets.count else { return nil }
    let packet = packets[head]
    head += 1
    if head == packets.count || head > 256 {
      packets.removeFirst(head)
      head = 0
    }
    if packet.isStranger { strangers -= 1 }
    return packet
  }
}
