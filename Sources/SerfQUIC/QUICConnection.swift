internal import CNgtcp2
internal import SerfIdentity
internal import SerfPrimitives

/// One connection: the C object, its streams and its datagrams. Used by its endpoint only, which owns it.
///
/// ```
///  handshaking ──→ established ──→ confirmed ──→ closing  (we ended it: CONNECTION_CLOSE is repeated on demand, 3 PTO)
///       │               │              ├───────→ draining (the peer ended it: silence, 3 PTO)
///       │               └──→ rejected ─┘          (a client met the wrong name: it waits to say so in a packet that the peer can read)
///       └──→ closing / draining / gone
/// ```
/// All that C may call back into, or keep a pointer to, is behind its own pointer or in this class: no `inout` access is ever open across a call into
/// C.
final class QUICConnection {
  enum Phase: Equatable {
    case handshaking
    case established
    case confirmed
    /// The peer is a member, but not the one that was meant, or it is ourselves.
    case rejected
    case closing
    case draining
    case gone
  }

  let id: ConnectionID
  let role: QUICRole
  let expectation: DialExpectation?
  /// Kept because the session has pointers into it.
  let credentials: Credentials
  unowned let endpoint: QUICEndpoint
  let inbox: Inbox
  let gate: HandshakeGate

  var phase = Phase.handshaking
  /// The C object; nil once the connection is over.
  var raw: OpaquePointer?
  var remote: NodeAddress
  var identity: PeerIdentity?
  var refusal: VerificationFailure?
  /// When something last arrived that only the peer can have sent.
  var lastHeard: Instant
  /// Whether anything arrived for the connection at all, for example a Retry.
  var isAnswered = false
  let startedAt: Instant

  /// IDs and tokens that lead to this connection. They are withdrawn with it.
  var cids: [CIDKey] = []
  var tokens: [TokenKey] = []
  /// The ID that the client first chose for us, until the handshake is confirmed.
  var initialCID: CIDKey?

  var datagrams = DatagramQueue()
  /// The credit that the peer gets back for streams that we refused.
  var ignored: IgnoredCredit
  var streams: [Int64: QUICStream] = [:]
  /// Streams with something to send, in the order of their turns.
  var sendable: [QUICStream] = []
  var streamBytesInFlight = 0
  var pulse = Pulse()
  /// A stream could not be opened because the peer allowed no more.
  var wantsStreams = false
  var hasPeerHello = false
  var isConfirmedByPeer = false
  var wasReset = false
  // What callbacks leave to be done after the call into C: streams of the peer that ended, credit for bytes that the application does not consume,
  // streams that we refuse.
  var returnedStreams = (bidirectional: 0, unidirectional: 0)
  var owedCredit = 0
  var owedStreamCredit: [Int64] = []
  var unwanted: [Int64] = []
  /// Ended unidirectional streams that ngtcp2 still holds.
  var leakedStreams = 0

  /// When ngtcp2 was last told that its time had come.
  private var expiryHandledAt: Instant?
  /// Its packets in the endpoint's handshake queue.
  var waitingPackets = 0
  var isDirty = false
  /// Its place in the endpoint's timers; -1: none.
  var timerIndex = -1
  var timerDeadline = Instant.distantFuture

  /// While closing: the packet, how long to repeat it, and how many packets have arrived since.
  var closePacket: [UInt8] = []
  var closeDestination: NodeAddress?
  var closeUntil = Instant.distantFuture
  var packetsSinceClose = 0

  init(
    id: ConnectionID, role: QUICRole, expectation: DialExpectation?, credentials: Credentials, remote: NodeAddress, endpoint: QUICEndpoint,
    at now: Instant
  ) {
    self.id = id
    self.role = role
    self.expectation = expectation
    self.credentials = credentials
    self.remote = remote
    self.endpoint = endpoint
    inbox = endpoint.inbox
    gate = HandshakeGate(role: role, messageLimit: endpoint.configuration.handshakeMessageLimit)
    ignored = IgnoredCredit(endpoint.configuration, at: now)
    lastHeard = now
    startedAt = now
  }

  deinit {
    sq_connection_free(raw)
    for entry in datagrams.waiting + datagrams.unacknowledged { entry.bytes.deallocate() }
  }

  /// Whether application data may be sent: never before we have verified the peer.
  var isUsable: Bool { phase == .established || phase == .confirmed }

  // MARK: Inputs

  func receive(_ datagram: UnsafeRawBufferPointer, from address: NodeAddress, ecn: UInt8, at now: Instant) {
    switch phase {
    case .draining, .gone: return
    case .closing: return repeatClose()
    case .handshaking, .established, .confirmed, .rejected: break
    }
    endpoint.callbackTime = now
    isAnswered = true
    let base = datagram.baseAddress?.assumingMemoryBound(to: UInt8.self)
    handle(sq_connection_receive(raw, address.raw, ecn, base, datagram.count, now.ticks), at: now)
  }

