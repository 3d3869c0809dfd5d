import Logging
package import NIOCore
package import SerfPrimitives

/// The `StreamLayer` over UDP and TCP (`memberlist.md` sections 1 and 2): a datagram is a packet in its envelope, and a connection is a stream.
///
/// Nothing is kept between two exchanges. Packets prove no name; streams do if a ``StreamSecurity`` is given.
package final class NetLayer: StreamLayer {
  private let tcp: TCPPort
  private let udp: any DatagramSocket
  private let loop: any EventLoop
  private let log: NetLog
  private let settings: NetTransport.Settings
  private let security: (any StreamSecurity)?
  private let allowedNetworks: AllowedNetworks
  private let packets: PacketEnvelope
  private let streamEnvelope: StreamEnvelope
  private weak var handler: (any StreamLayerHandler)?
  /// Streams that the handler knows.
  private var streams: [StreamID: TCPStream] = [:]
  /// Connections that end without the handler.
  private var released: [StreamID: TCPStream] = [:]
  private var accepted = StreamID(1)
  /// Connections that peers opened and that have no answer yet. If names must be proven, those that have not proven one are in the first, and the
  /// rest in the second.
  private var unproven = FairShares()
  private var unanswered = FairShares()
  /// The connections in ``released``.
  private var ending = FairShares()
  private var counted = Counted()
  /// How much each peer may still send.
  private var packetRates: RateLimits<FairShares.Holder>
  private var byteRates: RateLimits<FairShares.Holder>
  private var closing: EventLoopFuture<Void>?

  private struct Counted {
    var packetsReceived: UInt64 = 0
    var packetsSent: UInt64 = 0
    var packetsNotSent: UInt64 = 0
    var accepted: UInt64 = 0
    var dialled: UInt64 = 0
    var dialsFailed: UInt64 = 0
    var evicted: UInt64 = 0
    var notAllowed: UInt64 = 0
    var packetsOverLimit: UInt64 = 0
    var streamsOverLimit: UInt64 = 0
    var refused: [EnvelopeProblem: UInt64] = [:]
  }

  package let streamEndsWithMessage = false
  package let reachableAddress: NodeAddress
  package let packetBudget: Int

  init(
    _ ports: NetPorts, settings: NetTransport.Settings, security: (any StreamSecurity)? = nil, context: StreamLayerContext,
    on loop: any EventLoop
  ) {
    tcp = ports.tcp
    udp = ports.udp
    self.loop = loop
    self.settings = settings
    self.security = security
    allowedNetworks = context.allowedNetworks
    log = NetLog(context.logger)
    let now = Instant.now(on: loop)
    packetRates = RateLimits(perSecond: Self.packetsPerSecond, burst: 2 * Self.packetsPerSecond, at: now)
    byteRates = RateLimits(perSecond: Self.bytesPerSecond, burst: 2 * Self.bytesPerSecond, at: now)
    packets = PacketEnvelope(settings.protection, compression: settings.compression, compressor: Compressor())
    streamEnvelope = StreamEnvelope(security == nil ? settings.protection : WireProtection(), compression: settings.compression)
    packetBudget = Self.packetSize - packets.overhead - Self.checksumLength
    let local = tcp.localAddress
    // Go compares addresses byte by byte, and a node bound to any address advertises IPv4 in 16 bytes (`memberlist.md`, rule 5).
    reachableAddress = local.isUnspecified ? Interfaces.reachable(boundTo: local)?.mapped ?? local : local
  }

  // MARK: StreamLayer

  package var localAddress: NodeAddress { tcp.localAddress }
  package var packetsHeldBack: UInt64 { udp.heldBackCount }
  package var protection: TransportProtection { settings.encrypts ? .keyring : .clear }

  /// Only while all that is sent is encrypted and nothing else is accepted. Otherwise a host without a key could change the keys, or read a new one.
  package var keyring: KeyringAccess {
    guard let keyring = settings.keyring else { return .notEncrypted }
    guard settings.encrypts, settings.verifiesIncoming else {
      return .none(because: "clear text is sent or accepted here, so any host could change the keys")
    }
    return .shared(keyring)
  }

  package var agreement: String? {
    guard security == nil else { return nil }
    let label = settings.label.isEmpty ? "none" : "'\(escaped(Array(settings.label.utf8)))'"
    let keys =
      settings.keyring.map { "\($0.keys.count) key\($0.keys.count == 1 ? "" : "s")\(settings.exceptions)" } ?? "no key, so no encryption"
    return "the label (\(SettingName.label); here \(label)) and the key (\(SettingName.keyring); here \(keys))"
  }

  package func start(_ handler: any StreamLayerHandler) {
    self.handler = handler
    udp.start(self)
    tcp.start { [weak self] address in self?.admit(address) }
  }

  package func envelope(for destination: Destination) -> StreamEnvelope { streamEnvelope }

  package func send(_ packet: RawSpan, to destination: Destination, path: SendPath, id: PacketID?, checksummed: Bool, at now: Instant) {
    let address = destination.address
    packets.seal(packet, checksummed: checksummed) { datagram in
      counted.packetsSent += 1
      guard let id else { return udp.write(datagram, segmentSize: datagram.byteCount, to: address, ecnCapable: false, whenRefused: nil) }
      udp.write(datagram, segmentSize: datagram.byteCount, to: address, ecnCapable: false) { [weak self] reason in
        self?.notSent(id, reason)
      }
    }
  }

  /// Nothing waits: packets are sent at once.
  package func flush(at now: Instant) {}

  package func open(_ stream: StreamID, to destination: Destination, path: SendPath, deadline: Instant, at now: Instant) {
    let dialled = TCPStream(stream, isOurs: true, address: destination.address, owner: self, on: loop)
    dialled.shield = security?.shield(for: dialled, to: destination, deadline: deadline)
    streams[stream] = dialled
    counted.dialled += 1
    // Not in this turn: a dial can fail at once, and then the handler would be called from within its own call.
    let here = NIOLoopBound(self, eventLoop: loop)
    loop.execute {
      guard here.value.streams[stream] != nil else { return }
      here.value.dial(stream, dialled: here.value.streams[stream], deadline: deadline)
    }
  }

  package func write(_ bytes: [UInt8], on stream: StreamID, finish: Bool) {
    guard let found = streams[stream] else { return }
    unanswered.remove(stream)
    found.write(bytes, finish: finish)
  }

  package func consumed(_ count: Int, on stream: StreamID) { streams[stream]?.consumed(count) }

  package func reset(_ stream: StreamID) {
    guard let found = forget(stream) ?? forgetReleased(stream) else { return }
    found.reset()
  }

  package func release(_ stream: StreamID) {
    guard let found = forget(stream) else { return }
    // Connections of peers that never close must not pile up.
    let holder = FairShares.Holder(found.provenName, at: found.address)
    if released.count >= Self.releasedLimit, let victim = ending.nextToGo(for: 0, of: holder) { cutShort(victim) }
    released[stream] = found
    ending.add(stream, of: holder, amount: 1)
    found.release()
  }

  package func close(_ peer: Peer, reason: CloseReason, at now: Instant) {}

  package func shutdown(reason: CloseReason, at now: Instant) -> EventLoopFuture<Void> {
    if let closing { return closing }
    handler = nil
    for stream in streams.values { stream.reset() }
    for stream in released.values { stream.closeNow() }
    (streams, released) = ([:], [:])
    let closing = tcp.close().and(udp.close(on: loop)).map { _ in }
    self.closing = closing
    return closing
  }

  package var figures: [TransportFigure] {
    [
      TransportFigure("packets_received", counted.packetsReceived),
      TransportFigure("packets_sent", counted.packetsSent),
      TransportFigure("packets_not_sent", counted.packetsNotSent),
      TransportFigure("datagrams_refused", udp.refusedCount),
      TransportFigure("connections", UInt64(streams.count + released.count), kind: .gauge),
      TransportFigure("connections_accepted", counted.accepted),
      TransportFigure("connections_dialled", counted.dialled),
      TransportFigure("dials_failed", counted.dialsFailed),
      TransportFigure("connections_evicted", counted.evicted),
      TransportFigure("refused_network", counted.notAllowed),
      TransportFigure("packets_over_limit", counted.packetsOverLimit),
      TransportFigure("streams_over_limit", counted.streamsOverLimit),
      TransportFigure("listener_pauses", tcp.pauses),
      TransportFigure("listener_rebinds", tcp.rebinds),
    ] + EnvelopeProblem.allCases.map { TransportFigure("packets_\($0.counter)", counted.refused[$0] ?? 0) } + (security?.figures ?? [])
  }

  // MARK: Private parts

  private func dial(_ id: StreamID, dialled: TCPStream?, deadline: Instant) {
    guard let dialled else { return }
    tcp.dial(dialled, within: deadline - Instant.now(on: loop)) { [weak self] reason in
      guard let self, forget(id) != nil else { return }
      counted.dialsFailed += 1
      let now = Instant.now(on: loop)
      handler?.streamFailed(id, reason, at: now)
      handler?.readComplete(at: now)
    }
  }

  /// Decides about a connection before anything is read from it.
  private func admit(_ address: NodeAddress) -> TCPStream? {
    guard handler != nil, isAllowed(address, at: .now(on: loop)) else { return nil }
    let holder = FairShares.Holder(nil, at: address)
    guard security?.admits(address, at: .now(on: loop)) ?? true else { return nil }
    // No more than a quarter of the descriptors: the agent's clients, files and dials need descriptors as well.
    if unproven.count + unanswered.count >= min(settings.acceptedConnections, max(8, Descriptors.limit / 4)) { makeRoom(for: holder) }
    accepted = accepted.next
    let stream = TCPStream(accepted, isOurs: false, address: address, owner: self, on: loop)
    stream.shield = security?.shield(for: stream, to: nil, deadline: Instant.now(on: loop) + Self.handshakeTime)
    streams[stream.id] = stream
    if security == nil { unanswered.add(stream.id, of: holder, amount: 1) } else { unproven.add(stream.id, of: holder, amount: 1) }
    counted.accepted += 1
    return stream
  }

  /// The host that has most connections without an answer loses the oldest of them. If names must be proven, a connection that has not proven one
  /// goes first. So a flood of connections displaces itself, and members that come with a request find a place (`secure-transport.md` 3.2).
  private func makeRoom(for holder: FairShares.Holder) {
    guard let victim = unproven.nextToGo(for: 0, of: holder) ?? unanswered.nextToGo(for: 0, of: holder), let stream = forget(victim) else {
      return
    }
    counted.evicted += 1
    let now = Instant.now(on: loop)
    log.evicted(stream.address, at: now)
    if stream.isReady { handler?.streamFailed(stream.id, .refused, at: now) }
    stream.reset()
  }

  /// Ends a connection that we are done with before the peer has read everything. The handler hears of it later, because this runs within the
  /// handler's own call.
  private func cutShort(_ id: StreamID) {
    guard let stream = forgetReleased(id) else { return }
    stream.reset()
    let here = NIOLoopBound(self, eventLoop: loop)
    loop.execute { here.value.handler?.streamFailed(id, .refused, at: .now(on: here.value.loop)) }
  }

  /// Called before any other work on what comes from the address.
  private func isAllowed(_ source: NodeAddress, at now: Instant) -> Bool {
    guard !allowedNetworks.contains(source) else { return true }
    counted.notAllowed += 1
    log.notAllowed(source, at: now)
    return false
  }

  private func forget(_ id: StreamID) -> TCPStream? {
    unproven.remove(id)
    unanswered.remove(id)
    return streams.removeValue(forKey: id)
  }

  private func forgetReleased(_ id: StreamID) -> TCPStream? {
    ending.remove(id)
    return released.removeValue(forKey: id)
  }

  private func notSent(_ id: PacketID, _ reason: ContactFailure) {
    counted.packetsNotSent += 1
    // A refusal can come while the packet is being written; so the handler hears of it later.
    let here = NIOLoopBound(self, eventLoop: loop)
    loop.execute {
      let now = Instant.now(on: here.value.loop)
      here.value.handler?.packetNotSent(id, reason, at: now)
      here.value.handler?.readComplete(at: now)
    }
  }

  /// The size up to which Go fills a packet, and the checksum, which Go does not count (hazard 10).
  private static let packetSize = 1400
  private static let checksumLength = 5
  private static let releasedLimit = 256
  /// Packets accepted from one host in a second, and twice as many at once (`secure-transport.md` 3.2). Gossip needs a few hundred; hundreds of nodes
  /// may share an address.
  private static let packetsPerSecond = 20_000
  /// The same for bytes of packets and streams from one peer: about as many as full packets have. A push/pull of 100,000 members has about 15 MB.
  private static let bytesPerSecond = 32 << 20
  /// How long a peer that dials us has to prove its name. It then has the same time for its request.
  private static let handshakeTime = Duration.seconds(10)
}

