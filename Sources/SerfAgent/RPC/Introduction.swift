import NIOCore
import SerfClient
import Synchronization

/// Whether a client has introduced itself: it has sent its handshake and, if there is a key, proven that it knows the key.
final class Introduction: Sendable {
  private let isMade = Atomic(false)

  var isComplete: Bool { isMade.load(ordering: .acquiring) }

  func complete() { isMade.store(true, ordering: .releasing) }
}

/// Ends a connection whose client sends more than ``RPCLimit/introduction`` bytes before it has introduced itself, so the memory that strangers can
/// use is limited by their number.
final class IntroductionBudget: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// Why the connection ended.
  struct Exceeded: Error, CustomStringConvertible {
    let description = "it sent more than \(RPCLimit.introduction) bytes before it completed the handshake"
  }

  private let introduction: Introduction
  private var received = 0

  init(_ introduction: Introduction) { self.introduction = introduction }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if !introduction.isComplete {
      received += unwrapInboundIn(data).readableBytes
      guard received <= RPCLimit.introduction else {
        context.fireErrorCaught(Exceeded())
        return context.close(promise: nil)
      }
    }
    context.fireChannelRead(data)
  }
}
