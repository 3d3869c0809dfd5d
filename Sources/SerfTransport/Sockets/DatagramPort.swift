package import Logging
package import NIOCore
import NIOPosix
package import SerfPrimitives

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A bound UDP socket as a transport sees it; confined to one event loop. ``DatagramPort`` is the real one.
package protocol DatagramSocket: AnyObject {
  /// The bound address, with the port that the kernel chose.
  var localAddress: NodeAddress { get }
  /// How many datagrams the system has refused since the start.
  var refusedCount: UInt64 { get }
  /// How often a write found the kernel's buffer full since the start.
  var heldBackCount: UInt64 { get }
  /// Starts delivering. The handler is held weakly.
  func start(_ handler: any DatagramSocketHandler)
  /// Sends bytes that are one datagram, or several of `segmentSize` bytes back to back, of which the last may be shorter. `whenRefused` is called for
  /// each datagram that the system refuses, perhaps before this call returns.
  func write(
    _ bytes: RawSpan, segmentSize: Int, to destination: NodeAddress, ecnCapable: Bool, whenRefused: ((ContactFailure) -> Void)?)
  /// Closes the socket; completes when it is released.
  func close(on loop: any EventLoop) -> EventLoopFuture<Void>
}

/// What a ``DatagramSocket`` delivers to, on its event loop.
package protocol DatagramSocketHandler: AnyObject {
  /// One datagram. The bytes are valid only during the call. `ecn` is the two bits of its IP header (RFC 3168, section 5): 0 not capable, 1 ECT(1),
  /// 2 ECT(0), 3 congestion experienced.
  func datagramReceived(_ datagram: RawSpan, from source: NodeAddress, ecn: UInt8, at now: Instant)
  /// A batch has been delivered.
  func datagramsComplete(at now: Instant)
}