extension NetLayer: DatagramSocketHandler {
  package func datagramReceived(_ datagram: RawSpan, from source: NodeAddress, ecn: UInt8, at now: Instant) {
    guard let handler else { return }
    counted.packetsReceived += 1
    guard isAllowed(source, at: now) else { return }
    do throws(EnvelopeProblem) {
      // The limit applies after the packet is opened: a host without the key cannot use up what a member may send.
      try packets.open(datagram) { packet in
        let holder = FairShares.Holder(nil, at: source)
        guard packetRates.take(of: holder, at: now), byteRates.take(packet.byteCount, of: holder, at: now) else {
          counted.packetsOverLimit += 1
          return log.exceeded(source, at: now)
        }
        handler.packetReceived(packet, from: Peer(address: source), at: now)
      }
    } catch {
      counted.refused[error, default: 0] += 1
      log.refused(error, from: source, at: now)
    }
  }

  package func datagramsComplete(at now: Instant) { handler?.readComplete(at: now) }
}

extension NetLayer: TCPStreamOwner {
  func ready(_ stream: TCPStream) {
    let peer = Peer(address: stream.address, provenName: stream.provenName)
    if stream.isOurs {
      handler?.streamOpened(stream.id, peer: peer, at: .now(on: loop))
    } else {
      if unproven.contains(stream.id) {
        unproven.remove(stream.id)
        unanswered.add(stream.id, of: FairShares.Holder(peer), amount: 1)
      }
      handler?.streamAccepted(stream.id, from: peer, at: .now(on: loop))
    }
  }

