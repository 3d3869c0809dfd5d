package import SerfIdentity
package import SerfPrimitives

/// Peers instead of connections: a ``QUICEndpoint`` and the ``ConnectionPool`` that decides which of its connections a message takes.
///
/// Like the endpoint it has no sockets, no clock and no callbacks.
///
/// - **Inputs**: ``receive(_:from:ecn:at:)`` for each datagram of a batch, then ``advance(to:)``, also at ``nextDeadline``.
/// - **Commands**: ``send(_:to:path:id:at:)``, ``open(_:to:path:deadline:at:)``, ``write(_:on:finish:)``, ``consumed(_:on:)``, ``reset(_:)``,
///   ``close(_:reason:at:)``, ``closeAll(_:at:)``, ``replace(credentials:at:)``, and what the membership knows.
/// - **Outputs**: ``nextEvent()``, ``nextTransmit(at:)``, ``nextDeadline``.
///
/// The order is: inputs; events until there are none (commands may be given while they are handled); transmits until there are none; events again if
/// commands were given; one timer for ``nextDeadline``.
///
/// Streams are named by the caller: even numbers for those that we open, odd ones, chosen here, for those that we accept.
package final class QUICPeers {
  struct Stream {
    var quic: QUICStreamID?
    var destination: Destination
    var path: SendPath
    var deadline: Instant
    /// Bytes written before the stream could be opened.
    var backlog: [[UInt8]] = []
    var isFinished = false
  }

  struct Waiting {
    var packets = WaitingPackets()
    var streams: [StreamID] = []
  }

  /// If a packet is not sent within this time, that is our own fault (`secure-transport.md` 2.8).
  ///
  /// Gossip, which has no ID, may wait longer: until the rounds of gossip have sent the same again.
  static func sendingLimit(_ id: PacketID?) -> Duration { .milliseconds(id == nil ? 250 : 50) }
  /// How long a dial waits while its target is dialling us; longer if dials take longer here. One connection serves both, and a handshake is
  /// expensive.
  private static let courtesy = Duration.milliseconds(250)
  static let roundTripLimit = 4096
  /// The shortest assumed first round trip: with less, a first packet would be sent twice while the peer still signs.
  static let shortestRoundTrip = Duration.milliseconds(10)

  /// The longest assumed first round trip. The first packet is sent again after three times this (RFC 9002, 6.2.2). One lost packet must not fail a
  /// probe (`secure-transport.md` 2.3), even if the last handshake with the peer was slow.
  var longestRoundTrip: Duration { max(endpoint.configuration.initialRoundTrip, pool.configuration.probeTimeout / 5) }

  package let endpoint: QUICEndpoint
  package internal(set) var pool: ConnectionPool

  var now: Instant
  var peers: [ConnectionID: Peer] = [:]
  var dialsByConnection: [ConnectionID: (dial: ConnectionPool.DialID, address: NodeAddress, expectation: DialExpectation)] = [:]
  var connectionsByDial: [ConnectionPool.DialID: ConnectionID] = [:]
  var waiting: [ConnectionPool.DialID: Waiting] = [:]
  /// Dials that wait because their target is dialling us.
  var deferred: [(dial: ConnectionPool.DialID, address: NodeAddress, expectation: DialExpectation, until: Instant)] = []
  /// Dials that must begin now: an older handshake is no evidence for the probe that asked for them.
  var freshDials: Set<ConnectionPool.DialID> = []
  var streams: [StreamID: Stream] = [:]
  var tokens: [QUICStreamID: StreamID] = [:]
  /// Streams whose connection allows no more streams for now.
  var blockedStreams: [(stream: StreamID, connection: ConnectionID)] = []
  private var openingDeadlines = DeadlineQueue<StreamID>()
  var roundTrips: [NodeAddress: Duration] = [:]
  var lastAccepted = StreamID(1)
  private var nextRecheck: Instant
  var events = DrainQueue<PeerEvent>()

  package init(endpoint: QUICEndpoint, pool: PoolConfiguration, seed: UInt64, at now: Instant) {
    self.endpoint = endpoint
    self.pool = ConnectionPool(configuration: pool, seed: seed)
    self.now = now
    nextRecheck = now + pool.recheckInterval
    self.pool.isAnswered = { [weak self] dial in
      guard let self, let connection = connectionsByDial[dial] else { return false }
      return self.endpoint.isAnswered(connection)
    }
  }

  // MARK: Inputs

  /// One datagram from the socket.
  package func receive(_ datagram: RawSpan, from source: NodeAddress, ecn: UInt8, at now: Instant) {
    self.now = now
    endpoint.receive(datagram, from: source, ecn: ecn, at: now)
  }

  /// A deadline has been reached, or a batch of datagrams was passed in.
  package func advance(to now: Instant) {
    self.now = now
    endpoint.advance(to: now)
    pool.advance(to: now)
    if now >= nextRecheck {
      nextRecheck = now + pool.configuration.recheckInterval
      endpoint.recheckCredentials(at: now)
    }
    startDeferredDials()
    expirePackets()
    while let stream = openingDeadlines.popDue(at: now) {
      if let state = streams[stream], state.quic == nil { fail(stream, failureAtDeadline(of: stream)) }
    }
    performActions()
  }

  // MARK: Outputs

  /// The next thing that happened, or nil.
  package func nextEvent() -> PeerEvent? {
    while true {
      if let event = events.popFirst() { return event }
      if let event = endpoint.nextEvent() {
        translate(event)
        performActions()
      } else {
        return nil
      }
    }
  }

  /// Whether ``nextEvent()`` may return an event.
  package var hasEvents: Bool { !events.isEmpty || !endpoint.inbox.isDrained }

  /// The bytes that an event carries.
  package func withBytes<Result>(of slot: ByteSlot, _ body: (RawSpan) -> Result) -> Result { endpoint.withBytes(of: slot, body) }

  /// The next write for the socket, or nil. Its bytes are valid until the next call.
  package func nextTransmit(at now: Instant) -> Transmit? { endpoint.nextTransmit(at: now) }

  /// The bytes of a transmit.
  package func withBytes<Result>(of transmit: Transmit, _ body: (RawSpan) -> Result) -> Result { endpoint.withBytes(of: transmit, body) }

  /// When ``advance(to:)`` has to be called.
  package var nextDeadline: Instant? {
    var deadline = min(endpoint.nextDeadline ?? .distantFuture, pool.nextDeadline ?? .distantFuture)
    deadline = min(deadline, openingDeadlines.nextDeadline ?? .distantFuture)
    if !peers.isEmpty { deadline = min(deadline, nextRecheck) }
    for dial in deferred { deadline = min(deadline, dial.until) }
    for state in waiting.values { deadline = min(deadline, state.packets.nextDeadline) }
    return deadline == .distantFuture ? nil : deadline
  }

  // MARK: What the membership knows

  /// How many members there are: this decides how long an idle connection is kept.
  package func setMemberCount(_ count: Int) { pool.setMemberCount(count) }

  /// Sets the function that says whether a member is being probed or suspected; connections to such a member are not evicted.
  package func askBeforeEvicting(_ isPinned: @escaping (NodeName) -> Bool) { pool.isPinned = isPinned }

  /// Sets the function that gives the membership's address for a member. That address is dialled when a connection is renewed.
  package func askForAddresses(_ addressOf: @escaping (NodeName) -> NodeAddress?) { pool.addressOf = addressOf }

  /// A member died or left.
  package func departed(_ name: NodeName, at now: Instant) {
    self.now = now
    pool.departed(name)
    performActions()
  }

  /// The address at which a peer's hello says that it can be reached. Messages to the peer at that address take its connection. It is not dialled.
  package func advertised(_ address: NodeAddress, by peer: Peer) {
    if let connection = peer.connection { pool.advertised(connection, address) }
  }

  /// Whether a connection to this member exists.
  package func isWarm(_ name: NodeName) -> Bool { pool.isWarm(name) }

  /// How many dials have something waiting for them.
  package var waitingDials: Int { waiting.count }

  /// The largest packet that goes to `destination` in a datagram; 1,160 before there is a connection.
  package func packetLimit(for destination: Destination) -> Int {
    let connection: ConnectionID? =
      switch destination {
      case .reply(let peer): peer.connection
      case .member(let name, _): pool.connections(to: name).first
      case .anyMember: nil
      }
    let limit = connection.map { endpoint.datagramLimit($0) } ?? 0
    return limit > 0 ? limit : Self.packetBudget
  }

  /// What every path carries in a datagram (`secure-transport.md` 2.9).
  package static let packetBudget = 1160

  // MARK: Commands

  /// Sends a packet, and dials if necessary. At most 4 packets wait for a dial, each for at most the time of a probe, or of a dial if it has an ID;
  /// nothing is sent late.
  package func send(_ packet: RawSpan, to destination: Destination, path: SendPath, id: PacketID?, at now: Instant) {
    self.now = now
    send(packet, to: destination, path: path, id: id, isMoved: false)
    performActions()
  }

  func send(_ packet: RawSpan, to destination: Destination, path: SendPath, id: PacketID?, isMoved: Bool) {
    switch route(destination, path, id == nil ? .gossip : .probe) {
    case .use(let connection):
      let deadline = now + Self.sendingLimit(id)
      if !endpoint.send(packet, on: connection, id: id, deadline: deadline, isMoved: isMoved) { notSent(id, .notSent) }
    case .wait(let dial):
      if path != .warm { wantFresh(dial) }
      let bytes = packet.withUnsafeBytes { Array($0) }
      let deadline = now + (id == nil ? pool.configuration.probeTimeout : pool.configuration.dialTimeout)
      let entry = WaitingPackets.Packet(bytes: bytes, id: id, deadline: deadline, isMoved: isMoved)
      if let victim = waiting[dial, default: Waiting()].packets.append(entry, limit: pool.configuration.waitingPackets) {
        notSent(victim.id, .notSent)
      }
    case .unreachable(let failure): notSent(id, failure)
    }
  }

  /// Opens a stream, and dials if necessary: ``PeerEvent/streamOpened(_:_:)`` or ``PeerEvent/streamFailed(_:_:)`` follows, by `deadline` at the
  /// latest.
  package func open(_ stream: StreamID, to destination: Destination, path: SendPath, deadline: Instant, at now: Instant) {
    self.now = now
    streams[stream] = Stream(destination: destination, path: path, deadline: deadline)
    openingDeadlines.schedule(stream, at: deadline)
    switch route(destination, path, isJoin(destination) ? .join : .exchange) {
    case .use(let connection): open(stream, on: connection)
    case .wait(let dial):
      if path != .warm { wantFresh(dial) }
      waiting[dial, default: Waiting()].streams.append(stream)
    case .unreachable(let failure): fail(stream, failure)
    }
    performActions()
  }

  /// Queues bytes on a stream that is open or being opened, and with `finish` the end of our half.
  package func write(_ bytes: [UInt8], on stream: StreamID, finish: Bool) {
    guard let quic = streams[stream]?.quic else {
      streams[stream]?.backlog.append(bytes)
      if finish { streams[stream]?.isFinished = true }
      return
    }
    write(bytes, on: quic, finish: finish)
  }

  private func write(_ bytes: [UInt8], on quic: QUICStreamID, finish: Bool) {
    for piece in SendChunk.pieces(copying: bytes) { endpoint.write(piece, on: quic) }
    if finish { endpoint.finish(quic) }
  }

  /// Lets the peer send `count` more bytes.
  package func consumed(_ count: Int, on stream: StreamID) {
    if let quic = streams[stream]?.quic { endpoint.consumed(count, on: quic) }
  }

  /// Gives up a stream in both directions. Nothing more is reported about it.
  package func reset(_ stream: StreamID) {
    blockedStreams.removeAll { $0.stream == stream }
    guard let state = streams.removeValue(forKey: stream), let quic = state.quic else { return }
    tokens[quic] = nil
    endpoint.reset(quic)
  }

  /// Closes the connection of a peer.
  package func close(_ peer: Peer, reason: CloseReason, at now: Instant) {
    self.now = now
    if let connection = peer.connection { endpoint.close(connection, reason, at: now) }
  }

  /// Closes every connection, in one burst.
  package func closeAll(_ reason: CloseReason, at now: Instant) {
    self.now = now
    for connection in pool.connections { endpoint.close(connection, reason, at: now) }
    for connection in dialsByConnection.keys.sorted() { endpoint.close(connection, reason, at: now) }
  }

  /// Uses new credentials: for new handshakes at once; live connections are verified with them now, and renewed over ``renewalTime``.
  package func replace(credentials: Credentials, at now: Instant) {
    self.now = now
    endpoint.replace(credentials: credentials)
    endpoint.recheckCredentials(at: now)
    pool.renewAll(within: renewalTime, at: now)
    nextRecheck = now + pool.configuration.recheckInterval
  }

  /// The time over which connections are renewed after our certificate changed: the configured time, or a third of the new certificate's remaining
  /// life if that is less (`secure-transport.md` 1.7).
  var renewalTime: Duration {
    let (seconds, overflow) = endpoint.credentials.identity.expiry.secondsSinceEpoch.subtractingReportingOverflow(
      endpoint.civilTime(at: now).secondsSinceEpoch)
    return overflow ? pool.configuration.renewalTime : min(pool.configuration.renewalTime, .seconds(max(0, seconds)) / 3)
  }

  /// How long a dial waits for the target's own: twice the time that dials take here, but at most half of its own time.
  private var dialAllowance: Duration { max(Self.courtesy, min(pool.dialTime * 2, pool.configuration.dialTimeout / 2)) }

  // MARK: Routing

  private func route(_ destination: Destination, _ path: SendPath, _ urgency: DialUrgency) -> ConnectionPool.Route {
    if case .member(let name, _) = destination {
      pool.refresh(name) { endpoint.lastHeard($0) }
    }
    return pool.route(destination, path, urgency: urgency, at: now)
  }

  private func performActions() {
    while let action = pool.nextAction() {
      switch action {
      case .dial(let dial, let address, let expectation):
        // All that waited for this dial has expired, and that was reported. A dial that renews a connection never has anything waiting.
        if waiting[dial] != nil || pool.wasRefused(dial), !isWanted(dial) {
          failed(dial, .overloaded)
          continue
        }
        if case .name = expectation, !freshDials.contains(dial), endpoint.isBeingDialled(by: address) {
          deferred.append((dial, address, expectation, now + dialAllowance))
        } else {
          start(dial, address, expectation)
        }
      case .close(let connection, let reason): endpoint.close(connection, reason, at: now)
      case .abandon(let dial, let failure):
        deferred.removeAll { $0.dial == dial }
        freshDials.remove(dial)
        if let connection = connectionsByDial.removeValue(forKey: dial) {
          if let given = dialsByConnection.removeValue(forKey: connection) {
            events.append(.dialFailed(given.address, given.expectation, .handshakeTimeout))
          }
          endpoint.close(connection, .none, at: now)
        }
        failWaiting(dial, failure)
      case .move(let old, let new): move(from: old, to: new)
      }
    }
  }

  /// Makes a dial start its own handshake now. The target's handshake with us, for which it may be waiting, is older and therefore no evidence.
  private func wantFresh(_ dial: ConnectionPool.DialID) {
    freshDials.insert(dial)
    guard let index = deferred.firstIndex(where: { $0.dial == dial }) else { return }
    deferred[index].until = now
    startDeferredDials()
  }

  /// Whether an exchange with this destination is a join: with any member at an address, or with a name that the membership does not know.
  private func isJoin(_ destination: Destination) -> Bool {
    switch destination {
    case .anyMember: true
    case .member(let name, _): pool.addressOf(name) == nil
    case .reply: false
    }
  }

  /// A dial failed, and so does all that waited for it.
  func failed(_ dial: ConnectionPool.DialID, _ failure: ContactFailure) {
    freshDials.remove(dial)
    pool.dialFailed(dial, at: now)
    failWaiting(dial, failure)
  }

  /// Whether anything still waits for a dial.
  func isWanted(_ dial: ConnectionPool.DialID) -> Bool {
    waiting[dial].map { !$0.packets.packets.isEmpty || $0.streams.contains { streams[$0] != nil } } ?? false
  }

  /// Begins the dials that waited in vain for the target's own dial.
  func startDeferredDials() {
    let due = deferred.filter { $0.until <= now }
    guard !due.isEmpty else { return }
    deferred.removeAll { dial in due.contains { $0.dial == dial.dial } }
    for (dial, address, expectation, _) in due { start(dial, address, expectation) }
  }

  private func start(_ dial: ConnectionPool.DialID, _ address: NodeAddress, _ expectation: DialExpectation) {
    guard let connection = endpoint.connect(to: address, expecting: expectation, initialRoundTrip: roundTrips[address], at: now) else {
      return failed(dial, .notSent)
    }
    dialsByConnection[connection] = (dial, address, expectation)
    connectionsByDial[dial] = connection
  }

  /// What a peer has not acknowledged is sent on its new connection: the old one may lead to a process that has ended.
  private func move(from old: ConnectionID, to new: ConnectionID) {
    endpoint.takeUnacknowledged(old, sentSince: now - pool.configuration.probeTimeout) { packet, id, deadline in
      if !endpoint.send(packet, on: new, id: id, deadline: max(deadline, now + Self.sendingLimit(id)), isMoved: true) {
        notSent(id, .notSent)
      }
    }
  }

  func notSent(_ id: PacketID?, _ failure: ContactFailure) {
    if let id { events.append(.packetNotSent(id, failure)) }
  }

  private func expirePackets() {
    for dial in waiting.keys.sorted() {
      guard let expired = waiting[dial]?.packets.removeExpired(at: now), !expired.isEmpty else { continue }
      // If it waited for our other dials, that says nothing about the target (`secure-transport.md` 2.8).
      let failure = pool.isQueued(dial) ? ContactFailure.notSent : .noContact
      for packet in expired { notSent(packet.id, failure) }
      guard !isWanted(dial), pool.withdraw(dial) else { continue }
      waiting[dial] = nil
      freshDials.remove(dial)
    }
  }

  func failWaiting(_ dial: ConnectionPool.DialID, _ failure: ContactFailure) {
    guard let state = waiting.removeValue(forKey: dial) else { return }
    for packet in state.packets.packets { notSent(packet.id, failure) }
    for stream in state.streams where streams[stream]?.quic == nil { fail(stream, failure) }
  }

  // MARK: Streams

  func open(_ stream: StreamID, on connection: ConnectionID) {
    guard let state = streams[stream], let peer = peers[connection] else { return fail(stream, .broken) }
    guard let quic = endpoint.openStream(on: connection) else {
      blockedStreams.append((stream, connection))
      return
    }
    streams[stream]?.quic = quic
    streams[stream]?.backlog = []
    tokens[quic] = stream
    for bytes in state.backlog { write(bytes, on: quic, finish: false) }
    if state.isFinished { endpoint.finish(quic) }
    events.append(.streamOpened(stream, peer))
  }

  func openBlockedStreams(on connection: ConnectionID) {
    let retry = blockedStreams.filter { $0.connection == connection }
    guard !retry.isEmpty else { return }
    blockedStreams.removeAll { $0.connection == connection }
    for (stream, _) in retry where streams[stream] != nil { open(stream, on: connection) }
  }

  func fail(_ stream: StreamID, _ failure: ContactFailure) {
    guard let state = streams.removeValue(forKey: stream) else { return }
    blockedStreams.removeAll { $0.stream == stream }
    if let quic = state.quic {
      tokens[quic] = nil
      endpoint.reset(quic)
    }
    events.append(.streamFailed(stream, failure))
  }

  /// Why a stream was not opened in time: its dial got no answer, the target said that it was too busy, or the stream had to wait for others.
  private func failureAtDeadline(of stream: StreamID) -> ContactFailure {
    guard let dial = waiting.first(where: { $0.value.streams.contains(stream) })?.key, !pool.isQueued(dial) else { return .deadline }
    return pool.wasRefused(dial) ? .overloaded : .noContact
  }
}
