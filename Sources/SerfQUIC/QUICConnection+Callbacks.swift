internal import CNgtcp2
internal import SerfIdentity
internal import SerfPrimitives

/// What ngtcp2 calls, in a table of functions that find the connection by their context. They copy bytes, note what happened and return. Anything
/// that needs another call into the connection waits until the current call has returned.
extension QUICConnection {
  nonisolated(unsafe) static let callbacks: UnsafePointer<sq_callbacks> = {
    let table = UnsafeMutablePointer<sq_callbacks>.allocate(capacity: 1)
    table.initialize(
      to: sq_callbacks(
        handshake: { at($0).handshakeReceived(UnsafeRawBufferPointer(start: $2, count: $3), at: $1) },
        verify: { at($0).verifyPeer(session: $1!) },
        handshake_completed: { at($0).handshakeCompleted() },
        handshake_confirmed: { at($0).handshakeConfirmed() },
        datagram: { at($0).datagramReceived(UnsafeRawBufferPointer(start: $1, count: $2)) },
        datagram_acked: { at($0).datagramAcknowledged($1) },
        stream_opened: { at($0).streamOpened($1) },
        stream_data: { at($0).streamReceived($1, UnsafeRawBufferPointer(start: $2, count: $3), end: $4) },
        stream_acked: { at($0).streamAcknowledged($1, Int(clamping: $2)) },
        stream_reset: { at($0).streamReset($1, code: $2) },
        stream_unblocked: { at($0).streamUnblocked($1) },
        stream_closed: { at($0).streamClosed($1) },
        streams_allowed: { at($0).streamsAllowed() },
        cid_issued: { at($0).connectionIDIssued(CIDKey($1)) },
        cid_retired: { at($0).connectionIDRetired(CIDKey($1)) },
        token_changed: { at($0).tokenChanged(TokenKey($1), isActive: $2) },
        path_validated: { at($0).pathValidated(NodeAddress($1), success: $2) },
        reset_received: { at($0).wasReset = true }))
    return UnsafePointer(table)
  }()

  private static func at(_ context: UnsafeMutableRawPointer?) -> QUICConnection {
    Unmanaged<QUICConnection>.fromOpaque(context!).takeUnretainedValue()
  }

  /// A callback that only a packet from the peer can cause.
  func heard() { lastHeard = endpoint.callbackTime }

  // MARK: Handshake

  private func handshakeReceived(_ bytes: UnsafeRawBufferPointer, at level: sq_level) -> sq_handshake_step {
    let level: HandshakeGate.Level =
      switch level {
      case SQ_LEVEL_INITIAL: .initial
      case SQ_LEVEL_HANDSHAKE: .handshake
      default: .application
      }
    var step = sq_handshake_step()
    switch gate.receive(bytes, at: level) {
    case .pass(let passed, let taken):
      step.taken = taken
      step.pass = sq_bytes(base: passed.baseAddress?.assumingMemoryBound(to: UInt8.self), count: passed.count)
    case .hold(let taken): step.taken = taken
    case .refuse(let alert):
      step.alert = alert
      refusal = gate.failure
    }
    return step
  }

  private func verifyPeer(session: UnsafeMutableRawPointer) -> UInt8 {
    do {
      identity = try credentials.verifyPeer(ofSession: session, at: endpoint.civilTime(at: endpoint.callbackTime))
      return 0
    } catch { return refuse(error) }
  }

  private func refuse(_ failure: VerificationFailure) -> UInt8 {
    refusal = failure
    return failure.tlsAlert
  }

  private func handshakeCompleted() -> UInt8 {
    heard()
    guard let identity else { return refuse(.noCertificate) }
    // A handshake can take seconds. Our credentials may have changed since the peer was verified, and so has the time.
    do throws(VerificationFailure) {
      try endpoint.credentials.reverify(identity, at: endpoint.civilTime(at: endpoint.callbackTime))
    } catch { return refuse(error) }
    meet(identity.node)
    return 0
  }

  /// Both sides have proven who they are.
  private func meet(_ name: NodeName) {
    let isWanted =
      switch expectation {
      case .name(let expected): name == expected
      case .anyMember, nil: name != credentials.node
      }
    endpoint.handshakeEnded(self, isComplete: true)
    if isWanted {
      phase = .established
      inbox.append(.established(id, role, name: name, address: remote))
    } else {
      // The peer can read the close only after it has our last flight: it is sent when the peer confirms.
      phase = .rejected
      switch role {
      case .client: endpoint.rejected(self, name == credentials.node ? .ownName : .wrongName(name))
      case .server: endpoint.rejected(self, .closed(.nameInUse))
      }
    }
    // For a server completed and confirmed are the same, and ngtcp2 calls only for the first.
    if role == .server { handshakeConfirmed() }
  }

  private func handshakeConfirmed() {
    heard()
    isConfirmedByPeer = true
    if let initialCID { endpoint.withdraw(initialCID, from: self) }
    initialCID = nil
    endpoint.validated(remote)
    guard phase == .established else { return }
    phase = .confirmed
    inbox.append(.confirmed(id))
  }

  // MARK: Packets

  private func datagramReceived(_ bytes: UnsafeRawBufferPointer) {
    heard()
    guard isUsable else { return }
    deliver(bytes)
  }

  private func deliver(_ packet: UnsafeRawBufferPointer) {
    guard endpoint.admits(packet.count, from: self) else { return }
    inbox.append(.packet(id, inbox.store(packet)))
  }

  private func datagramAcknowledged(_ number: UInt64) {
    heard()
    datagrams.acknowledged(number, buffers: endpoint.buffers)
  }

  // MARK: Streams