/// One bound UDP socket: vectored reads with receive offload (GRO), writes with segmentation offload (GSO), ECN.
///
/// Offloads are used where the kernel has them. A kernel or device that refuses a GSO write (EIO, EINVAL, ENOTSUP) but accepts the same datagrams one
/// by one turns it off for the socket's life (`secure-transport.md` 2.11). A datagram that the kernel refuses is lost, like one that is lost in the
/// network, and is counted. One that finds the kernel's buffer full waits, in order, up to ``backlogLimit`` bytes.
package final class DatagramPort: DatagramSocket, ChannelInboundHandler {
  package typealias InboundIn = AddressedEnvelope<ByteBuffer>

  private let loop: any EventLoop
  private var channel: (any Channel)?
  /// Nil when the socket is closed.
  private var sender: DatagramSender?
  private weak var handler: (any DatagramSocketHandler)?
  private var socketAddresses: [NodeAddress: SocketAddress] = [:]
  private var batchTime: Instant?
  private var backlog = DatagramBacklog<Target>(limit: DatagramPort.backlogLimit)
  private let logger: Logger

  /// Whether several equal datagrams may be sent in one write.
  package private(set) var canSegment: Bool
  package private(set) var refusedCount: UInt64 = 0
  package private(set) var heldBackCount: UInt64 = 0
  package private(set) var localAddress: NodeAddress

  /// How many bytes wait for room in the kernel's buffer; what exceeds this is refused.
  package static let backlogLimit = 4 << 20

  private init(logger: Logger, localAddress: NodeAddress, on loop: any EventLoop) {
    self.logger = logger
    self.localAddress = localAddress
    self.loop = loop
    canSegment = System.supportsUDPSegmentationOffload
  }

  /// Binds `address` on `loop`. Fails with ``SerfError``.
  package static func bind(_ address: NodeAddress, on loop: any EventLoop, logger: Logger) -> EventLoopFuture<NIOLoopBound<DatagramPort>> {
    loop.preconditionInEventLoop()
    let descriptor: CInt
    do {
      descriptor = try DatagramSender.bind(SocketAddress(address))
    } catch {
      return loop.makeFailedFuture(SerfError(binding: address, error))
    }
    let port = NIOLoopBound(DatagramPort(logger: logger, localAddress: address, on: loop), eventLoop: loop)
    let offload = System.supportsUDPReceiveOffload
    // A slot has room for the longest possible datagram, or with GRO up to 64 KiB of equal ones.
    let (slots, slotSize) = (4, 1 << 16)
    // 64 datagrams in a turn of the loop. NIO's default gives 16: with hundreds of sockets on one loop a busy one fell seconds behind.
    let readsPerTurn: UInt = 16
    return DatagramBootstrap(group: loop)
      .channelOption(.datagramVectorReadMessageCount, value: slots)
      .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: slots * slotSize))
      .channelOption(.maxMessagesPerRead, value: readsPerTurn)
      .channelOption(.explicitCongestionNotification, value: true)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(port.value)
          // Best effort: the kernel limits it to rmem_max and wmem_max.
          for option in [ChannelOptions.socketOption(.so_rcvbuf), ChannelOptions.socketOption(.so_sndbuf)] {
            try? channel.syncOptions?.setOption(option, value: 4 << 20)
          }
          if offload {
            try? channel.syncOptions?.setOption(.datagramReceiveOffload, value: true)
            try? channel.syncOptions?.setOption(.datagramReceiveSegmentSize, value: true)
          }
        }
      }
      .withBoundSocket(descriptor)
      .map { channel in
        port.value.channel = channel
        port.value.sender = DatagramSender(descriptor)
        if let bound = channel.localAddress.flatMap(NodeAddress.init) { port.value.localAddress = bound }
        return port
      }
      .flatMapErrorThrowing { throw SerfError(binding: address, $0) }
  }

  package func start(_ handler: any DatagramSocketHandler) { self.handler = handler }

  package func write(
    _ bytes: RawSpan, segmentSize: Int, to destination: NodeAddress, ecnCapable: Bool, whenRefused: ((ContactFailure) -> Void)?
  ) {
    let target = Target(destination, segmentSize: max(1, segmentSize), ecnCapable: ecnCapable, whenRefused: whenRefused)
    bytes.withUnsafeBytes { bytes in
      let rest = backlog.isEmpty ? send(bytes, to: target) : bytes
      if !rest.isEmpty { wait(rest, target) }
    }
  }

  package func close(on loop: any EventLoop) -> EventLoopFuture<Void> {
    handler = nil
    sender = nil
    backlog.removeAll()
    guard let channel else { return loop.makeSucceededVoidFuture() }
    self.channel = nil
    return channel.close().flatMapErrorThrowing { _ in }
  }

  // MARK: ChannelInboundHandler

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard let handler else { return }
    let envelope = unwrapInboundIn(data)
    guard let source = NodeAddress(envelope.remoteAddress)?.unscoped(by: localAddress) else { return }
    let now = batchTime ?? Instant.now(on: context.eventLoop)
    batchTime = now
    let ecn = envelope.metadata?.ecnState.bits ?? 0
    let segment = max(1, envelope.metadata?.segmentSize ?? envelope.data.readableBytes)
    envelope.data.withUnsafeReadableBytes { bytes in
      var offset = 0
      repeat {
        let end = min(bytes.count, offset + segment)
        handler.datagramReceived(
          RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[offset..<end])), from: source, ecn: ecn, at: now)
        offset = end
      } while offset < bytes.count
    }
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    let now = batchTime ?? Instant.now(on: context.eventLoop)
    batchTime = nil
    handler?.datagramsComplete(at: now)
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A read failed, which is normal for UDP. If NIO does not go on, it calls `channelInactive`.
    logger.debug("datagram socket: \(error)")
  }

  package func channelInactive(context: ChannelHandlerContext) {
    // From here on, the descriptor may belong to another file.
    sender = nil
    guard handler != nil else { return }
    logger.error("the system closed the UDP socket \(localAddress): the node receives nothing any more; restart it")
  }

  // MARK: Private parts

  /// The destination of bytes, and how to send them.
  private struct Target {
    let destination: NodeAddress
    let segmentSize: Int
    let ecnCapable: Bool
    let whenRefused: ((ContactFailure) -> Void)?

    init(_ destination: NodeAddress, segmentSize: Int, ecnCapable: Bool, whenRefused: ((ContactFailure) -> Void)?) {
      self.destination = destination
      self.segmentSize = segmentSize
      self.ecnCapable = ecnCapable
      self.whenRefused = whenRefused
    }
  }

  /// Returns the bytes for which the kernel's buffer had no room.
  private func send(_ bytes: UnsafeRawBufferPointer, to target: Target) -> UnsafeRawBufferPointer {
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    guard let sender else {
      refused(EBADF, target)
      return nothing
    }
    let address = socketAddress(target.destination)
    var rest = UnsafeRawBufferPointer(rebasing: bytes[...])
    var isSegmentationSuspect = false
    if canSegment, bytes.count > target.segmentSize, let size = UInt16(exactly: target.segmentSize) {
      switch sender.send(rest, segmentSize: size, to: address, ecnCapable: target.ecnCapable) {
      case 0: return nothing
      case EAGAIN: return rest
      case EIO, EINVAL, ENOTSUP: isSegmentationSuspect = true
      case let error:
        refused(error, target)
        return nothing
      }
    }
    while !rest.isEmpty {
      let size = min(target.segmentSize, rest.count)
      switch sender.send(UnsafeRawBufferPointer(rebasing: rest[..<size]), segmentSize: nil, to: address, ecnCapable: target.ecnCapable) {
      case 0:
        if isSegmentationSuspect, canSegment {
          canSegment = false
          logger.notice("the kernel refused a segmented write; sending datagrams one by one from now on")
        }
      case EAGAIN: return rest
      case let error: refused(error, target)
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[size...])
    }
    return nothing
  }

  private func wait(_ bytes: UnsafeRawBufferPointer, _ target: Target) {
    let isFirst = backlog.isEmpty
    heldBackCount += 1
    guard backlog.append(bytes, for: target) else { return refused(ENOBUFS, target) }
    if isFirst { scheduleBacklog() }
  }

  private func scheduleBacklog() {
    loop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { [weak self] in self?.sendBacklog() }
  }

  private func sendBacklog() {
    // The first stays in its place while it is sent. If a refusal causes another write in the meantime, that one goes behind it.
    while let (bytes, target) = backlog.first {
      let rest = bytes.withUnsafeBytes { send($0, to: target).count }
      backlog.firstSent(but: rest)
      guard rest == 0 else { return scheduleBacklog() }
    }
  }

  private func refused(_ error: CInt, _ target: Target) {
    refusedCount += 1
    logger.debug("no datagram can be sent to \(target.destination): \(IOError(errnoCode: error, reason: "sendmsg"))")
    target.whenRefused?(Self.reason(error))
  }

  private func socketAddress(_ address: NodeAddress) -> SocketAddress {
    if let known = socketAddresses[address] { return known }
    // A small cache saves an allocation per packet; a flood of addresses only empties it.
    if socketAddresses.count >= 4096 { socketAddresses.removeAll(keepingCapacity: true) }
    let made = SocketAddress(address.scoped(by: localAddress))
    socketAddresses[address] = made
    return made
  }

  /// An address that no host can have, and the network's answer that no host is there, say something about the peer. All other errors are our own
  /// trouble.
  private static func reason(_ error: CInt) -> ContactFailure {
    switch error {
    case ECONNREFUSED, EHOSTUNREACH, EHOSTDOWN, EINVAL, EACCES, EAFNOSUPPORT: .noContact
    default: .notSent
    }
  }
}

extension NIOExplicitCongestionNotificationState {
  /// The bits as they are in the IP header. NIO's flag 0 is ECT(0), and its flag 1 is ECT(1).
  fileprivate var bits: UInt8 {
    switch self {
    case .transportNotCapable: 0
    case .transportCapableFlag1: 1
    case .transportCapableFlag0: 2
    case .congestionExperienced: 3
    }
  }
}

extension SerfError {
  /// Why an address cannot be bound, and what to do.
  init(binding address: NodeAddress, _ error: any Error) {
    let text =
      switch (error as? IOError)?.errnoCode {
      case EADDRINUSE: "cannot bind \(address): the port is in use. Stop the other process, or bind another port"
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
