internal import CNgtcp2
package import SerfIdentity
package import SerfPrimitives

/// QUIC for one UDP port, in both roles, without the socket: datagrams and time go in, datagrams and events come out.
///
/// No sockets, no clocks, no threads. All calls come from one place (an event loop, a test), and `now` never runs backwards. There are no callbacks:
/// ``nextEvent()`` returns what happened.
///
/// - **Inputs**: ``receive(_:from:ecn:at:)`` for each datagram of a batch, then ``advance(to:)`` once, also whenever ``nextDeadline`` is reached. The
///   first only queues handshake packets; the second handles a few of them per turn.
/// - **Commands**: ``connect(to:expecting:initialRoundTrip:at:)``, ``send(_:on:id:deadline:)``, ``openStream(on:)``, ``write(_:on:finish:)``,
///   ``finish(_:)``, ``reset(_:code:)``, ``consumed(_:on:)``, ``close(_:_:at:)``, ``replace(credentials:)``, ``recheckCredentials(at:)``,
///   ``setCivilTime(_:at:)``.
/// - **Outputs**: ``nextEvent()``, ``nextTransmit(at:)``, ``nextDeadline``.
///
/// The order is: inputs; then events until there are none (commands may be given while they are handled); then transmits until there are none; then
/// one timer for ``nextDeadline``. Bytes of an event are valid until the next input, those of a transmit until the next ``nextTransmit(at:)``.
///
/// Certificates are verified by ``Credentials``; names are compared with what the dial expects; a client's dial is *established* when it has verified
/// the server and *confirmed* when the server has accepted it. The rules are in `secure-transport.md`, the behaviour of ngtcp2 in `quic.md`.
package final class QUICEndpoint {
  package let configuration: QUICConfiguration
  /// What new handshakes use; live connections keep theirs.
  package private(set) var credentials: Credentials
  package internal(set) var counters = QUICCounters()

  /// The civil time at `Instant.zero`, with which certificates are verified.
  private var civilOrigin: UTCTime

  let inbox = Inbox()
  let buffers = PacketBuffers()
  // C keeps pointers to them.
  let resetSecret: SecretBytes
  let retrySecret = SecretBytes.random()
  /// `now` of the current input, for callbacks.
  var callbackTime: Instant

  var connections: [ConnectionID: QUICConnection] = [:]
  var routes: [CIDKey: QUICConnection] = [:]
  var tokens: [TokenKey: QUICConnection] = [:]
  var timers = ConnectionTimers()
  var budget: HandshakeBudget
  var statelessReplies: RateLimit
  var retries: RateLimit
  /// Clients' handshakes in progress.
  var handshakes: HalfOpenHandshakes
  var handshakeQueue: HandshakeQueue
  var transmitter = Transmitter()
  private var lastConnection: UInt64 = 0
  /// How much each peer may still send, by proven name.
  private var packetRates: RateLimits<NodeName>
  private var byteRates: RateLimits<NodeName>
  /// Limits how often a peer's excess is reported, by name.
  private var toldRates: RateLimits<NodeName>
  /// Ended connections that are named in an event which may not be drained yet. Their packets can still be moved.
  private var ended: [QUICConnection] = []

  /// An endpoint with this certificate at `now`.
  package init(configuration: QUICConfiguration, credentials: Credentials, civilOrigin: UTCTime, at now: Instant) {
    self.configuration = configuration
    self.credentials = credentials
    self.civilOrigin = civilOrigin
    resetSecret = configuration.resetSecret ?? .random()
    precondition(resetSecret.count == Int(SQ_SECRET_LENGTH), "a secret has \(SQ_SECRET_LENGTH) bytes")
    callbackTime = now
    budget = HandshakeBudget(configuration, at: now)
    handshakes = HalfOpenHandshakes(.init(configuration))
    handshakeQueue = HandshakeQueue(limit: configuration.handshakeQueueLimit)
    retries = RateLimit(perSecond: configuration.retriesPerSecond, burst: configuration.retriesPerSecond, at: now)
    packetRates = RateLimits(perSecond: configuration.packetsPerSecond, burst: configuration.packetBurst, at: now)
    byteRates = RateLimits(perSecond: configuration.bytesPerSecond, burst: configuration.byteBurst, at: now)
    toldRates = RateLimits(perSecond: 1, burst: 1, at: now)
    statelessReplies = RateLimit(
      perSecond: configuration.statelessRepliesPerSecond, burst: configuration.statelessRepliesPerSecond, at: now)
  }

  // MARK: The clock

  /// What the system's clock says at `now`. The owner reads it for every turn, never once at the start: machines boot with a wrong clock, and
  /// machines sleep (`secure-transport.md` 3.6). Between two readings civil time advances as `now` does.
  package func setCivilTime(_ time: UTCTime, at now: Instant) { civilOrigin = time - .nanoseconds(now.nanoseconds) }

  // MARK: Outputs

  /// The next thing that happened, or nil.
  package func nextEvent() -> QUICEvent? { inbox.take() }

  /// Whether ``nextEvent()`` will return an event.
  package var hasEvents: Bool { !inbox.isDrained }

  /// The bytes that an event carries.
  package func withBytes<Result>(of slot: ByteSlot, _ body: (RawSpan) -> Result) -> Result {
    body(RawSpan(_unsafeBytes: inbox.bytes(slot)))
  }

  /// When ``advance(to:)`` has to be called next; nil when only a packet or a command can change anything.
  package var nextDeadline: Instant? {
    if handshakeQueue.hasPackets || !ended.isEmpty { return .zero }
    let own = min(handshakeQueue.nextAdmission, crowdedEnd)
    let deadline = min(timers.first?.timerDeadline ?? .distantFuture, own)
    return deadline == .distantFuture ? nil : deadline
  }

  // MARK: Inputs

  /// Every input begins with this: drops what was drained, and what ended connections still kept.
  func beginInput(at now: Instant) {
    callbackTime = now
    guard inbox.isDrained else { return }
    inbox.recycle()
    guard !ended.isEmpty else { return }
    let over = ended
    ended = []
    for connection in over { release(connection) }
  }

  /// A deadline has been reached, or a batch of datagrams has been received. Handles waiting handshakes, and all that is due.
  package func advance(to now: Instant) {
    beginInput(at: now)
    endLateHandshakes(at: now)
    takeUpHandshakes(at: now)
    while let connection = timers.first, connection.timerDeadline <= now {
      timers.remove(connection)
      connection.advance(to: now)
      schedule(connection)
    }
  }

  // MARK: Queries

  /// The peer of a live connection, once its name is proven.
  package func peer(of id: ConnectionID) -> Peer? {
    guard let connection = connections[id], connection.isUsable else { return nil }
    return Peer(address: connection.remote, connection: id, provenName: connection.identity?.node)
  }

  /// When the connection last received something that only its peer can have sent.
  package func lastHeard(_ id: ConnectionID) -> Instant? { connections[id]?.lastHeard }

  /// Whether anything has arrived for a connection.
  func isAnswered(_ id: ConnectionID) -> Bool { connections[id]?.isAnswered ?? false }

  /// When the connection was dialled or accepted.
  package func startedAt(_ id: ConnectionID) -> Instant? { connections[id]?.startedAt }

  /// Which side of the connection we are.
  package func role(of id: ConnectionID) -> QUICRole? { connections[id]?.role }

  /// The largest packet that is sent as a datagram; each larger one is sent on its own stream.
  package func datagramLimit(_ id: ConnectionID) -> Int { connections[id]?.datagramLimit ?? 0 }

  /// Datagrams queued and not yet sent.
  package func waitingDatagrams(_ id: ConnectionID) -> Int { connections[id]?.datagrams.waiting.count ?? 0 }

  /// Bytes written on a stream that are still kept: unsent, or not acknowledged.
  package func keptBytes(_ stream: QUICStreamID) -> Int { connections[stream.connection]?.streams[stream.number]?.outgoing.kept ?? 0 }

  /// Bytes written on all streams that are still kept, apart from hellos.
  package var keptBytes: Int {
    connections.values.reduce(0) { sum, connection in
      connection.streams.values.reduce(sum) { $0 + ($1.number == connection.pulse.stream ? 0 : $1.outgoing.kept) }
    }
  }

  /// The smoothed round-trip time, once there is a sample.
  package func roundTrip(_ id: ConnectionID) -> Duration? {
    guard let raw = connections[id]?.raw else { return nil }
    var statistics = sq_statistics()
    sq_connection_statistics(raw, &statistics)
    return statistics.sampled ? .nanoseconds(Int64(clamping: statistics.smoothed_rtt)) : nil
  }

  /// Connections in any state, including closing ones.
  package var connectionCount: Int { connections.count }

  /// Whether ngtcp2 needs ``QUICConfiguration/pulses``.
  package static var needsPulse: Bool { sq_needs_pulse() }

  /// Whether ngtcp2 says when a peer's unidirectional stream has ended.
  static let closesUnidirectionalStreams = sq_closes_unidirectional()

  /// The version of ngtcp2.
  package static var libraryVersion: String { String(cString: sq_version()) }

  /// The alert's name as RFC 8446 writes it.
  static func alertName(_ alert: UInt8) -> String {
    let name = String(cString: sq_alert_name(alert))
    return name.hasPrefix(alertPrefix) ? name.dropFirst(alertPrefix.count).lowercased() : name
  }

  private static let alertPrefix = "GNUTLS_A_"

  /// The civil time with which certificates are verified.
  package func civilTime(at now: Instant) -> UTCTime { civilOrigin + .nanoseconds(now.nanoseconds) }

  // MARK: Commands

  /// Replaces the credentials that new handshakes present and trust. Live connections are verified with them at ``recheckCredentials(at:)``, and
  /// those whose handshake is in progress at its end.
  package func replace(credentials: Credentials) { self.credentials = credentials }

  /// Whether we prove our name on this connection with the current credentials.
  func presentsCurrentCredentials(_ id: ConnectionID) -> Bool { connections[id].map { $0.credentials === credentials } ?? true }

  /// Verifies every live connection again with the current credentials (`secure-transport.md` 1.7); those that fail are closed.
  package func recheckCredentials(at now: Instant) {
    beginInput(at: now)
    let time = civilTime(at: now)
    for connection in connections.values.sorted(by: { $0.id < $1.id }) {
      guard connection.isUsable, let identity = connection.identity else { continue }
      do {
        try credentials.reverify(identity, at: time)
      } catch {
        counters.certificatesRefused += 1
        connection.close(.notAuthorised, because: .peerNotAuthorised(error), at: now)
      }
    }
  }

  /// Dials. ``QUICEvent/established(_:_:name:address:)`` and ``QUICEvent/confirmed(_:)`` follow, or ``QUICEvent/closed(_:_:)``. Nil when no more
  /// connections are allowed.
  package func connect(
    to address: NodeAddress, expecting expectation: DialExpectation, initialRoundTrip: Duration? = nil, at now: Instant
  ) -> ConnectionID? {
    guard connections.count < configuration.connectionLimit else { return nil }
    let connection = makeConnection(.client, expectation, address, at: now)
    var settings = cSettings(for: connection, at: now)
    if let initialRoundTrip { settings.initial_rtt = initialRoundTrip.ticks }
    connection.raw = withUnsafePointer(to: settings) { sq_connection_connect($0) }
    guard connection.raw != nil else { return nil }
    adopt(connection)
    return connection.id
  }

  /// Queues a packet. It is sent before `deadline` or never; if never, and it has an `id`, ``QUICEvent/packetNotSent(_:)`` says so. False, without an
  /// event, when it cannot be queued at all.
  ///
  /// - Parameter isMoved: it was on another connection before; ``takeUnacknowledged(_:sentSince:_:)`` will not offer it again.
  package func send(
    _ packet: RawSpan, on id: ConnectionID, id packetID: PacketID?, deadline: Instant, isMoved: Bool = false
  ) -> Bool {
    connections[id]?.send(packet, id: packetID, deadline: deadline, isMoved: isMoved) ?? false
  }

  /// Opens a bidirectional stream; nil when the connection is not usable or the peer allows no more streams now.
  package func openStream(on id: ConnectionID) -> QUICStreamID? {
    connections[id]?.open(.bidirectional).map { QUICStreamID(connection: id, number: $0.number) }
  }

  /// Queues bytes, and with `finish` the end. False when the stream accepts no more.
  @discardableResult
  package func write(_ chunk: SendChunk, on stream: QUICStreamID, finish: Bool = false) -> Bool {
    connections[stream.connection]?.write(chunk, on: stream.number, finish: finish) ?? false
  }

  /// Ends our half of a stream.
  @discardableResult
  package func finish(_ stream: QUICStreamID) -> Bool { connections[stream.connection]?.finish(stream.number) ?? false }

  /// Gives up both directions of a stream.
  package func reset(_ stream: QUICStreamID, code: CloseReason = .none) { connections[stream.connection]?.reset(stream.number, code: code) }

  /// Lets the peer send `count` more bytes on a stream.
  package func consumed(_ count: Int, on stream: QUICStreamID) { connections[stream.connection]?.consumed(count, on: stream.number) }

  /// Closes a connection; ``QUICEvent/closed(_:_:)`` follows.
  package func close(_ id: ConnectionID, _ reason: CloseReason, at now: Instant) { connections[id]?.close(reason, at: now) }

  /// Changes the keys of a connection; ngtcp2 does it by itself when a cipher's limit is near. False when it is too early.
  package func updateKeys(_ id: ConnectionID, at now: Instant) -> Bool {
    guard let connection = connections[id], let raw = connection.raw, sq_connection_update_keys(raw, now.ticks) else { return false }
    markDirty(connection)
    return true
  }

  /// Moves a connection that we dialled to another local address, with new connection IDs. False when the server does not allow it. Our servers never
  /// allow it by default; a peer's may.
  package func migrate(_ id: ConnectionID, to local: NodeAddress, at now: Instant) -> Bool {
    guard let connection = connections[id], let raw = connection.raw, sq_connection_migrate(raw, local.raw, now.ticks) else { return false }
    markDirty(connection)
    return true
  }

  /// Takes out the packets that a connection sent since `earliest` and its peer has not acknowledged, and those still waiting, oldest first, so that
  /// they can be sent on another connection (`secure-transport.md` 2.4). Works on live connections and during ``QUICEvent/closed(_:_:)``.
  package func takeUnacknowledged(
    _ id: ConnectionID, sentSince earliest: Instant, _ body: (RawSpan, PacketID?, _ deadline: Instant) -> Void
  ) {
    guard let connection = connections[id] else { return }
    let (waiting, unacknowledged) = connection.datagrams.removeAll()
    for entry in unacknowledged + waiting {
      let isWaiting = entry.number == 0
      if !entry.isMoved, isWaiting || entry.sentAt >= earliest {
        body(RawSpan(_unsafeBytes: entry.content), entry.id, entry.deadline)
      } else if isWaiting, let packetID = entry.id {
        inbox.append(.packetNotSent(packetID))
      }
      buffers.give(entry.bytes)
    }
  }

  // MARK: The life of a connection

  func makeConnection(_ role: QUICRole, _ expectation: DialExpectation?, _ address: NodeAddress, at now: Instant) -> QUICConnection {
    lastConnection += 1
    return QUICConnection(
      id: ConnectionID(lastConnection), role: role, expectation: expectation, credentials: credentials, remote: address.canonical,
      endpoint: self, at: now)
  }

  func cSettings(for connection: QUICConnection, at now: Instant) -> sq_settings {
    var settings = sq_settings()
    settings.callbacks = QUICConnection.callbacks
    settings.context = Unmanaged.passUnretained(connection).toOpaque()
    settings.credentials = UnsafeMutableRawPointer(credentials.tls)
    settings.reset_secret = resetSecret.pointer
    settings.alpn = applicationProtocol.pointer
    settings.local = configuration.localAddress.raw
    settings.remote = connection.remote.raw
    settings.now = now.ticks
    settings.initial_rtt = configuration.initialRoundTrip.ticks
    settings.handshake_timeout = (connection.role == .client ? configuration.dialTimeout : configuration.handshakeTimeout).ticks
    settings.idle_timeout = configuration.idleTimeout.ticks
    settings.connection_window = UInt64(configuration.connectionWindow)
    settings.stream_window = UInt64(configuration.streamWindow)
    settings.unidirectional_window = UInt64(configuration.oversizedPacketLimit + 1)
    settings.streams_bidirectional = UInt64(configuration.streamLimit)
    settings.streams_unidirectional = UInt64(max(16, configuration.unidirectionalStreamLimit))
    settings.handshake_limit = UInt32(clamping: configuration.handshakeMessageLimit)
    settings.largest_packet = UInt16(clamping: configuration.largestPacket)
    settings.discover_mtu = configuration.discoversMTU
    settings.allow_migration = configuration.allowsMigration
    return settings
  }

  private lazy var applicationProtocol = CText(configuration.applicationProtocol)

  func adopt(_ connection: QUICConnection) {
    connections[connection.id] = connection
    counters.handshakesStarted += connection.role == .client ? 1 : 0
    counters.handshakesAccepted += connection.role == .server ? 1 : 0
    markDirty(connection)
  }

  /// A handshake is complete or has failed.
  func handshakeEnded(_ connection: QUICConnection, isComplete: Bool) {
    let completedAt = isComplete ? callbackTime : nil
    guard connection.role == .server, handshakes.end(connection.id, completedAt: completedAt) != nil else { return }
    handshakeQueue.look(at: callbackTime)
  }

  /// Whether a client at this address is in the middle of a handshake with us.
  package func isBeingDialled(by address: NodeAddress) -> Bool { handshakes.contains(from: address.canonical) }

  func validated(_ address: NodeAddress) { budget.validated(address, at: callbackTime) }

  /// The handshake succeeded, but with the wrong peer. For our user the connection has ended.
  func rejected(_ connection: QUICConnection, _ end: QUICEnd) {
    inbox.append(connection.role == .client ? .closed(connection.id, end) : .turnedAway(connection.remote, end))
  }

  func connectionEnded(_ connection: QUICConnection, _ end: QUICEnd?, wasHandshaking: Bool) {
    ended.append(connection)
    if wasHandshaking { handshakeEnded(connection, isComplete: false) }
    guard let end else { return }
    if case .peerNotAuthorised = end { counters.certificatesRefused += 1 }
    if case .reset = end { counters.resetsReceived += 1 }
    let isAnonymous = wasHandshaking && connection.role == .server
    if isAnonymous, case .error = end { counters.handshakesFailed += 1 }
    inbox.append(isAnonymous ? .turnedAway(connection.remote, end) : .closed(connection.id, end))
  }

  /// After the user has seen the end: packets that the user did not move to another connection count as not sent. A connection that does not linger
  /// is removed.
  private func release(_ connection: QUICConnection) {
    let (waiting, unacknowledged) = connection.datagrams.removeAll()
    for entry in waiting { connection.notSent(entry) }
    for entry in unacknowledged { buffers.give(entry.bytes) }
    if connection.phase == .gone { connections[connection.id] = nil }
  }

  /// Removes all routes to the connection.
  func forget(_ connection: QUICConnection) {
    connection.phase = .gone
    for cid in connection.cids where routes[cid] === connection { routes[cid] = nil }
    for token in connection.tokens where tokens[token] === connection { tokens[token] = nil }
    timers.remove(connection)
    ended.append(connection)
  }

  func schedule(_ connection: QUICConnection) { timers.schedule(connection, at: connection.deadline) }

  // MARK: Rates

  /// Whether one more packet, or request, of `count` bytes is accepted from this peer.
  func admits(_ count: Int, from connection: QUICConnection) -> Bool {
    guard let name = connection.identity?.node else { return false }
    guard packetRates.take(of: name, at: callbackTime), byteRates.take(count, of: name, at: callbackTime) else {
      counters.packetsOverLimit += 1
      exceeded(name, connection)
      return false
    }
    return true
  }

  /// Whether this many bytes of a stream are accepted from this peer.
  func admitsStream(_ count: Int, from connection: QUICConnection) -> Bool {
    guard let name = connection.identity?.node else { return false }
    guard byteRates.take(count, of: name, at: callbackTime) else {
      counters.streamsOverLimit += 1
      exceeded(name, connection)
      return false
    }
    return true
  }

  private func exceeded(_ name: NodeName, _ connection: QUICConnection) {
    if toldRates.take(of: name, at: callbackTime) { inbox.append(.exceeded(connection.id)) }
  }

  // MARK: Routes

  /// A peer chose some of these bytes: an ID that is in use keeps its connection.
  func register(_ cid: CIDKey, for connection: QUICConnection) {
    guard routes[cid] == nil else { return }
    routes[cid] = connection
    connection.cids.append(cid)
  }

  func withdraw(_ cid: CIDKey, from connection: QUICConnection) {
    guard routes[cid] === connection else { return }
    routes[cid] = nil
    connection.cids.removeAll { $0 == cid }
  }

  func register(_ token: TokenKey, for connection: QUICConnection) {
    guard tokens[token] == nil else { return }
    tokens[token] = connection
    connection.tokens.append(token)
  }

  func withdraw(_ token: TokenKey, from connection: QUICConnection) {
    guard tokens[token] === connection else { return }
    tokens[token] = nil
    connection.tokens.removeAll { $0 == token }
  }
}

/// A C string whose address does not change.
final class CText {
  let pointer: UnsafePointer<CChar>

  init(_ text: String) {
    let bytes = text.utf8CString
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
    bytes.withUnsafeBufferPointer { copy.initialize(from: $0.baseAddress!, count: bytes.count) }
    pointer = UnsafePointer(copy)
  }

  deinit { pointer.deallocate() }
}
