#if QUIC
  import NIOCore
  import SerfIdentity
  import SerfPrimitives
  import SerfQUIC
  import SerfTestSupport
  import SerfTransport

  /// An attacker for tests: QUIC and nothing above it, with any certificate, protocol and bytes that a test gives it, on a ``EmbeddedUDP``.
  ///
  /// It sends at the first moment that its own side of the handshake allows, which is before it can know that it is refused.
  final class Adversary: DatagramSocketHandler {
    /// What it sends as soon as a connection allows it.
    enum Move: Sendable {
      /// Gossip: a datagram, or its own stream when it fits into none.
      case packet([UInt8])
      /// A request on a reliable stream.
      case exchange([UInt8])
      /// The same, a byte a second.
      case trickle([UInt8])
      /// The beginning of a request on as many streams as the node allows, and again on a new one for each that the node gives up.
      case occupy([UInt8])
      /// The same request on as many streams as the node allows.
      case everywhere([UInt8])
    }

    let address: NodeAddress
    private let endpoint: QUICEndpoint
    private let socket: any DatagramSocket
    private let loop: any EventLoop
    private var timer: LoopTimer?
    private var moves: [Move] = []
    private var connection: ConnectionID?
    /// A stream that is written a byte at a time, and when the next byte is due.
    private var trickle: (stream: QUICStreamID, rest: ArraySlice<UInt8>, next: Instant)?
    /// The request with which it occupies streams.
    private var occupying: [UInt8]?
    /// How many streams it opened.
    private(set) var streamsOpened = 0

    /// Whether it consumes what arrives on streams, so that more may arrive.
    var reads = true

    /// Its answer to every request from others.
    var answer: [UInt8]?

    /// Its own side of the handshake is done: it accepts the server.
    private(set) var isEstablished = false
    /// The server accepts it.
    private(set) var isConfirmed = false
    private(set) var end: QUICEnd?
    /// All that it has ever received: datagrams, hellos, and bytes of streams.
    private(set) var received: [[UInt8]] = []

    init(
      _ credentials: Credentials, applicationProtocol: String = "serf/1", on network: EmbeddedUDP,
      _ adjust: (inout QUICConfiguration) -> Void = { _ in }
    ) {
      loop = network.loop
      socket = network.socket()
      address = socket.localAddress
      let now = Instant.now(on: loop)
      var configuration = QUICConfiguration(localAddress: address)
      configuration.applicationProtocol = applicationProtocol
      configuration.hello = Hello(address: address).encoded
      configuration.oversizedPacketLimit = 1 << 20
      configuration.handshakeMessageLimit = 1 << 20
      adjust(&configuration)
      endpoint = QUICEndpoint(
        configuration: configuration, credentials: credentials, civilOrigin: UTCTime.now - .nanoseconds(now.nanoseconds), at: now)
      timer = LoopTimer(on: loop) { [weak self] now in self?.turn(at: now) }
      socket.start(self)
    }

    /// Dials the node at `address` and makes these moves as soon as it can.
    func attack(_ address: NodeAddress, with moves: [Move]) {
      self.moves = moves
      connection = endpoint.connect(to: address, expecting: .anyMember, at: .now(on: loop))
      turn(at: .now(on: loop))
    }

    /// Makes more moves on the existing connection, or dials again.
    func go(on address: NodeAddress, with moves: [Move]) {
      guard let connection, isEstablished, end == nil else {
        (isEstablished, isConfirmed, end) = (false, false, nil)
        return attack(address, with: moves)
      }
      for move in moves { make(move, on: connection, at: .now(on: loop)) }
      turn(at: .now(on: loop))
    }

    func datagramReceived(_ datagram: RawSpan, from source: NodeAddress, ecn: UInt8, at now: Instant) {
      endpoint.receive(datagram, from: source, ecn: 0, at: now)
    }

    func datagramsComplete(at now: Instant) { turn(at: now) }

    private func turn(at now: Instant) {
      endpoint.advance(to: now)
      writeTrickle(at: now)
      while let event = endpoint.nextEvent() { handle(event, at: now) }
      while let transmit = endpoint.nextTransmit(at: now) {
        endpoint.withBytes(of: transmit) {
          socket.write($0, segmentSize: transmit.segmentSize, to: transmit.destination, ecnCapable: false, whenRefused: nil)
        }
      }
      timer?.arm(at: [endpoint.nextDeadline, trickle?.next].compactMap(\.self).min())
    }

    private func handle(_ event: QUICEvent, at now: Instant) {
      switch event {
      case .established(let id, _, _, _) where id == connection:
        isEstablished = true
        for move in moves { make(move, on: id, at: now) }
      case .confirmed(let id) where id == connection: isConfirmed = true
      case .closed(let id, let end) where id == connection: self.end = end
      case .packet(_, let slot), .hello(_, let slot): keep(slot)
      case .streamData(let stream, let slot, let isLast):
        keep(slot)
        if reads { endpoint.consumed(slot.count, on: stream) }
        if isLast, let answer, stream.connection != connection { endpoint.write(SendChunk(copying: answer), on: stream, finish: true) }
      case .streamReset(let stream, _), .streamStopped(let stream):
        if occupying != nil { endpoint.reset(stream) }
      case .streamClosed(let stream): if occupying != nil { occupy(stream.connection) }
      case .streamsAllowed(let id): if occupying != nil { occupy(id) }
      default: break
      }
    }

    private func keep(_ slot: ByteSlot) { received.append(endpoint.withBytes(of: slot) { $0.withUnsafeBytes { Array($0) } }) }

    private func make(_ move: Move, on id: ConnectionID, at now: Instant) {
      switch move {
      case .packet(let bytes): _ = endpoint.send(bytes.span.bytes, on: id, id: nil, deadline: now + .seconds(60))
      case .exchange(let bytes):
        guard let stream = endpoint.openStream(on: id) else { return }
        endpoint.write(SendChunk(copying: bytes), on: stream, finish: true)
      case .everywhere(let bytes):
        while let stream = endpoint.openStream(on: id) {
          streamsOpened += 1
          endpoint.write(SendChunk(copying: bytes), on: stream, finish: true)
        }
      case .occupy(let bytes):
        occupying = bytes
        occupy(id)
      case .trickle(let bytes):
        guard let stream = endpoint.openStream(on: id) else { return }
        trickle = (stream, bytes[...], now)
        writeTrickle(at: now)
      }
    }

    private func occupy(_ id: ConnectionID) {
      while let occupying, let stream = endpoint.openStream(on: id) {
        streamsOpened += 1
        endpoint.write(SendChunk(copying: occupying), on: stream)
      }
    }

    private func writeTrickle(at now: Instant) {
      guard let (stream, rest, next) = trickle, next <= now else { return }
      trickle = rest.count > 1 ? (stream, rest.dropFirst(), now + .seconds(1)) : nil
      endpoint.write(SendChunk(copying: Array(rest.prefix(1))), on: stream)
    }
  }
#endif