  func advance(to now: Instant) {
    switch phase {
    case .gone: return
    case .closing, .draining:
      if now >= closeUntil { endpoint.forget(self) }
      return
    case .handshaking, .established, .confirmed, .rejected: break
    }
    if phase == .rejected, now >= rejectionEnd { return closeRejected(at: now) }
    for expired in datagrams.removeExpired(at: now) { notSent(expired) }
    datagrams.forget(before: now - endpoint.configuration.unacknowledgedAge, buffers: endpoint.buffers)
    returnIgnored(at: now)
    guard let expiry = Instant(ticks: sq_connection_expiry(raw)), expiry <= now else { return endpoint.markDirty(self) }
    endpoint.callbackTime = now
    expiryHandledAt = now
    handle(sq_connection_handle_expiry(raw, now.ticks), at: now)
  }

  /// The earliest time at which something is due.
  var deadline: Instant {
    switch phase {
    case .gone: return .distantFuture
    case .closing, .draining: return closeUntil
    case .handshaking, .established, .confirmed, .rejected:
      var expiry = Instant(ticks: sq_connection_expiry(raw)) ?? .distantFuture
      // If a retired connection ID expires exactly now, ngtcp2 0.12 keeps it and gives the same time again, for ever if time stands still.
      if let expiryHandledAt { expiry = max(expiry, expiryHandledAt + .nanoseconds(1)) }
      let own = min(expiry, datagrams.nextDeadline, ignored.nextReturn)
      return phase == .rejected ? min(own, rejectionEnd) : own
    }
  }

  /// The time by which a peer that is not the one we meant has to confirm the handshake. A peer that never does would keep a connection that our user
  /// does not know about.
  private var rejectionEnd: Instant { startedAt + endpoint.configuration.handshakeTimeout }

  private func closeRejected(at now: Instant) { close(role == .client ? .wrongName : .nameInUse, at: now) }

  // MARK: Results

  /// Handles the result of a call into C, and what the callbacks left to do.
  func handle(_ result: sq_result, at now: Instant) {
    switch result {
    case SQ_OK, SQ_MORE, SQ_BLOCKED, SQ_GONE, SQ_REFUSED:
      settle(at: now)
    case SQ_DRAINING:
      end(peerEnd(), at: now, quiet: true)
    case SQ_IDLE: abandon(.idle)
    case SQ_HANDSHAKE_TIMEOUT: abandon(.handshakeTimeout)
    case SQ_NO_COMMON_VERSION: abandon(.noCommonVersion)
    case SQ_DROP, SQ_RETRY: abandon(.error(sq_connection_error_code(raw)))
    default: end(ourEnd(sq_connection_error_code(raw)), at: now, quiet: false)
    }
  }

  /// After a successful call into C: gives back the credit that callbacks could not, and lets the connection write.
  private func settle(at now: Instant) {
    if phase == .established || phase == .confirmed { sendHello() }
    for number in owedStreamCredit {
      guard let stream = streams[number] else { continue }
      if !stream.isClosed, !stream.isReceiveClosed { sq_connection_return_stream_credit(raw, number, UInt64(stream.unconsumed)) }
      stream.unconsumed = 0
      if stream.isClosed { streams[number] = nil }
    }
    owedStreamCredit.removeAll(keepingCapacity: true)
    if owedCredit > 0 { sq_connection_return_credit(raw, UInt64(owedCredit)) }
    owedCredit = 0
    while returnedStreams.bidirectional > 0 {
      returnedStreams.bidirectional -= 1
      sq_connection_return_stream(raw, false)
    }
    while returnedStreams.unidirectional > 0 {
      returnedStreams.unidirectional -= 1
      sq_connection_return_stream(raw, true)
    }
    returnIgnored(at: now)
    for number in unwanted {
      sq_connection_stop_stream(raw, number, UInt64(CloseReason.protocolViolation.rawValue))
      if sq_stream_is_bidirectional(number) { sq_connection_reset_stream(raw, number, UInt64(CloseReason.protocolViolation.rawValue)) }
    }
    unwanted.removeAll(keepingCapacity: true)
    if phase == .rejected, isConfirmedByPeer { return closeRejected(at: now) }
    if leakedStreams > endpoint.configuration.unidirectionalStreamTotal { return close(.replaced, at: now) }
    endpoint.markDirty(self)
  }

  /// Gives the peer new credit, as slowly as ``IgnoredCredit`` says, for what it sent on streams that we refused.
  private func returnIgnored(at now: Instant) {
    let (bytes, bidirectional, unidirectional) = ignored.take(at: now)
    if bytes > 0 { sq_connection_return_credit(raw, UInt64(bytes)) }
    for _ in 0..<bidirectional { sq_connection_return_stream(raw, false) }
    for _ in 0..<unidirectional { sq_connection_return_stream(raw, true) }
    if bytes + bidirectional + unidirectional > 0 { endpoint.markDirty(self) }
  }

  /// The meaning of an error that we found.
  private func ourEnd(_ code: UInt64) -> QUICEnd {
    if let refusal { return .peerNotAuthorised(refusal) }
    return .error(code)
  }