  func sent(_ count: Int, on stream: TCPStream) {
    guard streams[stream.id] != nil || released[stream.id] != nil else { return }
    handler?.streamSent(stream.id, count, at: .now(on: loop))
  }

  func received(_ bytes: RawSpan, on stream: TCPStream) {
    guard streams[stream.id] != nil else { return }
    let now = Instant.now(on: loop)
    guard byteRates.take(bytes.byteCount, of: FairShares.Holder(stream.provenName, at: stream.address), at: now) else {
      counted.streamsOverLimit += 1
      log.exceeded(stream.address, at: now)
      _ = forget(stream.id)
      stream.reset()
      handler?.streamFailed(stream.id, .refused, at: now)
      handler?.readComplete(at: now)
      return
    }
    handler?.streamReceived(stream.id, bytes, at: now)
  }

  func peerEnded(_ stream: TCPStream) {
    guard streams[stream.id] != nil else { return }
    handler?.streamEnded(stream.id, at: .now(on: loop))
  }

  func failed(_ stream: TCPStream, _ reason: ContactFailure) {
    // A stream that the handler never heard of does not fail for it either.
    guard (forget(stream.id) ?? forgetReleased(stream.id)) != nil, stream.isOurs || stream.isReady else { return }
    handler?.streamFailed(stream.id, reason, at: .now(on: loop))
  }

  func gone(_ stream: TCPStream) {
    _ = forgetReleased(stream.id)
    _ = forget(stream.id)
  }

  func readComplete() { handler?.readComplete(at: .now(on: loop)) }
}

/// Proves which peer is at the other end of a layer's streams.
protocol StreamSecurity: AnyObject {
  /// Whether a connection from this address may begin to prove its name now, by the limit on proofs in a second.
  func admits(_ address: NodeAddress, at now: Instant) -> Bool
  /// The shield of a stream to `destination`, or of one that a peer opened to us (nil). The proof may take until `deadline`.
  func shield(for stream: TCPStream, to destination: Destination?, deadline: Instant) -> any StreamShield
  /// What was counted since the start.
  var figures: [TransportFigure] { get }
}
