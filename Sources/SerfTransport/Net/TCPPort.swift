import Logging
import NIOCore
import NIOPosix
import SerfPrimitives

/// A listening TCP socket and the connections that it accepts or that are dialled, all on one event loop.
final class TCPPort {
  let localAddress: NodeAddress
  private var listener: any Channel
  private let loop: any EventLoop
  private let admission: Admission
  private let backoff: AcceptBackoff
  private let logger: Logger
  private var isClosing = false
  private var limiter = LogLimiter()

  /// How often the system closed the listener and it was bound again.
  private(set) var rebinds: UInt64 = 0
  /// How often the listener stopped because file descriptors were running out.
  var pauses: UInt64 { backoff.pauses }

  /// Decides about a connection before anything is read from it.
  final class Admission {
    /// The stream for a connection from this address; nil turns it away.
    var admit: ((NodeAddress) -> TCPStream?)?
  }

  private init(
    listener: any Channel, localAddress: NodeAddress, admission: Admission, backoff: AcceptBackoff, logger: Logger, on loop: any EventLoop
  ) {
    self.listener = listener
    self.localAddress = localAddress
    self.admission = admission
    self.backoff = backoff
    self.logger = logger
    self.loop = loop
  }

  /// Listens on `address`. Connections are turned away until ``start(_:)``. Fails with ``SerfError``.
  static func bind(_ address: NodeAddress, on loop: any EventLoop, logger: Logger) -> EventLoopFuture<NIOLoopBound<TCPPort>> {
    let admission = NIOLoopBound(Admission(), eventLoop: loop)
    let backoff = NIOLoopBound(AcceptBackoff("the TCP listener", logger: logger), eventLoop: loop)
    return listen(on: address, admission, backoff, on: loop)
      .map { listener in
        let local = listener.localAddress.flatMap(NodeAddress.init) ?? address
        let port = TCPPort(
          listener: listener, localAddress: local, admission: admission.value, backoff: backoff.value, logger: logger, on: loop)
        port.watch()
        return NIOLoopBound(port, eventLoop: loop)
      }
      .flatMapErrorThrowing { throw SerfError(binding: address, $0) }
  }

  private static func listen(
    on address: NodeAddress, _ admission: NIOLoopBound<Admission>, _ backoff: NIOLoopBound<AcceptBackoff>, on loop: any EventLoop
  ) -> EventLoopFuture<any Channel> {
    var bootstrap = ServerBootstrap(group: loop)
    if !address.isIPv4 {
      // A socket bound to `::` accepts IPv4 too, as for UDP, whatever this machine's default is: such a node may advertise an IPv4 address.
      bootstrap = bootstrap.serverChannelOption(.socket(SocketOptionLevel(IPPROTO_IPV6), SocketOptionName(IPV6_V6ONLY)), value: 0)
    }
    return
      bootstrap
      // After a restart, connections of the node's former run may be in TIME_WAIT. A port on which a process listens is still refused.
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.backlog, value: 256)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(backoff.value) }
      }
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard let remote = channel.remoteAddress.flatMap(NodeAddress.init), let stream = admission.value.admit?(remote) else {
            channel.resetOnClose()
            throw Refused()
          }
          try channel.pipeline.syncOperations.addHandlers(stream.handlers)
        }
      }
      .bind(to: SocketAddress(address))
  }

  /// NIO closes a listener on every error of accept that it does not know, even on those that concern only one connection (`accept(2)`). A node that
  /// can then be reached only by packets would not even notice.
  private func watch() {
    let here = NIOLoopBound(self, eventLoop: loop)
    listener.closeFuture.whenComplete { _ in here.value.listenerClosed() }
  }

  private func listenerClosed() {
    guard !isClosing else { return }
    logger.error("the system closed the TCP listener \(localAddress): binding it again")
    listenAgain()
  }

  private func listenAgain() {
    let here = NIOLoopBound(self, eventLoop: loop)
    let backoff = NIOLoopBound(backoff, eventLoop: loop)
    Self.listen(on: localAddress, NIOLoopBound(admission, eventLoop: loop), backoff, on: loop).whenComplete { result in
      let port = here.value
      switch result {
      case .success(let listener):
        guard !port.isClosing else { return listener.close(promise: nil) }
        port.listener = listener
        port.rebinds += 1
        port.watch()
      case .failure(let error):
        guard !port.isClosing else { return }
        let again = port.limiter.admit("listen", about: "", at: .now(on: port.loop)) != nil
        if again { port.logger.error("\(SerfError(binding: port.localAddress, error)); trying again every second") }
        port.loop.scheduleTask(in: .seconds(1)) {
          if !here.value.isClosing { here.value.listenAgain() }
        }
      }
    }
  }

  /// Begins to accept: `admit` gives the stream for a connection from an address, or nil to turn it away.
  func start(_ admit: @escaping (NodeAddress) -> TCPStream?) { admission.admit = admit }

  /// Dials for `stream`; `failed` is called if no connection is made in time, but never from within this call.
  func dial(_ stream: TCPStream, within time: Duration, failed: @escaping (ContactFailure) -> Void) {
    let bound = NIOLoopBound(stream, eventLoop: loop)
    ClientBootstrap(group: loop)
      .connectTimeout(.nanoseconds(max(1, time.nanoseconds)))
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandlers(bound.value.handlers) }
      }
      .connect(to: SocketAddress(stream.address.scoped(by: localAddress)))
      .assumeIsolated()
      .whenFailure { failed(Self.reason($0)) }
  }

  /// Stops listening; completes when the port is free.
  func close() -> EventLoopFuture<Void> {
    admission.admit = nil
    isClosing = true
    return listener.close().flatMapErrorThrowing { _ in }
  }

  private struct Refused: Error {}

  /// Errors of our own, which say nothing about the peer.
  private static let ours: Set<CInt> = [EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES, EPERM, EADDRNOTAVAIL, EAFNOSUPPORT]

  private static func reason(_ error: any Error) -> ContactFailure {
    switch error {
    case ChannelError.connectTimeout: .deadline
    case let error as IOError where ours.contains(error.errnoCode): .notSent
    default: .noContact
    }
  }
}

extension Channel {
  /// Makes the next close of a TCP socket a reset.
  func resetOnClose() {
    // Without this option, which every TCP socket has, the close would be an orderly one.
    _ = (self as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
  }
}
