import NIOCore
import NIOPosix
public import SerfPrimitives
import SerfWire
import Synchronization

/// A connection to a running agent, ours or HashiCorp's.
///
/// ```swift
/// let client = try await SerfRPCClient.connect(to: "127.0.0.1:7373")
/// for member in try await client.members() { print(member.name, member.status) }
/// await client.close()
/// ```
/// Calls may overlap. Each waits for its own answer, for at most ``timeout``. A call that makes the agent wait for other members, such as
/// ``leave()``, gets extra time for that. To give up earlier, cancel the calling task. After ``SerfRPCError/timedOut(after:)`` the client may be used
/// again; after ``SerfRPCError/closed`` or ``SerfRPCError/malformed(_:)`` it is of no further use.
///
/// Its functions throw ``SerfRPCError`` alone. They throw it untyped, because Swift's compiler does not survive a `catch let error as SerfRPCError
/// where …` around a typed one.
public final class SerfRPCClient: Sendable {
  /// Where agents listen by default.
  public static let defaultAddress = "127.0.0.1:7373"

  /// How long the agent may take to answer.
  public let timeout: Duration

  private let channel: any Channel
  private let connection: NIOLoopBound<RPCConnection>
  private let lastSequence = Mutex<UInt64>(0)

  private init(channel: any Channel, connection: NIOLoopBound<RPCConnection>, timeout: Duration) {
    self.timeout = timeout
    self.channel = channel
    self.connection = connection
  }

  /// Connects, does the handshake and authenticates.
  ///
  /// - Parameters:
  ///   - address: `host:port`; the host may be a name, an IPv6 address is in brackets; the default port is 7373.
  ///   - authKey: the agent's RPC key, if it has one.
  ///   - timeout: how long connecting may take, including handshake and authentication, and after that each answer; see ``timeout``. For a stream
  ///     it applies until the stream has begun, and within a record. Default 10 s, as long as Go's client waits for the connection; Go's client
  ///     waits for answers for ever. Values above a year count as a year.
  public static func connect(
    to address: String = defaultAddress, authKey: String? = nil, timeout: Duration = .seconds(10)
  ) async throws -> SerfRPCClient {
    guard let (host, port) = hostAndPort(address, defaultPort: 7373) else {
      throw SerfRPCError.unreachable(address: address, reason: "this is not host:port")
    }
    let timeout = min(timeout, .seconds(365 * 86_400))
    let deadline = ContinuousClock.now + timeout
    let client: SerfRPCClient
    do {
      client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connectTimeout(TimeAmount(timeout))
        .channelOption(ChannelOptions.socketOption(.tcp_nodelay), value: 1)
        .connect(host: host, port: Int(port)) { channel in
          channel.eventLoop.makeCompletedFuture {
            let connection = RPCConnection(pause: timeout)
            try channel.pipeline.syncOperations.addHandler(connection)
            return SerfRPCClient(
              channel: channel, connection: NIOLoopBound(connection, eventLoop: channel.eventLoop), timeout: timeout)
          }
        }
    } catch {
      throw SerfRPCError.unreachable(address: address, reason: Self.reason(of: error))
    }
    do {
      _ = try await client.exchange(.handshake, body: HandshakeRequest().encoded, within: deadline - .now)
      if let authKey, !authKey.isEmpty {
        _ = try await client.exchange(.auth, body: AuthRequest(authKey: authKey).encoded, within: deadline - .now)
      }
    } catch {
      await client.close()
      if case .timedOut = error { throw SerfRPCError.timedOut(after: timeout) }
      throw error
    }
    return client
  }

  /// Closes the connection. Calls in progress end with ``SerfRPCError/closed``.
  public func close() async {
    try? await channel.close()
  }

  // MARK: The cluster

  /// All members that the agent knows, or those that match `filter`, in the agent's order.
  public func members(matching filter: MemberFilter? = nil) async throws -> [AgentMember] {
    if let filter { return try await call(.membersFiltered, filter, answer: MembersResponse.self).members }
    return try decode(MembersResponse.self, try await exchange(.members, body: [])).members
  }

  /// Lets the agent join the cluster through any of `addresses`.
  ///
  /// - Parameters:
  ///   - addresses: members to contact, each `host` or `host:port`.
  ///   - replay: whether user events from before the join are delivered. Default false.
  /// - Returns: how many of `addresses` answered.
  /// - Throws: ``SerfRPCError/refused(_:)`` if none of them answered.
  @discardableResult
  public func join(_ addresses: [String], replay: Bool = false) async throws -> Int {
    let request = JoinRequest(existing: addresses, replay: replay).encoded
    let time = timeout + RPCCommand.join.wait(targets: addresses.count)
    return Int(try decode(JoinResponse.self, try await exchange(.join, body: request, within: time)).count)
  }

