import Logging
import NIOCore
import NIOPosix
import Serf
import SerfClient
package import SerfPrimitives
import SerfTransport
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Listens for RPC clients and runs one ``RPCSession`` for each (`agent.md` sections 1 to 4).
package final class RPCServer: Sendable {
  /// How many clients may be connected at once. One more takes the place of the oldest that has not introduced itself, or is closed.
  package static let connectionLimit = 128
  /// How long a client may take for its handshake and, if there is a key, to prove that it knows the key. Without this limit strangers could take all
  /// connections.
  package static let patience = Duration.seconds(10)

  /// A connection that was accepted. It is closed when the server releases it, also when the listener ends before the client was served.
  private final class Client: Sendable {
    let channel: any Channel
    private let gate: NIOLoopBound<ReadGate>
    let introduction: Introduction

    init(_ channel: any Channel, _ gate: NIOLoopBound<ReadGate>, _ introduction: Introduction) {
      self.channel = channel
      self.gate = gate
      self.introduction = introduction
    }

    deinit { channel.close(promise: nil) }

    /// Begins to read. This happens only now, because a `NIOAsyncChannel` that is dropped before it was used ends the process.
    func connection() async throws -> NIOAsyncChannel<RPCRequest, ByteBuffer> {
      let (channel, gate) = (channel, gate)
      return try await channel.eventLoop.submit {
        let connection = try NIOAsyncChannel<RPCRequest, ByteBuffer>(wrappingChannelSynchronously: channel)
        gate.value.open()
        return connection
      }.get()
    }
  }

  private let listener: NIOAsyncChannel<Client, Never>
  private let context: RPCContext
  private let patience: Duration
  private let clients = Mutex(ClientTable(limit: RPCServer.connectionLimit))

  private init(listener: NIOAsyncChannel<Client, Never>, context: RPCContext, patience: Duration) {
    self.listener = listener
    self.context = context
    self.patience = patience
  }

  /// Binds the listener. Nothing is accepted before ``run()``.
  package static func bind(
    host: String, port: UInt16, context: RPCContext, patience: Duration = RPCServer.patience
  ) async throws(AgentFailure) -> RPCServer {
    do {
      let listener: NIOAsyncChannel<Client, Never> = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
        .serverChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(AcceptBackoff("the RPC listener", logger: context.rpcLog.logger))
          }
        }
        .childChannelOption(ChannelOptions.socketOption(.tcp_nodelay), value: 1)
        .bind(host: host, port: Int(port)) { channel in
          channel.eventLoop.makeCompletedFuture {
            let introduction = Introduction()
            let decoder = ByteToMessageHandler(RequestDecoder(), maximumBufferSize: 2 * RPCLimit.request)
            let gate = ReadGate()
            try channel.pipeline.syncOperations.addHandler(gate)
            try channel.pipeline.syncOperations.addHandler(IntroductionBudget(introduction))
            try channel.pipeline.syncOperations.addHandler(decoder)
            return Client(channel, NIOLoopBound(gate, eventLoop: channel.eventLoop), introduction)
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
    // Clients that were accepted but not yet served have to be ended properly, so the loop is not cancelled: it ends with the listener.
    let accepting = Task { try? await listener.executeThenClose { clients in try await serve(clients) } }
    await withTaskCancellationHandler {
      await accepting.value
    } onCancel: {
      listener.channel.close(promise: nil)
    }
    if !Task.isCancelled {
      context.rpcLog.logger.error("the system closed the RPC listener \(address): no more clients are served; restart the agent")
    }
  }

  private func serve(_ clients: NIOAsyncChannelInboundStream<Client>) async throws {
    try await withThrowingDiscardingTaskGroup { group in
      for try await client in clients {
        // In the order of arrival, so that a newcomer never makes room for those that came before it.
        let id = admit(client.channel)
        group.addTask {
          if let id { await self.serve(client, id) }
        }
      }
      group.cancelAll()
    }
  }

  /// The newcomer's number, if a place is free for it.
  private func admit(_ channel: any Channel) -> ClientTable.ID? {
    guard let (id, evicted) = clients.withLock({ $0.admit(channel) }) else {
      let peer = RPCPeer(channel)
      context.rpcLog.write(
        .warning, .full, about: peer,
        "Refused client \(peer): \(Self.connectionLimit) clients that completed the handshake are connected already")
      return nil
    }
    if let evicted {
      let peer = RPCPeer(evicted)
      context.rpcLog.write(
        .warning, .evicted, about: peer, "Closed client \(peer): it had not completed the handshake, and a new client needed its place")
      evicted.close(promise: nil)
    }
    return id
  }

  private func serve(_ client: Client, _ id: ClientTable.ID) async {
    let channel = client.channel
    let (peer, log) = (RPCPeer(channel), context.rpcLog)
    // Releasing the client closes the channel.
    defer { withExtendedLifetime(client) { clients.withLock { $0.remove(id) } } }
    log.write(.info, .accepted, about: peer, "Accepted client: \(peer)")
    let patience = channel.eventLoop.scheduleTask(in: TimeAmount(patience)) {
      log.write(.warning, .silent, about: peer, "Closed client \(peer): it did not complete the handshake in time")
      channel.close(promise: nil)
    }
    defer { patience.cancel() }
    let admitted: @Sendable () -> Void = { [self] in
      client.introduction.complete()
      patience.cancel()
      clients.withLock { $0.introduce(id) }
    }
    do {
      try await client.connection().executeThenClose { requests, responses in
        try await RPCSession(peer: peer, context: context, responses: responses, admitted: admitted).run(requests)
      }
    } catch is CancellationError {
    } catch let error where error is IOError || error is ChannelError {
      log.write(.debug, .gone, about: peer, "Client \(peer) is gone: \(error)")
    } catch {
      log.write(.error, .failed, about: peer, "Closed client \(peer): \(error)")
    }
  }
}

/// What all sessions share.
package struct RPCContext: Sendable {
  let node: any AgentNode
  let log: AgentLog
  let rpcLog: RPCLog
  /// The key that a client must know; nil admits every client that can connect.
  let authKey: String?
  /// The section `event_handlers` of `stats`.
  let handlers: [String: String]
  /// Called after a client's `leave` was answered: the agent has to end.
  let hasLeft: @Sendable () -> Void

  /// - Parameter clock: the time by which log lines are limited; by default the system's.
  package init(
    node: any AgentNode, log: AgentLog, authKey: String?, handlers: [String: String] = [:],
    clock: @escaping @Sendable () -> Instant = { Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds)) },
    hasLeft: @escaping @Sendable () -> Void
  ) {
    self.node = node
    self.log = log
    rpcLog = RPCLog(log.logger("agent.ipc"), clock: clock)
    self.authKey = authKey
    self.handlers = handlers
    self.hasLeft = hasLeft
  }
}