  private func streamOpened(_ number: Int64) {
    heard()
    guard phase != .rejected else { return }
    if sq_stream_is_bidirectional(number) {
      let stream = QUICStream(number: number, kind: .bidirectional)
      streams[number] = stream
      guard endpoint.admits(0, from: self) else { return refuseLater(stream) }
      inbox.append(.streamOpened(QUICStreamID(connection: id, number: number)))
    } else {
      streams[number] = QUICStream(number: number, kind: .incoming(IncomingUnidirectional()))
    }
  }

  private func streamReceived(_ number: Int64, _ bytes: UnsafeRawBufferPointer, end: Bool) {
    heard()
    guard let stream = streams[number] else { return ignored.add(bytes: bytes.count) }
    if end { stream.isReceiveClosed = true }
    guard case .incoming(var parser) = stream.kind else {
      guard !stream.isRefused else { return ignored.add(bytes: bytes.count) }
      guard endpoint.admitsStream(bytes.count, from: self) else {
        ignored.add(bytes: bytes.count)
        refuseLater(stream)
        return inbox.append(.streamReset(QUICStreamID(connection: id, number: number), code: 0))
      }
      stream.unconsumed += bytes.count
      inbox.append(.streamData(QUICStreamID(connection: id, number: number), inbox.store(bytes), end: end))
      return
    }
    if stream.isRefused { ignored.add(bytes: bytes.count) } else { returnLater(bytes.count, on: stream) }
    stream.kind = .outgoing  // so that no copy of the parser is shared while it changes
    let step = parser.receive(bytes, end: end, mayBeHello: !hasPeerHello, packetLimit: endpoint.configuration.oversizedPacketLimit)
    stream.kind = .incoming(parser)
    switch step {
    case .nothing: break
    case .hello(let content):
      hasPeerHello = true
      inbox.append(.hello(id, content.withUnsafeBytes { inbox.store($0) }))
    case .packet(let content):
      content.withUnsafeBytes { deliver($0) }
    case .refuse:
      endpoint.counters.streamsRefused += 1
      stream.isRefused = true
      if !end { unwanted.append(number) }
    }
    if end { incomingEnded(stream) }
  }

  /// A unidirectional stream of the peer has ended. ngtcp2 below 0.14 does not report that, and keeps a few hundred bytes of it for the life of the
  /// connection. So a connection that has had very many is replaced.
  private func incomingEnded(_ stream: QUICStream) {
    guard !QUICEndpoint.closesUnidirectionalStreams else { return }
    streams[stream.number] = nil
    if stream.isRefused { ignored.addStream(isBidirectional: false) } else { returnedStreams.unidirectional += 1 }
    leakedStreams += 1
  }

  private func streamAcknowledged(_ number: Int64, _ count: Int) {
    heard()
    guard let stream = streams[number], number != pulse.stream else { return }
    let released = stream.outgoing.acknowledged(count)
    streamBytesInFlight -= count
    if released > 0, case .bidirectional = stream.kind {
      inbox.append(.streamSent(QUICStreamID(connection: id, number: number), released))
    }
  }

  /// The stream is given up when the call into C has returned; nothing is reported about it.
  private func refuseLater(_ stream: QUICStream) {
    stream.isRefused = true
    stream.isSendClosed = true
    stream.outgoing.giveUp()
    unwanted.append(stream.number)
  }

  private func streamReset(_ number: Int64, code: UInt64) {
    heard()
    guard let stream = streams[number] else { return }
    stream.isReceiveClosed = true
    guard case .bidirectional = stream.kind else { return incomingEnded(stream) }
    inbox.append(.streamReset(QUICStreamID(connection: id, number: number), code: code))
  }

  private func streamUnblocked(_ number: Int64) {
    heard()
    guard let stream = streams[number] else { return }
    stream.isBlocked = false
    queueForSending(stream)
  }

  private func streamsAllowed() {
    heard()
    guard wantsStreams else { return }
    wantsStreams = false
    inbox.append(.streamsAllowed(id))
  }

  private func streamClosed(_ number: Int64) {
    if !sq_stream_is_ours(raw, number) {
      let isBidirectional = sq_stream_is_bidirectional(number)
      if streams[number]?.isRefused ?? false {
        ignored.addStream(isBidirectional: isBidirectional)
      } else if isBidirectional {
        returnedStreams.bidirectional += 1
      } else {
        returnedStreams.unidirectional += 1
      }
    }
    guard let stream = streams[number] else { return }
    streamBytesInFlight -= number == pulse.stream ? 0 : stream.outgoing.inFlight
    stream.isClosed = true
    stream.isSendClosed = true
    let isUntaken = stream.outgoing.kept > 0
    stream.outgoing = SendQueue()
    if isUntaken, case .bidirectional = stream.kind { inbox.append(.streamStopped(QUICStreamID(connection: id, number: number))) }
    if case .bidirectional = stream.kind { inbox.append(.streamClosed(QUICStreamID(connection: id, number: number))) }
    if stream.unconsumed == 0 { streams[number] = nil }
  }

  // MARK: IDs and paths

  private func connectionIDIssued(_ cid: CIDKey) { endpoint.register(cid, for: self) }

  private func connectionIDRetired(_ cid: CIDKey) { endpoint.withdraw(cid, from: self) }

  private func tokenChanged(_ token: TokenKey, isActive: Bool) {
    if isActive { endpoint.register(token, for: self) } else { endpoint.withdraw(token, from: self) }
  }

  private func pathValidated(_ address: NodeAddress, success: Bool) {
    // If a path fails, its time ran out and nothing was heard.
    guard success else { return }
    heard()
    guard address != remote else { return }
    remote = address
    inbox.append(.moved(id, to: address))
  }
}
