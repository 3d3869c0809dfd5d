import NIOCore
import NIOPosix
import SerfPrimitives
import Testing

/// A TCP connection that sends given bytes and keeps what it receives.
final class RawClient: Sendable {
  private let channel: any Channel
  private let received: EventLoopFuture<[UInt8]>

  private init(channel: any Channel, received: EventLoopFuture<[UInt8]>) {
    self.channel = channel
    self.received = received
  }

  static func connect(to address: NodeAddress) async throws -> RawClient {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let promise = loop.makePromise(of: [UInt8].self)
    let channel = try await ClientBootstrap(group: loop)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Collector(promise)) }
      }
      .connect(host: address.host, port: Int(address.port)).get()
    return RawClient(channel: channel, received: promise.futureResult)
  }

  func send(_ bytes: [UInt8]) async throws {
    // A node that refuses may have closed before the last byte.
    try? await channel.writeAndFlush(channel.allocator.buffer(bytes: bytes)).get()
  }

  func untilClosed(within limit: TimeAmount) async throws -> [UInt8] {
    let channel = channel
    let timeout = channel.eventLoop.scheduleTask(in: limit) {
      Issue.record("not closed by the node within \(limit)")
      channel.close(promise: nil)
    }
    defer { timeout.cancel() }
    return try await received.get()
  }

  func close() { channel.close(promise: nil) }
}

private final class Collector: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let promise: EventLoopPromise<[UInt8]>
  private var bytes: [UInt8] = []

  init(_ promise: EventLoopPromise<[UInt8]>) { self.promise = promise }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { bytes += Array(buffer: unwrapInboundIn(data)) }
  /// This is called even if there never was a connection.
  func handlerRemoved(context: ChannelHandlerContext) { promise.succeed(bytes) }
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
