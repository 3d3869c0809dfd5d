#if QUIC
  import Logging
  package import NIOCore
  package import SerfIdentity
  package import SerfPrimitives
  import SerfQUIC

  /// The `StreamLayer` over ``QUICPeers``: moves datagrams between a socket and the pure QUIC machine, and events to the handler. All rules live in
  /// `SerfQUIC`; this is only the loop.
  ///
  /// ```
  /// socket ──datagrams──▶ peers ──events──▶ handler ──send, open──▶ peers ──transmits──▶ socket
  /// ```
  package final class QUICLayer: StreamLayer, DatagramSocketHandler {
    private let socket: any DatagramSocket
    private let peers: QUICPeers
    private let loop: any EventLoop
    private let civilTime: () -> UTCTime
    private let log: QUICLog
    private weak var handler: (any StreamLayerHandler)?
    private var timer: LoopTimer?
    /// Whether a turn is scheduled for events that commands caused.
    private var isTurnScheduled = false
    private var isDown = false
    private var handshakes: UInt64 = 0
    /// Members whose hello says that they read zstd, as long as a connection to them exists.
    private var zstdReaders: Set<NodeName> = []
    private let allowedNetworks: AllowedNetworks
    private var datagramsNotAllowed: UInt64 = 0
    private var hellosNotAllowed: UInt64 = 0

    package let protection = TransportProtection.provenNames
    package let keyring = KeyringAccess.none(because: "QUIC encrypts with certificates, which are replaced instead")
    package let streamEndsWithMessage = true
    package let statesPeerFeatures = true
    package let reachableAddress: NodeAddress

    /// A layer on a bound socket, whose hello says that it reads `features`. `civilTime` reads, for each turn, the clock with which certificates are
    /// verified.
    package init(
      socket: any DatagramSocket, rotation: CredentialRotation, settings: QuicTransport.Settings, context: StreamLayerContext,
      features: PeerFeatures = .ours, on loop: any EventLoop, civilTime: @escaping () -> UTCTime = { .now }
    ) {
      self.socket = socket
      self.loop = loop
      self.civilTime = civilTime
      log = QUICLog(context.logger)
      allowedNetworks = context.allowedNetworks
      let now = Instant.now(on: loop)
      let local = socket.localAddress
      reachableAddress = Interfaces.reachable(boundTo: local) ?? local
      let credentials = rotation.current
      var configuration = QUICConfiguration(localAddress: local)
      configuration.hello = Hello(address: context.advertise ?? reachableAddress, features: features).encoded
      configuration.initialRoundTrip = settings.initialRoundTrip
      configuration.resetSecret = credentials.statelessResetSecret
      let endpoint = QUICEndpoint(
        configuration: configuration, credentials: credentials, civilOrigin: civilTime() - .nanoseconds(now.nanoseconds), at: now)
      var pool = PoolConfiguration(ownName: context.nodeName)
      pool.connectionLimit = settings.pooledConnections
      pool.idleTime = settings.idleTime
      pool.recheckInterval = settings.recheckInterval
      pool.probeTimeout = context.probeTimeout
      pool.probeInterval = context.probeInterval
      var system = SystemRandomNumberGenerator()
      peers = QUICPeers(endpoint: endpoint, pool: pool, seed: system.next(), at: now)
      let here = NIOLoopBound(WeakReference(self), eventLoop: loop)
      rotation.listen { credentials in
        loop.execute { here.value.object?.replace(credentials) }
      }
    }

    // MARK: StreamLayer

    package var localAddress: NodeAddress { socket.localAddress }
    package var packetsHeldBack: UInt64 { peers.endpoint.counters.packetsNotSent + socket.heldBackCount }
    package var packetBudget: Int { QUICPeers.packetBudget }
    package var largestPacket: Int { peers.endpoint.configuration.oversizedPacketLimit }

    package func start(_ handler: any StreamLayerHandler) {
      self.handler = handler
      timer = LoopTimer(on: loop) { [weak self] now in self?.turn(at: now) }
      peers.askBeforeEvicting { [weak self] name in self?.handler?.isUnderScrutiny(name) ?? false }
      peers.askForAddresses { [weak self] name in self?.handler?.address(of: name) }
      socket.start(self)
    }

    package func send(_ packet: RawSpan, to destination: Destination, path: SendPath, id: PacketID?, checksummed: Bool, at now: Instant) {
      peers.send(packet, to: destination, path: path, id: id, at: now)
    }

    package func open(_ stream: StreamID, to destination: Destination, path: SendPath, deadline: Instant, at now: Instant) {
      peers.open(stream, to: destination, path: path, deadline: deadline, at: now)
    }

    /// TLS protects all traffic, so the envelope is only compression: for exchanges above 1 KiB to members that read it (`secure-transport.md` 2.9).
    package func envelope(for destination: Destination) -> StreamEnvelope {
      var envelope = StreamEnvelope.plain
      guard let name = destination.expectedName, zstdReaders.contains(name), TransportCompression.zstd.isAvailable else { return envelope }
      envelope.compression = .zstd
      envelope.compressionThreshold = 1024
      return envelope
    }

    package func write(_ bytes: [UInt8], on stream: StreamID, finish: Bool) { peers.write(bytes, on: stream, finish: finish) }
    package func consumed(_ count: Int, on stream: StreamID) { peers.consumed(count, on: stream) }
    package func reset(_ stream: StreamID) { peers.reset(stream) }
    package func close(_ peer: Peer, reason: CloseReason, at now: Instant) { peers.close(peer, reason: reason, at: now) }

    package func hint(_ hint: MembershipHint, at now: Instant) {
      switch hint {
      case .memberCount(let count): peers.setMemberCount(count)
      case .departed(let name): peers.departed(name, at: now)
      }
    }

    package func flush(at now: Instant) {
      // A dial's handshake ends when its last message is written.
      readClock(at: now)
      while let transmit = peers.nextTransmit(at: now) {
        peers.withBytes(of: transmit) {
          socket.write($0, segmentSize: transmit.segmentSize, to: transmit.destination, ecnCapable: transmit.ecn != 0, whenRefused: nil)
        }
      }
      timer?.arm(at: peers.nextDeadline)
      guard peers.hasEvents, !isTurnScheduled else { return }
      // Commands caused events. The handler hears of them later, because this runs within the handler's own call.
      isTurnScheduled = true
      let here = NIOLoopBound(self, eventLoop: loop)
      loop.execute {
        here.value.isTurnScheduled = false
        here.value.turn(at: .now(on: here.value.loop))
      }
    }

    package func shutdown(reason: CloseReason, at now: Instant) -> EventLoopFuture<Void> {
      peers.closeAll(reason, at: now)
      flush(at: now)
      abandon()
      return socket.close(on: loop)
    }

    /// Stops without telling any peer.
    package func abandon() {
      isDown = true
      timer?.cancel()
      handler = nil
    }

    /// How many connections lead to one member.
    package func connectionCount(to name: NodeName) -> Int { peers.pool.connections(to: name).count }

    /// Bytes written on streams that their peers do not have yet.
    package var keptStreamBytes: Int { peers.endpoint.keptBytes }

    package var figures: [TransportFigure] {
      let counted = peers.endpoint.counters
      return [
        TransportFigure("connections", UInt64(peers.pool.connectionCount), kind: .gauge),
        TransportFigure("handshakes_completed", handshakes),
        TransportFigure("handshakes_started", counted.handshakesStarted),
        TransportFigure("handshakes_accepted", counted.handshakesAccepted),
        TransportFigure("certificates_refused", counted.certificatesRefused),
        TransportFigure("handshakes_failed", counted.handshakesFailed),
        TransportFigure("refused_for_load", counted.refusedForLoad),
        TransportFigure("handshakes_displaced", counted.handshakesDisplaced),
        TransportFigure("handshake_queue_overflows", counted.handshakeQueueOverflows),
        TransportFigure("retries", counted.retries),
        TransportFigure("tokens_invalid", counted.invalidTokens),
        TransportFigure("version_negotiations", counted.versionNegotiations),
        TransportFigure("stateless_replies_withheld", counted.statelessRepliesWithheld),
        TransportFigure("datagrams_received", counted.datagramsReceived),
        TransportFigure("datagrams_sent", counted.datagramsSent),
        TransportFigure("datagrams_refused", socket.refusedCount),
        TransportFigure("datagrams_unreadable", counted.unreadable + counted.tooShort),
        TransportFigure("datagrams_unroutable", counted.unroutable),
        TransportFigure("datagrams_not_allowed", datagramsNotAllowed),
        TransportFigure("hellos_not_allowed", hellosNotAllowed),
        TransportFigure("packets_not_sent", counted.packetsNotSent),
        TransportFigure("streams_refused", counted.streamsRefused),
        TransportFigure("packets_over_limit", counted.packetsOverLimit),
        TransportFigure("streams_over_limit", counted.streamsOverLimit),
        TransportFigure("resets_sent", counted.resetsSent),
        TransportFigure("resets_received", counted.resetsReceived),
      ]
    }

    // MARK: DatagramSocketHandler

    package func datagramReceived(_ datagram: RawSpan, from source: NodeAddress, ecn: UInt8, at now: Instant) {
      guard allowedNetworks.contains(source) else {
        datagramsNotAllowed += 1
        return log.notAllowed(source, at: now)
      }
      peers.receive(datagram, from: source, ecn: ecn, at: now)
    }

    package func datagramsComplete(at now: Instant) { turn(at: now) }

    // MARK: Private parts

    /// One turn: passes the time on, delivers what it and the packets before it caused, and then lets the handler act.
    private func turn(at now: Instant) {
      guard !isDown, let handler else { return }
      readClock(at: now)
      peers.advance(to: now)
      while let event = peers.nextEvent() { deliver(event, to: handler, at: now) }
      handler.readComplete(at: now)
    }

    private func deliver(_ event: PeerEvent, to handler: any StreamLayerHandler, at now: Instant) {
      switch event {
      case .packet(let slot, let peer): peers.withBytes(of: slot) { handler.packetReceived($0, from: peer, at: now) }
      case .packetNotSent(let id, let reason): handler.packetNotSent(id, reason, at: now)
      case .packetDelayed(let id): handler.packetDelayed(id, at: now)
      case .exceeded(let peer): log.exceeded(peer, at: now)
      case .streamOpened(let stream, let peer): handler.streamOpened(stream, peer: peer, at: now)
      case .streamAccepted(let stream, let peer): handler.streamAccepted(stream, from: peer, at: now)
      case .streamData(let stream, let slot): peers.withBytes(of: slot) { handler.streamReceived(stream, $0, at: now) }
      case .streamSent(let stream, let count): handler.streamSent(stream, count, at: now)
      case .streamEnded(let stream): handler.streamEnded(stream, at: now)
      case .streamFailed(let stream, let reason): handler.streamFailed(stream, reason, at: now)
      case .hello(let slot, let peer):
        guard let hello = peers.withBytes(of: slot, { Hello($0) }) else { return peers.close(peer, reason: .protocolViolation, at: now) }
        // An address that no node can have states nothing; the core reports what the member announces about itself.
        let statesAddress = hello.address.isUsableAsPeer
        if statesAddress, allowedNetworks.contains(hello.address) {
          peers.advertised(hello.address, by: peer)
          handler.addressStated(hello.address, by: peer, at: now)
        } else if statesAddress {
          hellosNotAllowed += 1
          log.claimNotAllowed(hello.address, by: peer, at: now)
        }
        guard let name = peer.provenName else { return }
        if hello.features.contains(.zstd) { zstdReaders.insert(name) }
        handler.peerFeaturesChanged(name, hello.features, at: now)
      case .confirmed(let peer, let role):
        if role == .client { handshakes += 1 }
        log.confirmed(peer, role)
      case .warmthChanged(let name, let isWarm): handler.warmthChanged(name, isWarm: isWarm, at: now)
      case .closed(let peer, let end):
        log.closed(peer, end, at: now)
        // Its next connection may lead to another build of the program.
        if let name = peer.provenName, peers.pool.connections(to: name).isEmpty {
          zstdReaders.remove(name)
          handler.peerFeaturesChanged(name, nil, at: now)
        }
        handler.connectionClosed(peer, reason: end.closeReason, byPeer: end.isByPeer, at: now)
      case .dialFailed(let address, let expectation, let end): log.dialFailed(address, expectation, end, at: now)
      case .turnedAway(let address, let end): log.turnedAway(address, end, at: now)
      }
    }

    /// Civil time is read for each turn: an operator or a time service may have set the clock (`secure-transport.md` 3.6).
    private func readClock(at now: Instant) { peers.endpoint.setCivilTime(civilTime(), at: now) }

    private func replace(_ credentials: Credentials) {
      guard !isDown else { return }
      readClock(at: .now(on: loop))
      peers.replace(credentials: credentials, at: .now(on: loop))
      turn(at: .now(on: loop))
    }
  }

  /// Does not keep what it refers to.
  private struct WeakReference<Object: AnyObject> {
    weak var object: Object?

    init(_ object: Object) { self.object = object }
  }

  extension QUICEnd {
    /// The close code that was sent or received, or the one closest to what happened.
    fileprivate var closeReason: CloseReason {
      switch self {
      case .closed(let reason), .closedByPeer(let reason): reason
      case .peerNotAuthorised, .refusedOurCertificate: .notAuthorised
      case .wrongName, .ownName: .wrongName
      case .refusedByPeer: .overloaded
      case .error, .errorAtPeer, .noCommonVersion: .protocolViolation
      case .reset, .idle, .handshakeTimeout, .ourselves: .none
      }
    }

    fileprivate var isByPeer: Bool {
      switch self {
      case .closedByPeer, .refusedOurCertificate, .refusedByPeer, .errorAtPeer, .reset: true
      case .closed, .peerNotAuthorised, .wrongName, .ownName, .ourselves, .idle, .handshakeTimeout, .noCommonVersion, .error: false
      }
    }
  }
#endif
