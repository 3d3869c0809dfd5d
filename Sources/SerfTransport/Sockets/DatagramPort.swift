package import Logging
package import NIOCore
import NIOPosix
package import SerfPrimitives

/// A bound UDP socket as a transport sees it; confined to one event loop. ``DatagramPort`` is the real one.
package protocol DatagramSocket: AnyObject {
  /// The bound address, with the port that the kernel chose.
  var localAddress: NodeAddress { get }
  /// Starts delivering. The handler is held weakly.
  func start(_ handler: any DatagramSocketHandler)
  /// Queues bytes that are one datagram, or several of `segmentSize` bytes back to back, of which the last may be shorter. `whenRefused` hears
  /// of a single datagram that the kernel would not take, perhaps before the call returns.
  func write(
    _ bytes: RawSpan, segmentSize: Int, to destination: NodeAddress, ecnCapable: Bool, whenRefused: ((ContactFailure) -> Void)?)
  /// Sends what is queued.
  func flush()
  /// Closes the socket; completes when it is released.
  func close(on loop: any EventLoop) -> EventLoopFuture<Void>
}

/// What a ``DatagramSocket`` delivers to, on its event loop.
package protocol DatagramSocketHandler: AnyObject {
  /// One datagram. The bytes are valid only during the call.
  func datagramReceived(_ datagram: RawSpan, from source: NodeAddress, congestionExperienced: Bool, at now: Instant)
  /// A batch has been delivered.
  func datagramsComplete(at now: Instant)
}

