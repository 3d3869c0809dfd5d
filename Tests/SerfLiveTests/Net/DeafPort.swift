import NIOCore
import NIOPosix
import SerfPrimitives
import Synchronization

/// A TCP port that accepts connections and never sends a byte.
final class DeafPort: Sendable {
  private let listener: any Channel
  private let accepted: Accepted
  let address: NodeAddress

  private final class Accepted: Sendable {
    let channels = Mutex<[any Channel]>([])
  }

  private init(_ listener: any Channel, _ accepted: Accepted) {
    self.listener = listener
    self.accepted = accepted
    address = NodeAddress(ipv4: 127, 0, 0, 1, port: UInt16(listener.localAddress?.port ?? 0))
  }

  static func open() async throws -> DeafPort {
    let accepted = Accepted()
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        accepted.channels.withLock { $0.append(channel) }
        return channel.eventLoop.makeSucceededVoidFuture()
      }
      .bind(host: "127.0.0.1", port: 0).get()
    return DeafPort(listener, accepted)
  }

  /// How many connections were accepted.
  var count: Int { accepted.channels.withLock { $0.count } }

  /// Stops listening, and closes the connections.
  func close() {
    listener.close(promise: nil)
    for channel in accepted.channels.withLock({ $0 }) { channel.close(promise: nil) }
  }
}
