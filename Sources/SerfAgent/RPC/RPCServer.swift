import Logging
import NIOCore
import NIOPosix
import Serf
import SerfClient
import SerfTransport
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Listens for RPC clients and runs one ``RPCSession`` for each (`agent.md` sections 1 to 4).
package final class RPCServer: Sendable {
  /// How many clients may be connected at once; more are closed at once.
  package static let connectionLimit = 128
  /// How long a client may take until it has shaken hands and, where there is a key, proven that it knows it. Otherwise strangers could hold
  /// all connections.
  package static let patience = Duration.seconds(10)

  private typealias Connection = NIOAsyncChannel<RPCRequest, ByteBuffer>

  private let listener: NIOAsyncChannel<Connection, Never>
  private let context: RPCContext
  private let patience: Duration
  private let connections = Mutex(0)

  private init(listener: NIOAsyncChannel<Connection, Never>, context: RPCContext, patience: Duration) {
    self.listener = listener
    self.context = context
    self.patience = patience
  }

  /// Binds the listener. Nothing is accepted before ``run()``.
  package static func bind(
    host: String, port: UInt16, context: RPCContext, patience: Duration = RPCServer.patience
  ) async throws(AgentFailure) -> RPCServer {
    do {
      let listener: NIOAsyncChannel<Connection, Never> = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
        .serverChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(AcceptBackoff("the RPC listener", logger: context.logger))
          }
        }
        .childChannelOption(ChannelOptions.socketOption(.tcp_nodelay), value: 1)
        .bind(host: host, port: Int(port)) { channel in
          channel.eventLoop.makeCompletedFuture {
            let decoder = ByteToMessageHandler(RequestDecoder(), maximumBufferSize: 2 * RPCLimit.request)
            try channel.pipeline.syncOperations.addHandler(decoder)
            return try Connection(wrappingChannelSynchronously: channel)
          }
        }
      return RPCServer(listener: listener, context: context, patience: patience)
    } catch {
      let reason = (error as? IOError).map { unsafe String(cString: strerror($0.errnoCode)).lowercased() } ?? "\(error)"
      throw AgentFailure("cannot listen for RPC at \(host):\(port): \(reason); is another agent running? Choose another -rpc-addr")
    }
  }

  /// Where clients connect, with the port that the kernel chose if it was 0.
  package var address: String {
    guard let address = listener.channel.localAddress, let ip = address.ipAddress, let port = address.port else { return "unknown" }
    return ip.contains(":") ? "[\(ip)]:\(port)" : "\(ip):\(port)"
  }

  /// Serves clients until the task is cancelled.
  package func run() async {
    try? await listener.executeThenClose { clients in
      try await withThrowingDiscardingTaskGroup { group in
        for try await client in clients {
          group.addTask { await self.serve(client) }
        }
      }
    }
  }

  private func serve(_ connection: Connection) async {
    let peer = connection.channel.remoteAddress.flatMap { address in address.ipAddress.map { "\($0):\(address.port ?? 0)" } } ?? "unknown"
    let hasRoom = connections.withLock { count in
      guard count < Self.connectionLimit else { return false }
      count += 1
      return true
    }
    guard hasRoom else {
      context.logger.warning("Refused client \(peer): \(Self.connectionLimit) are connected already")
      try? await connection.channel.close()
      return
    }
    defer { connections.withLock { $0 -= 1 } }
    context.logger.info("Accepted client: \(peer)")
    let patience = connection.channel.eventLoop.scheduleTask(in: TimeAmount(patience)) { [channel = connection.channel, context] in
      context.logger.warning("Closed client \(peer): it did not introduce itself in time")
      channel.close(promise: nil)
    }
    defer { patience.cancel() }
    do {
      try await connection.executeThenClose { requests, responses in
        try await RPCSession(peer: peer, context: context, responses: responses, admitted: { patience.cancel() }).run(requests)
      }
    } catch is CancellationError {
    } catch let error as IOError {
      context.logger.debug("Client \(peer) is gone: \(error)")
    } catch {
      context.logger.error("Closed client \(peer): \(error)")
    }
  }
}

/// What all sessions share.
package struct RPCContext: Sendable {
  let node: any AgentNode
  let log: AgentLog
  let logger: Logger
  /// What a client must know; nil lets everybody in who can connect.
  let authKey: String?
  /// The section `event_handlers` of `stats`.
  let handlers: [String: String]
  /// Called after a client's `leave` was answered: the agent is to end.
  let hasLeft: @Sendable () -> Void

  package init(
    node: any AgentNode, log: AgentLog, authKey: String?, handlers: [String: String] = [:], hasLeft: @escaping @Sendable () -> Void
  ) {
    self.node = node
    self.log = log
    logger = log.logger("agent.ipc")
    self.authKey = authKey
    self.handlers = handlers
    self.hasLeft = hasLeft
  }
}
