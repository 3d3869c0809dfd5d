import NIOCore

/// Holds a connection's reads back until its session begins, so that no bytes are read before a handler takes them.
///
/// Not `autoRead`: if it is switched on before the channel is registered, it leaves a read pending that NIO never starts.
final class ReadGate: ChannelOutboundHandler {
  typealias OutboundIn = ByteBuffer

  private var isOpen = false
  private var held: ChannelHandlerContext?

  func read(context: ChannelHandlerContext) {
    if isOpen { context.read() } else { held = context }
  }

  /// Lets reads pass, also the one that was held back.
  func open() {
    isOpen = true
    held?.read()
    held = nil
  }

  func handlerRemoved(context: ChannelHandlerContext) { held = nil }
}
