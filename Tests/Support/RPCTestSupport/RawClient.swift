import NIOCore
import NIOPosix

/// A client that sends and receives raw bytes, to replay sessions against a server.
package struct RawClient: ~Copyable {
  private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
  private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
  private var received: [UInt8] = []

  /// Connects to a port of this machine while `body` runs.
  package static func connect<Result>(
    to port: Int, isolation: isolated (any Actor)? = #isolation, _ body: (inout RawClient) async throws -> Result
  ) async throws -> Result {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(host: "127.0.0.1", port: port) {
      channel in
      channel.eventLoop.makeCompletedFuture {
        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
      }
    }
    return try await channel.executeThenClose { inbound, outbound in
      var client = RawClient(inbound: inbound.makeAsyncIterator(), outbound: outbound)
      return try await body(&client)
    }
  }

  private init(inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator, outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>) {
    self.inbound = inbound
    self.outbound = outbound
  }

  package func send(_ bytes: [UInt8]) async throws { try await outbound.write(ByteBuffer(bytes: bytes)) }

  /// The next `count` bytes, or fewer if the server closes first.
  package mutating func receive(_ count: Int) async throws -> [UInt8] {
    while received.count < count, let buffer = try await inbound.next() { received += buffer.readableBytesView }
    defer { received.removeFirst(min(count, received.count)) }
    return Array(received.prefix(count))
  }

  /// The bytes of the next `count` MessagePack objects, or fewer if the server closes first.
  package mutating func receive(objects count: Int) async throws -> [UInt8] {
    while try objects(received).count < count, let buffer = try await inbound.next() { received += buffer.readableBytesView }
    let bytes = try objects(received).prefix(count).flatMap { $0 }
    received.removeFirst(bytes.count)
    return bytes
  }

  /// The bytes that have arrived: at least one, unless the server closes first.
  package mutating func receiveSome() async throws -> [UInt8] {
    if received.isEmpty, let buffer = try await inbound.next() { received += buffer.readableBytesView }
    defer { received = [] }
    return received
  }

  /// All bytes until the server closes.
  package mutating func receiveToEnd() async throws -> [UInt8] { try await receive(.max) }
}
