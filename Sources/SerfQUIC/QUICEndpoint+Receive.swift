internal import CNgtcp2
internal import SerfIdentity
package import SerfPrimitives

/// Sorts what arrives, in the order of `secure-transport.md` 3.1: length and version, allowed sources, known connections, budgets, Retry, and only
/// then TLS.
extension QUICEndpoint {
  /// The shortest packet that can mean anything: a stateless reset (RFC 9000, 10.3).
  private static let shortestPacket = 21
  /// A client's first datagram is at least this long (RFC 9000, 14.1). Without a connection, only a datagram of this length gets an answer.
  private static let shortestInitial = 1200
  /// A stateless reset is shorter than what it answers, so that two endpoints never answer each other for ever. From this length on a reset fits.
  private static let shortestForReset = 43
  /// How many packets of one connection wait in the handshake queue: more than one flight with the longest chain.
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
    // A stateless reset has a random ID; only its last 16 bytes say which connection it is for.
    let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    if let connection = tokens[TokenKey(sq_token_at_end(base, bytes.count))] {
      return connection.resetReceived(at: now)
    }
    counters.unroutable += 1
    guard bytes.count >= Self.shortestForReset, mayReply(&statelessReplies, at: now) else { return }
    reply(to: source, limit: min(bytes.count - 1, Self.shortestForReset)) { base, capacity in
      sq_reset_write(base, capacity, resetSecret.pointer, header.destination)
    }
    counters.resetsSent += 1
  }

  private func answerVersion(_ bytes: UnsafeRawBufferPointer, _ header: sq_header, to source: NodeAddress, at now: Instant) {
    guard bytes.count >= Self.shortestInitial, mayReply(&statelessReplies, at: now) else { return counters.unreadable += 1 }
    counters.versionNegotiations += 1
    var header = header
    reply(to: source) { sq_version_negotiation_write($0, $1, &header) }
  }

  /// Packets of handshakes wait for their turn. A packet of no connection must be one that may begin a handshake.
  private func receiveLong(_ bytes: UnsafeRawBufferPointer, _ header: sq_header, from source: NodeAddress, ecn: UInt8, at now: Instant) {
    let destination = CIDKey(header.destination)
    guard let known = routes[destination] else { return receiveFirst(bytes, to: destination, from: source, ecn: ecn, at: now) }
    // A host that knows one connection's ID must not fill the queue for all.
    guard known.waitingPackets < Self.waitingPackets,
      handshakeQueue.append(.init(bytes: Array(bytes), destination: destination, source: source, ecn: ecn))
    else { return counters.handshakeQueueOverflows += 1 }
    known.waitingPackets += 1
    handshakes.queued(known.id)
  }

  /// A packet that may be the first one of a client.
  private func receiveFirst(_ bytes: UnsafeRawBufferPointer, to destination: CIDKey, from source: NodeAddress, ecn: UInt8, at now: Instant)
  {
    let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    var initial = sq_initial()
    guard bytes.count >= Self.shortestInitial, sq_initial_decode(&initial, base, bytes.count) else { return counters.unroutable += 1 }
    if let own = routes[CIDKey(initial.source)] {
      // The ID that its sender chose is one of ours: our own dial, to an address that leads to us.
      if !own.reachedOurselves(at: now) { counters.unroutable += 1 }
      return
    }
    var isProven = false
    if initial.token_is_retry {
      isProven = sq_retry_token_verify(&initial, retrySecret.pointer, source.raw, now.ticks)
      guard isProven else {
        counters.invalidTokens += 1
        return refuse(&initial, UInt64(SQ_ERROR_INVALID_TOKEN), to: source, at: now)
      }
    }
    let hasRoom = connections.count < configuration.connectionLimit
    if !isProven, !hasRoom || needsRetry(source, at: now) {
      guard mayReply(&retries, at: now) else { return }
      counters.retries += 1
      return reply(to: source) { sq_retry_write($0, $1, &initial, retrySecret.pointer, source.raw, now.ticks) }
    }
    guard hasRoom else {
      counters.refusedForLoad += 1
      return refuse(&initial, UInt64(SQ_ERROR_REFUSED), to: source, at: now)
    }
    let packet = HandshakeQueue.Packet(bytes: Array(bytes), destination: destination, source: source, ecn: ecn)
    let stranger = HandshakeQueue.Stranger(packet: packet, isProven: isProven, arrivedAt: now)
    if !handshakeQueue.append(stranger, admissionAt: admissionTime(for: source, at: now)) { counters.handshakeQueueOverflows += 1 }
  }

  private func needsRetry(_ source: NodeAddress, at now: Instant) -> Bool {
    let load = HandshakeBudget.Load(
      all: handshakes.count + handshakeQueue.strangerCount,
      network: handshakes.tally.ofNetwork(source) + handshakeQueue.tally.ofNetwork(source),
      host: handshakes.tally.ofHost(source) + handshakeQueue.tally.ofHost(source))
    return budget.needsRetry(
      source, load: load, unproven: handshakes.unproven(from: source) + handshakeQueue.unproven(from: source), at: now)
  }

  /// When a place for a client at this address should be free; at the latest when its packet has waited for too long.
  private func admissionTime(for source: NodeAddress, at now: Instant) -> Instant {
    guard case .none(let time) = handshakes.place(for: source, at: now) else { return now }
    return min(time, waitingEnd(of: now))
  }

  /// When a packet that came at `arrival` is dropped.
  private func waitingEnd(of arrival: Instant) -> Instant { arrival + configuration.crowdedHandshakeTimeout + .nanoseconds(1) }

  // MARK: A handshake packet's turn

  /// Handles a few packets per turn. The last of them is a stranger's, if a place is free for one, so that handshakes in progress cannot keep out new
  /// ones.
  func takeUpHandshakes(at now: Instant) {
    for step in 1...max(1, configuration.handshakeStepsPerTurn) {
      let strangersFirst = step == configuration.handshakeStepsPerTurn
      if strangersFirst, admitStranger(at: now) { continue }
      if let packet = handshakeQueue.take() {
        takeUp(packet, at: now)
      } else if strangersFirst || !admitStranger(at: now) {
        return
      }
    }
  }

  private func takeUp(_ packet: HandshakeQueue.Packet, at now: Instant) {
    guard let connection = routes[packet.destination] else { return counters.unroutable += 1 }
    connection.waitingPackets = max(0, connection.waitingPackets - 1)
    deliver(packet, to: connection, at: now)
  }

  private func deliver(_ packet: HandshakeQueue.Packet, to connection: QUICConnection, at now: Instant) {
    handshakes.heard(connection.id, at: now)
    packet.bytes.withUnsafeBytes { connection.receive($0, from: packet.source, ecn: packet.ecn, at: now) }
    schedule(connection)
  }

  /// Begins the handshake of the stranger whose turn it is: strangers that proved their address come first, then those whose network and address have
  /// the fewest handshakes in progress. False when there is no stranger or no place.
  private func admitStranger(at now: Instant) -> Bool {
    guard handshakeQueue.nextAdmission <= now else { return false }
    let forgotten = handshakeQueue.removeStrangers(before: now - configuration.crowdedHandshakeTimeout)
    counters.handshakeQueueOverflows += UInt64(forgotten)
    let next = budget.all.nextTake(after: now)
    guard next <= now else {
      handshakeQueue.wait(until: next)
      return false
    }
    var placeAt = Instant.distantFuture
    let stranger = handshakeQueue.takeStranger { stranger in
      // This stranger has a connection already, and has sent its first packet again.
      if routes[stranger.packet.destination] != nil { return (-1, 0, 0) }
      let source = stranger.packet.source
      if case .none(let time) = handshakes.place(for: source, at: now) {
        placeAt = min(placeAt, time)
        return nil
      }
      return (stranger.isProven ? 0 : 1, handshakes.tally.ofNetwork(source), handshakes.tally.ofHost(source))
    }
    guard let stranger else {
      handshakeQueue.wait(until: min(placeAt, handshakeQueue.oldestStranger.map(waitingEnd) ?? .distantFuture))
      return false
    }
    if let connection = routes[stranger.packet.destination] {
      deliver(stranger.packet, to: connection, at: now)
    } else {
      if case .heldBy(let id) = handshakes.place(for: stranger.packet.source, at: now) { displace(id, at: now) }
      accept(stranger, at: now)
    }
    return true
  }

  /// Ends an unfinished handshake to make room. Its client is told only if it proved that the address is its own.
  private func displace(_ id: ConnectionID, at now: Instant) {
    counters.handshakesDisplaced += 1
    let isProven = handshakes.end(id) ?? false
    connections[id]?.makeRoom(telling: isProven, at: now)
  }

  private func accept(_ stranger: HandshakeQueue.Stranger, at now: Instant) {
    let packet = stranger.packet
    packet.bytes.withUnsafeBytes { bytes in
      var initial = sq_initial()
      guard sq_initial_decode(&initial, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count) else { return }
      // The token was valid when it was queued; it is read again for the original ID.
      if initial.token_is_retry, !sq_retry_token_verify(&initial, retrySecret.pointer, packet.source.raw, now.ticks) { return }
      guard connections.count < configuration.connectionLimit, budget.all.take(at: now) else { return }
      let connection = makeConnection(.server, nil, packet.source, at: now)
      var settings = cSettings(for: connection, at: now)
      connection.raw = sq_connection_accept(&settings, &initial)
      guard connection.raw != nil else { return forget(connection) }
      let chosen = CIDKey(initial.destination)
      if routes[chosen] == nil {
        register(chosen, for: connection)
        connection.initialCID = chosen
      }
      adopt(connection)
      handshakes.begin(connection.id, from: packet.source, isProven: stranger.isProven, at: now)
      connection.receive(bytes, from: packet.source, ecn: packet.ecn, at: now)
      schedule(connection)
    }
  }

  // MARK: The time of handshakes

  /// When the time of the oldest handshake is over, while many are in progress.
  var crowdedEnd: Instant {
    guard handshakes.count > configuration.retryThreshold, let oldest = handshakes.oldest else { return .distantFuture }
    return oldest.startedAt + configuration.crowdedHandshakeTimeout
  }

  /// While many are in progress, a handshake gets less time than ngtcp2 gives it.
  func endLateHandshakes(at now: Instant) {
    while crowdedEnd <= now, let id = handshakes.oldest?.id {
      handshakes.end(id)
      handshakeQueue.look(at: now)
      connections[id]?.giveUpHandshake()
    }
  }

  // MARK: Answers without a connection

  private func mayReply(_ budget: inout RateLimit, at now: Instant) -> Bool {
    if budget.take(at: now) { return true }
    counters.statelessRepliesWithheld += 1
    return false
  }

  private func refuse(_ initial: inout sq_initial, _ code: UInt64, to source: NodeAddress, at now: Instant) {
    guard mayReply(&statelessReplies, at: now) else { return }
    reply(to: source) { sq_refusal_write($0, $1, &initial, code) }
  }

  private func reply(to source: NodeAddress, limit: Int = 1200, _ write: (UnsafeMutablePointer<UInt8>, Int) -> Int) {
    let packet = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      count = write(buffer.baseAddress!, limit)
    }
    if !packet.isEmpty { sendAlone(packet, to: source) }
  }
}
