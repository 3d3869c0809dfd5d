#if TLS
  import NIOCore
  import NIOSSL
  import NIOTLS
  import SerfIdentity
  import SerfPrimitives

  /// TLS on one connection.
  ///
  /// ```
  /// socket ── SocketEnd ── NIOSSLHandler ── TLSProof ── TCPStream
  ///           deadline     the protocol     the name    ready once it is proven
  /// ```
  final class TLSShield: StreamShield {
    let handlers: [any ChannelHandler]
    private let socketEnd: SocketEnd

    init(
      _ identity: TLSIdentity, for stream: TCPStream, to destination: Destination?, deadline: Instant, over: @escaping TLSProof.Over,
      on loop: any EventLoop
    ) {
      let contexts = identity.current
      let proof = TLSProof(identity, contexts.credentials, destination, stream: stream, over: over)
      let bound = NIOLoopBound(proof, eventLoop: loop)
      let verify: NIOSSLCustomVerificationCallback = { chain, promise in
        promise.succeed(bound.value.verify(chain) ? .certificateVerified : .failed)
      }
      socketEnd = SocketEnd(proof, deadline: deadline)
      let tls: NIOSSLHandler
      if destination == nil {
        tls = NIOSSLServerHandler(context: contexts.server, customVerificationCallback: verify)
      } else {
        tls = Self.client(contexts.client, verify)
      }
      handlers = [socketEnd, tls, proof]
    }

    func closeSocket() { socketEnd.close() }

    private static func client(_ context: NIOSSLContext, _ verify: @escaping NIOSSLCustomVerificationCallback) -> NIOSSLClientHandler {
      do {
        // No SNI (`secure-transport.md` 1.3): a host's name proves nothing here.
        return try NIOSSLClientHandler(context: context, serverHostname: nil, customVerificationCallback: verify)
      } catch { preconditionFailure("only a host name can be refused, and there is none: \(error)") }
    }
  }

  /// The handler next to the socket: ends what takes too long, closes without TLS's close_notify when told to, and makes sure that a close_notify or
  /// an alert arrives when TLS closes.
  private final class SocketEnd: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let proof: TLSProof
    private let deadline: Instant
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var hasPeerEnded = false
    private var isDraining = false

    init(_ proof: TLSProof, deadline: Instant) {
      self.proof = proof
      self.deadline = deadline
    }

    func close() { context?.close(mode: .all, promise: nil) }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
      self.context = nil
      timer?.cancel()
    }

    func channelActive(context: ChannelHandlerContext) {
      schedule(in: deadline - Instant.now(on: context.eventLoop), on: context.eventLoop) { $0.proof.expired() }
      context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      if !isDraining { context.fireChannelRead(data) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      guard case ChannelEvent.inputClosed? = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
      hasPeerEnded = true
      guard !isDraining else { return close() }
      guard !proof.isProven else { return context.fireUserInboundEventTriggered(event) }
      // A peer may send its data and its end with the last message of the handshake. When a certificate has just been verified, that message waits
      // for the next turn. An end before it would count as a broken handshake.
      context.eventLoop.assumeIsolated().execute { [self] in self.context?.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
      guard mode == .all, !isDraining else { return context.close(mode: mode, promise: promise) }
      // NIO drops waiting bytes when it closes, and TLS's last message may be among them.
      let flushed = context.eventLoop.makePromise(of: Void.self)
      context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(capacity: 0)), promise: flushed)
      flushed.futureResult.assumeIsolated().whenComplete { [self] result in
        guard case .success = result, proof.owesReason, !hasPeerEnded else { return context.close(mode: .all, promise: promise) }
        // Unread bytes would turn the close into a reset, and the peer would not learn why it is turned away.
        isDraining = true
        context.close(mode: .output, promise: promise)
        schedule(in: .seconds(1), on: context.eventLoop) { $0.close() }
      }
    }

    private func schedule(in time: Duration, on loop: any EventLoop, _ work: @escaping (SocketEnd) -> Void) {
      timer?.cancel()
      timer = loop.assumeIsolated().scheduleTask(in: .nanoseconds(max(0, time.nanoseconds))) { [self] in work(self) }
    }
  }

  /// Verifies the peer's name (`secure-transport.md` section 1), and lets the stream begin when the name is proven.
  final class TLSProof: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// ALPN, mandatory on both sides.
    static let applicationProtocol = "serf/1"

    /// Called when the handshake ended: nil for success.
    typealias Over = (TCPStream, TLSEnd?) -> Void

    private let identity: TLSIdentity
    /// The credentials with which the peer is verified, and which we present to it.
    private let credentials: Credentials
    /// The destination of our stream; nil for one that a peer opened.
    private let destination: Destination?
    private weak var stream: TCPStream?
    private var over: Over?
    private var peer: PeerIdentity?
    private var refusal: TLSEnd?
    /// Whether we accept the peer. A peer that we dialled may still refuse us: its decision comes with the first read.
    private(set) var isProven = false

    init(_ identity: TLSIdentity, _ credentials: Credentials, _ destination: Destination?, stream: TCPStream, over: @escaping Over) {
      self.identity = identity
      self.credentials = credentials
      self.destination = destination
      self.stream = stream
      self.over = over
    }

    /// Whether we turn away a peer that dialled us.
    var owesReason: Bool { destination == nil && !isProven }

    /// Whether we accept the peer. This is the only place where that is decided.
    func verify(_ certificates: [NIOSSLCertificate]) -> Bool {
      do throws(VerificationFailure) {
        let chain = certificates.compactMap { try? $0.toDERBytes() }
        guard chain.count == certificates.count else { throw .unreadable }
        let identity = try credentials.verify(chain: chain, at: .now)
        if case .member(let expected, _)? = destination, identity.node != expected {
          refusal = .wrongName(identity.node)
        } else if identity.node == credentials.node {
          refusal = .ownName
        } else {
          peer = identity
        }
      } catch { refusal = .peerNotAuthorised(error) }
      return refusal == nil
    }

    func expired() {
      if !isProven { end(.deadline, isClosing: false) }
    }

    // MARK: ChannelInboundHandler

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      guard case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent else { return context.fireUserInboundEventTriggered(event) }
      guard negotiated == Self.applicationProtocol else { return end(.otherProtocol, isClosing: false) }
      // A resumed session comes without a certificate: the library issues tickets for resumption, but no member of ours uses them.
      guard let peer else { return end(.peerNotAuthorised(.noCertificate), isClosing: false) }
      // Our credentials may have been replaced since the peer was verified.
      do throws(VerificationFailure) {
        try identity.current.credentials.reverify(peer, at: .now)
      } catch { return end(.peerNotAuthorised(error), isClosing: false) }
      isProven = true
      if let stream, destination == nil { report(stream, nil) }
      stream?.proven(peer.node)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      // A peer that answers has accepted us.
      if let stream { report(stream, nil) }
      context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      guard over != nil else { return context.fireErrorCaught(error) }
      // After the name is proven, an error is a broken connection, unless the peer says that it refuses our certificate.
      let end = refusal ?? TLSEnd(error)
      if isProven, end == .broken { return context.fireErrorCaught(error) }
      self.end(end, isClosing: destination == nil)
    }

    // MARK: Private parts

    private func end(_ end: TLSEnd, isClosing: Bool) {
      guard let stream else { return }
      report(stream, end)
      stream.breakOff(end.contactFailure, isClosing: isClosing)
    }

    private func report(_ stream: TCPStream, _ end: TLSEnd?) {
      guard let over else { return }
      self.over = nil
      over(stream, end)
    }
  }
#endif
