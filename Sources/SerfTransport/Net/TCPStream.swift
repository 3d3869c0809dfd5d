import NIOCore
import SerfPrimitives

/// What a ``TCPStream`` tells the layer that it belongs to, on the layer's event loop.
protocol TCPStreamOwner: AnyObject {
  func ready(_ stream: TCPStream)
  func received(_ bytes: RawSpan, on stream: TCPStream)
  func peerEnded(_ stream: TCPStream)
  /// The kernel has this many more of the written bytes. Also called for a stream that is released.
  func sent(_ count: Int, on stream: TCPStream)
  /// It ended too early. Also called for a stream that is released if written bytes were lost.
  func failed(_ stream: TCPStream, _ reason: ContactFailure)
  /// The socket is closed; no other call follows.
  func gone(_ stream: TCPStream)
  func readComplete()
}

/// Stands between a socket and its stream: proves the peer's name before the stream is ready, and protects the bytes.
protocol StreamShield: AnyObject {
  /// Nearest to the socket first; for one channel.
  var handlers: [any ChannelHandler] { get }
  /// Closes the socket at once, without telling the peer.
  func closeSocket()
}

/// One TCP connection as a stream of ``StreamLayer``: the last handler of its channel, confined to the channel's event loop.
///
/// ```
/// dialling ─▶ ready ─┬─ both halves ended ─────────────▶ closed
///                    ├─ reset, by us or the peer ──────▶ closed
///                    └─ released ─▶ written, within 10 s ─▶ draining ─ peer's end, a second, or 1 MiB ─▶ closed
/// ```
/// Draining is what keeps a reply alive: a socket that is closed with unread bytes in it sends a reset, and then the peer's system throws away the
/// part of the reply that it has not read yet.
final class TCPStream: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  let id: StreamID
  let isOurs: Bool
  /// The other end; for a stream that we dial, the dialled address.
  let address: NodeAddress
  private(set) var isReady = false
  /// The peer's name, if a shield proves it.
  private(set) var provenName: NodeName?
  /// It is set before a channel exists.
  var shield: (any StreamShield)?

  private weak var owner: (any TCPStreamOwner)?
  private let loop: any EventLoop
  private var channel: (any Channel)?
  /// What was written before the connection existed.
  private var early: (bytes: [UInt8], finish: Bool)?
  private var unconsumed = 0
  private var isPaused = false
  private var isReleased = false
  private var isClosed = false
  /// In the middle of a write that fails, NIO reads what is left in the socket and closes the channel. Those bytes are ignored, and the end is
  /// reported after the call (``StreamLayer``: no callback from within a call).
  private var isInCommand = false
  private var hasFinished = false
  private var isOurHalfShut = false
  private var hasPeerEnded = false
  private var isBroken = false
  /// The failure to report when the connection ends without the peer's end.
  private var failure = ContactFailure.broken
  private var drained = 0
  /// Bytes written that the kernel does not have yet.
  private var unsent = 0
  /// Ends a released connection.
  private var timer: Scheduled<Void>?

  init(_ id: StreamID, isOurs: Bool, address: NodeAddress, owner: any TCPStreamOwner, on loop: any EventLoop) {
    self.id = id
    self.isOurs = isOurs
    self.address = address
    self.owner = owner
    self.loop = loop
  }

  /// What a channel of this stream consists of.
  var handlers: [any ChannelHandler] { (shield?.handlers ?? []) + [self] }

  // MARK: Of the shield

  /// The shield has proven the peer's name.
  func proven(_ name: NodeName) {
    guard !isClosed, !isReady else { return }
    provenName = name
    becomeReady()
  }

  /// The connection is of no use. `isClosing`: other code closes the socket.
  func breakOff(_ reason: ContactFailure, isClosing: Bool = false) {
    if !isBroken {
      isBroken = true
      failure = reason
    }
    if !isClosing { closeSocket() }
  }

  // MARK: Commands

  func write(_ bytes: [UInt8], finish: Bool) {
    guard !hasFinished, !isClosed else { return }
    isInCommand = true
    defer { isInCommand = false }
    unsent += bytes.count
    guard isReady, let channel else {
      early = ((early?.bytes ?? []) + bytes, finish)
      hasFinished = finish
      return
    }
    hasFinished = finish
    send(bytes, finish: finish, on: channel)
  }

  func consumed(_ count: Int) {
    unconsumed = max(0, unconsumed - count)
    if isPaused, unconsumed <= Self.window / 2 { pause(false) }
  }

  /// Gives up both directions; the peer sees a reset.
  func reset() {
    guard !isClosed else { return }
    owner = nil
    isReleased = true
    channel?.resetOnClose()
    closeNow()
  }

  /// Ends our half, if it has not ended, once the kernel has what was written. For a moment it still reads what the peer sends, until the peer ends
  /// too.
  func release() {
    guard !isClosed, !isReleased else { return }
    isReleased = true
    if !hasFinished { write([], finish: true) }
    pause(false)
    close(in: isOurHalfShut ? Self.drainTime : Self.writeTime)
  }

  /// Closes the socket, even if it has unread bytes.
  func closeNow() {
    guard !isClosed else { return }
    isClosed = true
    closeSocket()
  }

  // MARK: ChannelInboundHandler

  func handlerAdded(context: ChannelHandlerContext) {
    channel = context.channel
    // Given up while it was being dialled.
    if isClosed { closeSocket() }
  }

  func channelActive(context: ChannelHandlerContext) {
    guard !isClosed, shield == nil else { return }
    becomeReady()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isInCommand else { return }
    let buffer = unwrapInboundIn(data)
    guard !isReleased else {
      drained += buffer.readableBytes
      if drained > Self.drainLimit { closeNow() }
      return
    }
    unconsumed += buffer.readableBytes
    if unconsumed >= Self.window { pause(true) }
    buffer.withUnsafeReadableBytes { owner?.received(RawSpan(_unsafeBytes: $0), on: self) }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if !isInCommand { owner?.readComplete() }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case ChannelEvent.inputClosed? = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
    // An end before the shield's proof does not count.
    guard !isClosed, !isBroken, !hasPeerEnded, !isInCommand else { return }
    peerEnded()
  }

  func channelInactive(context: ChannelHandlerContext) {
    guard isInCommand else { return becomeInactive() }
    let stream = NIOLoopBound(self, eventLoop: loop)
    loop.execute { stream.value.becomeInactive() }
  }

  private func becomeInactive() {
    // With our half shut, the peer's end closes the channel at once, without an event of its own.
    if isOurHalfShut, !hasPeerEnded, !isBroken, !isClosed { peerEnded() }
    isClosed = true
    timer?.cancel()
    let isOver = unsent == 0 && (isReleased || (hasPeerEnded && hasFinished))
    if !isOver { owner?.failed(self, failure) }
    owner?.gone(self)
    if !isOver { owner?.readComplete() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // The end of a broken connection comes with `channelInactive`.
    breakOff(.broken)
  }

  // MARK: Private parts

  private func becomeReady() {
    isReady = true
    owner?.ready(self)
    if let early, let channel, !isClosed { send(early.bytes, finish: early.finish, on: channel) }
    early = nil
    owner?.readComplete()
  }

  private func peerEnded() {
    hasPeerEnded = true
    guard !isReleased else { return }
    owner?.peerEnded(self)
    owner?.readComplete()
  }

  private func send(_ bytes: [UInt8], finish: Bool, on channel: any Channel) {
    // The end is sent when the kernel has all bytes before it: a half that is closed earlier would lose waiting bytes.
    let promise = channel.eventLoop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolated().whenSuccess { [self] in
      sent(bytes.count)
      if finish { endOurHalf(channel) }
    }
    channel.pipeline.syncOperations.writeAndFlush(wrapOutboundOut(channel.allocator.buffer(bytes: bytes)), promise: promise)
  }

  private func sent(_ count: Int) {
    unsent -= count
    guard count > 0 else { return }
    guard isInCommand else { owner?.sent(count, on: self); return }
    let stream = NIOLoopBound(self, eventLoop: loop)
    loop.execute { stream.value.owner?.sent(count, on: stream.value) }
  }

  private func endOurHalf(_ channel: any Channel) {
    guard !isClosed else { return }
    isOurHalfShut = !hasPeerEnded
    channel.close(mode: hasPeerEnded ? .all : .output, promise: nil)
    if isReleased { close(in: Self.drainTime) }
  }

  private func close(in time: TimeAmount) {
    timer?.cancel()
    let stream = NIOLoopBound(self, eventLoop: loop)
    timer = loop.scheduleTask(in: time) { stream.value.closeNow() }
  }

  private func closeSocket() {
    if let shield { return shield.closeSocket() }
    channel?.close(mode: .all, promise: nil)
  }

  private func pause(_ isPaused: Bool) {
    guard self.isPaused != isPaused else { return }
    self.isPaused = isPaused
    try? channel?.syncOptions?.setOption(.autoRead, value: !isPaused)
  }

  /// How many bytes may wait to be consumed before we stop reading from the kernel.
  private static let window = 256 << 10
  /// How long a peer may take to read what was written last: the time of an exchange.
  private static let writeTime = TimeAmount.seconds(10)
  private static let drainTime = TimeAmount.seconds(1)
  private static let drainLimit = 1 << 20
}