  /// Sends a user event to the whole cluster.
  ///
  /// - Parameters:
  ///   - name: the event's name at receivers.
  ///   - payload: the event's content; name and payload together have at most 512 bytes unless the agent is configured otherwise. Default none.
  ///   - coalesce: whether receivers may merge it with later events of the same name. Default true.
  public func userEvent(_ name: String, payload: [UInt8]? = nil, coalesce: Bool = true) async throws {
    try await call(.event, EventRequest(coalesce: coalesce, name: name, payload: payload))
  }

  /// Declares a failed member as left; with `prune` it is forgotten at once.
  public func forceLeave(_ node: NodeName, prune: Bool = false) async throws {
    try await call(.forceLeave, ForceLeaveRequest(node: node, prune: prune))
  }

  /// The same, with the name as `serf members` prints it.
  public func forceLeave(_ node: String, prune: Bool = false) async throws {
    try await forceLeave(NodeName(node), prune: prune)
  }

  /// The last coordinate that a member has told the agent, or the agent's own; nil if there is none, because the agent does not know the member, or has
  /// not probed it yet, or the member keeps none.
  ///
  /// The round-trip time between two members is the `distance(to:)` between their coordinates.
  public func coordinate(of node: NodeName) async throws -> NodeCoordinate? {
    try await call(.getCoordinate, CoordinateRequest(node: node), answer: CoordinateResponse.self).coordinate
  }

  /// The same, with the name as `serf members` prints it.
  public func coordinate(of node: String) async throws -> NodeCoordinate? { try await coordinate(of: NodeName(node)) }

  // MARK: The agent

  /// Changes the agent's own tags: `deleting` first, then `setting`.
  public func updateTags(setting: [String: String], deleting: [String] = []) async throws {
    try await call(.tags, TagsRequest(delete: deleting.isEmpty ? nil : deleting, set: setting))
  }

  /// Lets the agent leave the cluster and end. Returns when it has left.
  public func leave() async throws {
    _ = try await exchange(.leave, body: [])
  }

  /// The agent's statistics about itself.
  public func stats() async throws -> AgentStats {
    try decode(AgentStats.self, try await exchange(.stats, body: []))
  }

  /// The agent's events from now on.
  ///
  /// - Parameter filter: a comma list of `member-join`, `member-leave`, `member-failed`, `member-update`, `member-reap`, `user`,
  ///   `user:NAME`, `query`, `query:NAME` and `*`.
  public func events(_ filter: String = "*") async throws -> RPCStream<AgentEvent> {
    try await stream(.stream, StreamRequest(type: filter)) { (event: AgentEvent) in event }
  }

  /// Asks the members of the cluster, and gives their acks and answers as they come. The stream ends when the agent stops waiting: when every member has
  /// answered, or at the query's deadline; a Go agent always waits for the deadline.
  ///
  /// - Parameters:
  ///   - name: the query's name at the members that are asked. Names that begin with `_serf_` are refused, except `_serf_ping` without a payload, which
  ///     every member acknowledges.
  ///   - payload: the query's content; the whole query has at most 1,024 bytes unless the agent is configured otherwise. Default none.
  ///   - options: which members are asked, and how. Default: all, with acks.
  public func query(
    _ name: String, payload: [UInt8]? = nil, options: AgentQueryOptions = AgentQueryOptions()
  ) async throws -> RPCStream<AgentQueryReply> {
    let length = (options.timeout ?? Self.longestQuery) + timeout
    return try await stream(.query, QueryRequest(name: name, payload: payload, options: options), within: length) { (record: QueryRecord) in
      if case .reply(let reply) = record { reply } else { nil }
    }
  }

  /// How long an agent may wait for the answers to a query that leaves the time to it.
  private static let longestQuery = Duration.seconds(600)

  /// Answers a query that a stream of ``events(_:)`` of this client has shown: once, and before its deadline.
  ///
  /// - Parameters:
  ///   - query: the query's ``AgentEvent/Query/id``.
  ///   - payload: the answer, at most 1,024 bytes with about 60 of its own unless the agent is configured otherwise. Default none.
  /// - Throws: ``SerfRPCError/refused(_:)`` if this client has answered it, or its time is over.
  public func respond(to query: UInt64, payload: [UInt8]? = nil) async throws {
    try await call(.respond, RespondRequest(id: query, payload: payload))
  }