  private func peerEnd() -> QUICEnd {
    if wasReset { return .reset }
    let close = sq_connection_peer_close(raw)
    switch close.kind {
    case UInt8(SQ_CLOSE_APPLICATION.rawValue):
      return .closedByPeer(UInt8(exactly: close.code).flatMap(CloseReason.init(rawValue:)) ?? .none)
    case UInt8(SQ_CLOSE_TRANSPORT.rawValue):
      if close.code == UInt64(SQ_ERROR_REFUSED) { return .refusedByPeer }
      // Before the handshake is over, an application's close is sent as APPLICATION_ERROR (RFC 9000, 10.2.3): the peer gave up its dial.
      if close.code == 0 || close.code == UInt64(SQ_ERROR_APPLICATION) { return .closedByPeer(.none) }
      if let alert = UInt8(exactly: Int64(clamping: close.code) - Int64(SQ_ERROR_CRYPTO)),
        VerificationFailure.meaning(ofTLSAlert: alert) != nil
      {
        return .refusedOurCertificate(alert: alert)
      }
      return .errorAtPeer(close.code)
    default: return .errorAtPeer(close.code)
    }
  }

  // MARK: Ending

  /// Ends the connection with our code.
  func close(_ reason: CloseReason, because end: QUICEnd? = nil, at now: Instant) {
    switch phase {
    case .closing, .draining, .gone: return
    case .handshaking, .established, .confirmed, .rejected: break
    }
    writeClose(application: reason, at: now)
    finish(phase == .rejected ? nil : end ?? .closed(reason), lingering: true, at: now)
  }

  /// The peer or an error ended it. `quiet`: the peer knows already.
  private func end(_ end: QUICEnd, at now: Instant, quiet: Bool) {
    if !quiet { writeClose(application: nil, at: now) }
    finish(phase == .rejected ? nil : end, lingering: true, at: now)
    if quiet { phase = .draining }
  }

  /// Ends the connection without telling the peer.
  private func abandon(_ end: QUICEnd) {
    finish(phase == .rejected ? nil : end, lingering: false, at: lastHeard)
  }

  /// Ends a client's handshake to make room for another. The client is told only if its address is proven: little may be sent to an address that
  /// another host may have invented.
  func makeRoom(telling isProven: Bool, at now: Instant) {
    guard phase == .handshaking else { return }
    if isProven { writeClose(transport: UInt64(SQ_ERROR_REFUSED), at: now) }
    finish(.closed(.overloaded), lingering: false, at: now)
  }

  /// A client's handshake took too long.
  func giveUpHandshake() {
    if phase == .handshaking { abandon(.handshakeTimeout) }
  }

  /// The peer's stateless reset came in a packet that belongs to no connection.
  func resetReceived(at now: Instant) {
    switch phase {
    case .closing, .draining, .gone: return
    case .handshaking, .established, .confirmed, .rejected: finish(.reset, lingering: false, at: now)
    }
  }

  /// What we sent to the address arrived here. False where that cannot be so, because the connection is not a dial that waits for an answer.
  func reachedOurselves(at now: Instant) -> Bool {
    guard role == .client, phase == .handshaking else { return false }
    finish(.ourselves, lingering: false, at: now)
    return true
  }

  private func writeClose(application reason: CloseReason? = nil, transport code: UInt64 = 0, at now: Instant) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1500) { buffer in
      var packet = sq_packet()
      packet.base = buffer.baseAddress
      packet.capacity = buffer.count
      let result = sq_connection_write_close(raw, &packet, reason != nil, reason.map { UInt64($0.rawValue) } ?? code, now.ticks)
      guard result == SQ_OK, packet.count > 0 else { return }
      closePacket = Array(buffer[..<packet.count])
      closeDestination = NodeAddress(packet.remote)
    }
    repeatClose()
  }

  /// The close packet may have been lost: it is sent again for the first, second, fourth, eighth … packet that arrives.
  private func repeatClose() {
    guard let closeDestination, !closePacket.isEmpty else { return }
    packetsSinceClose += 1
    if packetsSinceClose & (packetsSinceClose - 1) == 0 { endpoint.sendAlone(closePacket, to: closeDestination) }
  }

  private func finish(_ end: QUICEnd?, lingering: Bool, at now: Instant) {
    closeUntil = now + .nanoseconds(Int64(clamping: 3 * sq_connection_pto(raw)))
    let wasHandshaking = phase == .handshaking
    phase = lingering ? .closing : .gone
    endpoint.connectionEnded(self, end, wasHandshaking: wasHandshaking)
    sq_connection_free(raw)
    raw = nil
    streams = [:]
    sendable = []
    if lingering { endpoint.schedule(self) } else { endpoint.forget(self) }
  }

  func notSent(_ entry: DatagramQueue.Entry) {
    endpoint.buffers.give(entry.bytes)
    endpoint.counters.packetsNotSent += 1
    if let id = entry.id { inbox.append(.packetNotSent(id)) }
  }
}

/// The unidirectional stream that carries our hello and then a byte with every datagram.
struct Pulse {
  var stream: Int64?
  /// Opened once per connection, even if the peer then refuses it.
  var wasOpened = false
}