/// One bound UDP socket: vectored reads with receive offload (GRO), batched writes with segmentation offload (GSO), ECN.
///
/// Offloads are used where the kernel has them. A kernel or device that refuses a GSO write (EIO, EINVAL, ENOTSUP) turns it off for the socket's
/// life; the refused batch is sent again one datagram at a time (`secure-transport.md` 2.11). There is no SO_REUSEADDR: a used port must fail.
package final class DatagramPort: DatagramSocket, ChannelInboundHandler {
  package typealias InboundIn = AddressedEnvelope<ByteBuffer>
  package typealias OutboundOut = AddressedEnvelope<ByteBuffer>

  /// Counters since the start.
  package struct Counters: Hashable, Sendable {
    /// Datagrams that the kernel would not take.
    package var refusedWrites = 0
    /// Whether and how often GSO had to be given up: 0 or 1.
    package var segmentationFallbacks = 0
  }

  private var channel: (any Channel)?
  private weak var handler: (any DatagramSocketHandler)?
  private var socketAddresses: [NodeAddress: SocketAddress] = [:]
  private var batchTime: Instant?
  private var needsFlush = false
  private let logger: Logger

  /// Whether several equal datagrams may leave in one write.
  package private(set) var canSegment: Bool
  package private(set) var counters = Counters()
  package private(set) var localAddress: NodeAddress

  private init(logger: Logger, localAddress: NodeAddress) {
    self.logger = logger
    self.localAddress = localAddress
    canSegment = System.supportsUDPSegmentationOffload
  }

  /// Binds `address` on `loop`. Fails with ``TransportError``.
  package static func bind(_ address: NodeAddress, on loop: any EventLoop, logger: Logger) -> EventLoopFuture<NIOLoopBound<DatagramPort>> {
    loop.preconditionInEventLoop()
    let port = NIOLoopBound(DatagramPort(logger: logger, localAddress: address), eventLoop: loop)
    let offload = System.supportsUDPReceiveOffload
    // With GRO one slot holds up to 64 KiB of equal datagrams; without, a slot is one datagram.
    let (slots, slotSize) = offload ? (4, 1 << 16) : (32, 2048)
    return DatagramBootstrap(group: loop)
      .channelOption(.datagramVectorReadMessageCount, value: slots)
      .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: slots * slotSize))
      .channelOption(.explicitCongestionNotification, value: true)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(port.value)
          // Best effort: the kernel caps it at rmem_max and wmem_max.
          for option in [ChannelOptions.socketOption(.so_rcvbuf), ChannelOptions.socketOption(.so_sndbuf)] {
            try? channel.syncOptions?.setOption(option, value: 4 << 20)
          }
          if offload {
            try? channel.syncOptions?.setOption(.datagramReceiveOffload, value: true)
            try? channel.syncOptions?.setOption(.datagramReceiveSegmentSize, value: true)
          }
        }
      }
      .bind(to: SocketAddress(address))
      .map { channel in
        port.value.channel = channel
        if let bound = channel.localAddress.flatMap(NodeAddress.init) { port.value.localAddress = bound }
        return port
      }
      .flatMapErrorThrowing { throw TransportError(binding: address, $0) }
  }

  package func start(_ handler: any DatagramSocketHandler) { self.handler = handler }

  package func write(
    _ bytes: RawSpan, segmentSize: Int, to destination: NodeAddress, ecnCapable: Bool, whenRefused: ((ContactFailure) -> Void)?
  ) {
    guard let channel else { return }
    var buffer = channel.allocator.buffer(capacity: bytes.byteCount)
    bytes.withUnsafeBytes { _ = buffer.writeBytes($0) }
    let envelope = Envelope(buffer: buffer, segmentSize: segmentSize, to: socketAddress(destination), ecnCapable: ecnCapable)
    needsFlush = true
    if canSegment && bytes.byteCount > segmentSize {
      let promise = channel.eventLoop.makePromise(of: Void.self)
      promise.futureResult.assumeIsolated().whenFailure { [self] error in segmentationRefused(error, envelope) }
      channel.pipeline.syncOperations.write(wrapOutboundOut(envelope.whole), promise: promise)
    } else if let whenRefused {
      let promise = channel.eventLoop.makePromise(of: Void.self)
      promise.futureResult.assumeIsolated().whenFailure { [self] error in
        counters.refusedWrites += 1
        whenRefused(Self.reason(error))
      }
      channel.pipeline.syncOperations.write(wrapOutboundOut(envelope.single), promise: promise)
    } else {
      writeSingly(envelope)
    }
  }

  package func flush() {
    guard needsFlush else { return }
    needsFlush = false
    channel?.pipeline.syncOperations.flush()
  }

  package func close(on loop: any EventLoop) -> EventLoopFuture<Void> {
    flush()
    handler = nil
    guard let channel else { return loop.makeSucceededVoidFuture() }
    self.channel = nil
    return channel.close().flatMapErrorThrowing { _ in }
  }

  // MARK: ChannelInboundHandler

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard let handler else { return }
    let envelope = unwrapInboundIn(data)
    guard let source = NodeAddress(envelope.remoteAddress)?.unscoped(by: localAddress) else { return }
    let now = batchTime ?? context.eventLoop.instant
    batchTime = now
    let congested = envelope.metadata?.ecnState == .congestionExperienced
    let segment = max(1, envelope.metadata?.segmentSize ?? envelope.data.readableBytes)
    envelope.data.withUnsafeReadableBytes { bytes in
      var offset = 0
      repeat {
        let end = min(bytes.count, offset + segment)
        handler.datagramReceived(
          RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[offset..<end])), from: source, congestionExperienced: congested,
          at: now)
        offset = end
      } while offset < bytes.count
    }
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    let now = batchTime ?? context.eventLoop.instant
    batchTime = nil
    handler?.datagramsComplete(at: now)
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A datagram socket has no error that ends it: what arrives here is one failed read, which UDP is allowed to have.
    logger.debug("datagram socket: \(error)")
  }

  // MARK: Private parts

  private struct Envelope {
    let buffer: ByteBuffer
    let segmentSize: Int
    let remote: SocketAddress
    let ecn: NIOExplicitCongestionNotificationState

    init(buffer: ByteBuffer, segmentSize: Int, to remote: SocketAddress, ecnCapable: Bool) {
      self.buffer = buffer
      self.segmentSize = max(1, segmentSize)
      self.remote = remote
      ecn = ecnCapable ? .transportCapableFlag0 : .transportNotCapable
    }

    var single: AddressedEnvelope<ByteBuffer> { AddressedEnvelope(remoteAddress: remote, data: buffer, metadata: .init(ecnState: ecn)) }

    var whole: AddressedEnvelope<ByteBuffer> {
      AddressedEnvelope(
        remoteAddress: remote, data: buffer, metadata: .init(ecnState: ecn, packetInfo: nil, segmentSize: segmentSize))
    }
  }

  private func writeSingly(_ envelope: Envelope) {
    guard let channel else { return }
    var rest = envelope.buffer
    while let datagram = rest.readSlice(length: min(rest.readableBytes, envelope.segmentSize)), datagram.readableBytes > 0 {
      let one = AddressedEnvelope(remoteAddress: envelope.remote, data: datagram, metadata: .init(ecnState: envelope.ecn))
      channel.pipeline.syncOperations.write(wrapOutboundOut(one), promise: nil)
    }
  }

  private func segmentationRefused(_ error: any Error, _ envelope: Envelope) {
    guard let code = (error as? IOError)?.errnoCode, [EIO, EINVAL, ENOTSUP].contains(code) else {
      counters.refusedWrites += 1
      return
    }
    if canSegment {
      canSegment = false
      counters.segmentationFallbacks += 1
      logger.notice("the kernel refused a segmented write (errno \(code)); sending datagrams one by one from now on")
    }
    writeSingly(envelope)
    channel?.pipeline.syncOperations.flush()
  }

  private func socketAddress(_ address: NodeAddress) -> SocketAddress {
    if let known = socketAddresses[address] { return known }
    // A small cache spares an allocation per packet; a flood of addresses only empties it.
    if socketAddresses.count >= 4096 { socketAddresses.removeAll(keepingCapacity: true) }
    let made = SocketAddress(address.scoped(by: localAddress))
    socketAddresses[address] = made
    return made
  }

  /// The network's answer tells of the peer; everything else is our own trouble.
  private static func reason(_ error: any Error) -> ContactFailure {
    switch (error as? IOError)?.errnoCode {
    case ECONNREFUSED, EHOSTUNREACH, EHOSTDOWN: .noContact
    default: .notSent
    }
  }
}

extension TransportError {
  /// Why an address cannot be bound, and what to do.
  init(binding address: NodeAddress, _ error: any Error) {
    let text =
      switch (error as? IOError)?.errnoCode {
      case EADDRINUSE: "cannot bind \(address): the port is in use. Stop the other process or choose another port with -bind"
      case EADDRNOTAVAIL: "cannot bind \(address): no interface of this machine has that address. Choose one that `ip address` lists"
      case EACCES: "cannot bind \(address): permission denied. Ports below 1024 need root or CAP_NET_BIND_SERVICE"
      case EINVAL where address.isLinkLocal && !address.isIPv4 && address.zone == 0:
        "cannot bind \(address): a link-local address needs its interface. Write it behind the address: \(address.host)%eth0"
      case ENODEV: "cannot bind \(address): there is no interface number \(address.zone). 'ip address' lists them"
      default: "cannot bind \(address): \(error)"
      }
    self.init(.bind, text)
  }
}