  /// The agent's log lines: the last ones first, then new ones as they come.
  ///
  /// - Parameter level: `TRACE`, `DEBUG`, `INFO`, `WARN` or `ERR`; independent of what the agent itself prints.
  public func monitor(level: String = "INFO") async throws -> RPCStream<String> {
    try await stream(.monitor, MonitorRequest(logLevel: level)) { (record: LogRecord) in record.line }
  }

  // MARK: Requests

  /// The body says what each member did, also where the answer is an error.
  func keys(_ command: RPCCommand, _ request: [UInt8]) async throws(SerfRPCError) -> AgentKeys {
    let refused = Mutex<ByteBuffer?>(nil)
    do {
      return try decode(AgentKeys.self, try await exchange(command, body: request, onRefusal: { body in refused.withLock { $0 = body } }))
    } catch {
      guard case .refused(let text) = error, let body = refused.withLock({ $0 }) else { throw error }
      throw .keysRefused(text, try decode(AgentKeys.self, body))
    }
  }

  private func call<Request: RPCBody>(_ command: RPCCommand, _ request: Request) async throws(SerfRPCError) {
    _ = try await exchange(command, body: request.encoded)
  }

  private func call<Request: RPCBody, Response: RPCBody>(
    _ command: RPCCommand, _ request: Request, answer: Response.Type
  ) async throws(SerfRPCError) -> Response {
    try decode(Response.self, try await exchange(command, body: request.encoded))
  }

  private func decode<Response: RPCBody>(_ type: Response.Type, _ body: ByteBuffer?) throws(SerfRPCError) -> Response {
    guard let body else { throw .malformed("an answer has no body") }
    do {
      return try Response(decoding: body.readableBytesSpan)
    } catch {
      throw .malformed("an answer is \(error)")
    }
  }

  private func nextSequence() -> UInt64 {
    lastSequence.withLock { last in
      last += 1
      return last
    }
  }

  private func exchange(
    _ command: RPCCommand, body: [UInt8], sequence given: UInt64? = nil, within limit: Duration? = nil,
    record: RPCConnection.Record? = nil, length: Duration? = nil, onRefusal: (@Sendable (ByteBuffer) -> Void)? = nil
  ) async throws(SerfRPCError) -> ByteBuffer? {
    let sequence = given ?? nextSequence()
    let request = RequestHeader(command: command.rawValue, sequence: sequence).encoded + body
    let time = limit ?? timeout + command.wait()
    let (connection, loop) = (connection, channel.eventLoop)
    let result: Result<ByteBuffer?, SerfRPCError> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        loop.execute {
          connection.value.send(
            request, sequence: sequence, body: command.responseBody, within: time, answer: { continuation.resume(returning: $0) },
            record: record, length: length, refusal: onRefusal)
        }
        // The handler below may already have run, before the request existed.
        if Task.isCancelled { loop.execute { connection.value.abandon(sequence) } }
      }
    } onCancel: {
      loop.execute { connection.value.abandon(sequence) }
    }
    return try result.get()
  }

  /// Opens a stream. It ends by itself with a record for which `element` is nil, if there is one; it must come within `length`.
  private func stream<Request: RPCBody, Record: RPCBody, Element: Sendable>(
    _ command: RPCCommand, _ request: Request, within length: Duration? = nil, element: @escaping @Sendable (Record) -> Element?
  ) async throws(SerfRPCError) -> RPCStream<Element> {
    let (records, feed) = RPCFeed<Element>.make()
    let sequence = nextSequence()
    let (connection, loop) = (connection, channel.eventLoop)
    let stop: @Sendable () -> Void = { [weak self] in
      guard let request = self?.nextSequence() else { return }
      loop.execute { connection.value.stop(sequence, request: request) }
    }
    do {
      _ = try await exchange(
        command, body: request.encoded, sequence: sequence,
        record: { result in
          do throws(SerfRPCError) {
            guard let body = try result.get() else { return true }
            do throws(WireError) {
              if let element = element(try Record(decoding: body.readableBytesSpan)) {
                feed.yield(element)
                return true
              }
            } catch { throw .malformed("a record is \(error)") }
            feed.finish()
            return false
          } catch {
            feed.fail(error)
            return true
          }
        }, length: length)
    } catch {
      switch error {
      // The agent may begin the stream nevertheless.
      case .cancelled, .timedOut: stop()
      default: break
      }
      throw error
    }
    feed.onTermination(stop)
    return RPCStream(records: records, feed: feed)
  }
}
