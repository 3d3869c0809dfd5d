import Logging
import NIOCore
import Serf
import SerfClient
import SerfCore
import SerfPrimitives
import SerfWire

/// One client of the RPC: answers its requests one after another, and feeds its streams in between.
///
/// The access rules come first (``gate(_:)``), then one function per command. Every answer is written as a whole, header and body, so that records of
/// streams interleave between answers and never within one.
struct RPCSession {
  typealias Responses = NIOAsyncChannelOutboundWriter<ByteBuffer>

  let peer: RPCPeer
  let context: RPCContext
  let responses: Responses
  /// Called when the client may use the RPC.
  let admitted: @Sendable () -> Void

  private var hasShakenHands = false
  private var isAuthenticated = false
  private var wrongKeys = 0
  /// Running streams, by the sequence number of the request that began them.
  private var streams: [UInt64: Task<Void, Never>] = [:]
  private var monitor: UInt64?
  private let queries = ClientQueries()
  private let asked = AskedQueries()
  /// What the request in progress opens: it has begun, and its records follow the answer.
  private var opening: Opening?

  /// A stream that is subscribed, and not yet read.
  private enum Opening {
    case events(EventFilter, any AsyncSequence<SerfEvent, Never> & Sendable)
    case log(LogLines)
    case query(any AsyncSequence<AgentQueryReply, any Error> & Sendable)
  }

  /// How many wrong keys a client may send; the connection ends with the last answer.
  private static let wrongKeyLimit = 3
  /// How many streams one client may have.
  private static let streamLimit = 64
  /// How many events wait for a client that reads slowly, on each stream: as many as in the client. Go keeps 512, but a replay can bring more than that
  /// at once.
  private static let eventLimit = RPCStream<AgentEvent>.bufferLimit

  init(peer: RPCPeer, context: RPCContext, responses: Responses, admitted: @escaping @Sendable () -> Void) {
    self.peer = peer
    self.context = context
    self.responses = responses
    self.admitted = admitted
  }

  /// An answer that is an error text; the connection may have to end after it.
  private struct Refusal: Error {
    let text: String
    var body: [UInt8] = []
    var closes = false
  }

  /// Answers until the client disconnects or breaks the protocol.
  consuming func run(_ requests: NIOAsyncChannelInboundStream<RPCRequest>) async throws {
    var session = self
    defer {
      for stream in session.streams.values { stream.cancel() }
      session.asked.cancelAll()
    }
    for try await request in requests {
      guard try await session.answer(request) else { return }
    }
  }

  /// Answers one request; false if the connection ends with it.
  private mutating func answer(_ request: RPCRequest) async throws -> Bool {
    let sequence = request.header.sequence
    do throws(Refusal) {
      let command = try gate(request)
      let body = try await perform(command, request)
      // The client has disconnected: its further requests are not answered.
      let isAnswered = (try? await respond(sequence, body: body)) != nil
      if command == .leave { context.hasLeft() }
      if isAnswered { startStream(request.header.sequence) }
      return isAnswered
    } catch {
      let (name, text) = (RPCLog.excerpt(request.header.command), RPCLog.excerpt(error.text))
      context.rpcLog.write(
        .error, .refused(request.command), about: peer, "Failed to evaluate request of \(peer): \(printable(name)): \(text)")
      try await respond(sequence, error: error.text, body: error.body)
      return !error.closes
    }
  }

  private func respond(_ sequence: UInt64, error: String = "", body: [UInt8] = []) async throws {
    try await responses.write(ByteBuffer(bytes: ResponseHeader(sequence: sequence, error: error).encoded + body))
  }

  // MARK: Rules

  /// Whether this client may make this request now.
  private func gate(_ request: RPCRequest) throws(Refusal) -> RPCCommand {
    guard hasShakenHands || request.command == .handshake else {
      throw Refusal(text: RPCErrorText.handshakeRequired, closes: true)
    }
    let isOpen = context.authKey == nil || isAuthenticated || request.command == .auth || request.command == .handshake
    guard isOpen else {
      throw Refusal(text: RPCErrorText.authenticationRequired, closes: request.command == nil)
    }
    // If the command is unknown, so is whether a body follows.
    guard let command = request.command else { throw Refusal(text: RPCErrorText.unsupportedCommand, closes: true) }
    return command
  }

  private func decode<Body: RPCBody>(_ type: Body.Type, _ request: RPCRequest) throws(Refusal) -> Body {
    do throws(WireError) {
      return try Body(decoding: request.body.readableBytesSpan)
    } catch {
      throw Refusal(text: "the request's body is \(error)", closes: true)
    }
  }

  /// Runs a verb of the node, whose errors become the answer, with flags in place of settings.
  private func ask<Value: Sendable>(body: [UInt8] = [], _ verb: () async throws -> Value) async throws(Refusal) -> Value {
    do {
      return try await verb()
    } catch {
      throw Refusal(text: flagged("\(error)"), body: body)
    }
  }

  // MARK: Commands

  /// Does what `command` asks and returns the body of the answer.
  private mutating func perform(_ command: RPCCommand, _ request: RPCRequest) async throws(Refusal) -> [UInt8] {
    let node = context.node
    switch command {
    case .handshake: try handshake(try decode(HandshakeRequest.self, request))
    case .auth: try authenticate(try decode(AuthRequest.self, request))
    case .event:
      let event = try decode(EventRequest.self, request)
      try await ask { try await node.userEvent(event.name, payload: event.payload ?? [], coalesce: event.coalesce) }
    case .forceLeave:
      let order = try decode(ForceLeaveRequest.self, request)
      try await ask { try await node.forceLeave(order.node, prune: order.prune) }
    case .join: return try await join(try decode(JoinRequest.self, request))
    case .members: return try await members(matching: MemberFilter())
    case .membersFiltered: return try await members(matching: try decode(MemberFilter.self, request))
    case .tags: try await updateTags(try decode(TagsRequest.self, request))
    case .stream:
      guard let filter = EventFilter(try decode(StreamRequest.self, request).type) else { throw Refusal(text: RPCErrorText.invalidFilter) }
      try checkStreams(request.header.sequence)
      // Before the answer: what happens after the client has it is in the stream.
      opening = .events(filter, node.subscription())
    case .monitor:
      let name = try decode(MonitorRequest.self, request).logLevel
      guard let level = AgentLogLevel(parsing: name) else { throw Refusal(text: "Unknown log level: \(name.uppercased())") }
      guard monitor == nil else { throw Refusal(text: RPCErrorText.monitorExists) }
      try checkStreams(request.header.sequence)
      opening = .log(context.log.monitor(level))
    case .stop:
      let sequence = try decode(StopRequest.self, request).stop
      streams.removeValue(forKey: sequence)?.cancel()
      if monitor == sequence { monitor = nil }
      asked.cancel(sequence)
    case .leave:
      context.rpcLog.write(.info, .leave, about: peer, "Graceful leave requested by \(peer)")
      try await ask { try await node.leave() }
    case .stats: return try await stats()
    case .query: try await query(try decode(QueryRequest.self, request), request.header.sequence)
    case .respond: try await respond(try decode(RespondRequest.self, request))
    case .getCoordinate:
      let name = try decode(CoordinateRequest.self, request).node
      return CoordinateResponse(coordinate: try await ask { try await node.cachedCoordinate(of: name) }).encoded
    case .installKey: return try await keys(.install, request)
    case .useKey: return try await keys(.use, request)
    case .removeKey: return try await keys(.remove, request)
    case .listKeys: return try await keys(.list, request)
    }
    return []
  }

  private mutating func handshake(_ request: HandshakeRequest) throws(Refusal) {
    guard !hasShakenHands else { throw Refusal(text: RPCErrorText.duplicateHandshake) }
    guard request.version == 1 else { throw Refusal(text: RPCErrorText.unsupportedVersion) }
    hasShakenHands = true
    if context.authKey == nil { admitted() }
  }

  private mutating func authenticate(_ request: AuthRequest) throws(Refusal) {
    guard isEqualInConstantTime(request.authKey, context.authKey ?? "") else {
      wrongKeys += 1
      throw Refusal(text: RPCErrorText.invalidAuthentication, closes: wrongKeys >= Self.wrongKeyLimit)
    }
    isAuthenticated = true
    admitted()
  }

  private func join(_ request: JoinRequest) async throws(Refusal) -> [UInt8] {
    guard !request.existing.isEmpty else { return JoinResponse(count: 0).encoded }
    let node = context.node
    let count = try await ask(body: JoinResponse(count: 0).encoded) {
      try await node.join(request.existing, ignoreOld: !request.replay)
    }
    return JoinResponse(count: Int32(clamping: count)).encoded
  }

  private func members(matching filter: MemberFilter) async throws(Refusal) -> [UInt8] {
    let empty = MembersResponse().encoded
    let matcher: MemberMatcher
    do throws(MemberMatcher.BadPattern) {
      matcher = try MemberMatcher(filter)
    } catch {
      throw Refusal(text: error.description, body: empty)
    }
    let node = context.node
    let members = try await ask(body: empty) { try await node.members() }
    return MembersResponse(members: members.filter(matcher.matches).map(AgentMember.init)).encoded
  }

  private func updateTags(_ request: TagsRequest) async throws(Refusal) {
    let node = context.node
    try await ask { try await node.updateTags(setting: request.set, deleting: request.delete ?? []) }
  }

  private func stats() async throws(Refusal) -> [UInt8] {
    let node = context.node
    let (local, sections) = try await ask { (try await node.localMember(), try await node.sections()) }
    let own = [
      "agent": ["name": readableText(of: local.name.bytes)],
      "runtime": Runtime.facts,
      "tags": local.tags,
      "event_handlers": context.handlers,
    ]
    return AgentStats(sections: sections.merging(own) { $1 }).encoded
  }

  private mutating func query(_ request: QueryRequest, _ sequence: UInt64) async throws(Refusal) {
    guard !request.name.hasPrefix("_serf_") || (request.name == "_serf_ping" && (request.payload ?? []).isEmpty) else {
      throw Refusal(text: RPCErrorText.internalQuery)
    }
    try checkStreams(sequence)
    guard !asked.isFull else { throw Refusal(text: "More than \(AskedQueries.limit) queries at once on one connection") }
    let node = context.node
    opening = .query(
      try await ask { try await node.ask(request.name, payload: request.payload ?? [], options: SerfQuery.Options(request)) })
  }

  private func respond(_ request: RespondRequest) async throws(Refusal) {
    guard let query = queries.query(request.id) else { throw Refusal(text: RPCErrorText.noPendingQuery) }
    guard !queries.isAnswered(request.id) else { throw Refusal(text: RPCErrorText.responseSent) }
    let node = context.node
    try await ask { try await node.answer(query, with: request.payload ?? []) }
    queries.markAnswered(request.id)
  }

  /// A body follows in any case: it says what each member did.
  private func keys(_ kind: KeyOperation.Kind, _ request: RPCRequest) async throws(Refusal) -> [UInt8] {
    var operation = KeyOperation(kind)
    if kind != .list {
      let text = try decode(KeyRequest.self, request).key
      do { operation.key = try SecretKey(base64: text).bytes } catch {
        throw Refusal(text: AgentKeys.refusal(of: text) ?? "\(error)", body: AgentKeys().encoded)
      }
    }
    let (node, wanted) = (context.node, operation)
    let report = try await ask(body: AgentKeys().encoded) { try await node.keyOperation(wanted).report }
    let body = AgentKeys(report).encoded
    if let problem = report.problem { throw Refusal(text: problem, body: body) }
    return body
  }

  // MARK: Streams

  /// Between the last reply to a query and the record that it has ended. Go's command line keeps acks and answers in two queues, which the end closes
  /// both: what it has not read by then, it may drop.
  static let pauseBeforeDone: Duration = .milliseconds(100)

  private func checkStreams(_ sequence: UInt64) throws(Refusal) {
    guard streams[sequence] == nil, !asked.contains(sequence) else { throw Refusal(text: RPCErrorText.streamExists) }
    guard streams.count < Self.streamLimit else { throw Refusal(text: "More than \(Self.streamLimit) streams on one connection") }
  }

  /// Sends the records of the stream that the request with this number has opened, if it has. Its answer has been written, so records follow it.
  private mutating func startStream(_ sequence: UInt64) {
    let header = ResponseHeader(sequence: sequence).encoded
    let (responses, queries) = (responses, queries)
    defer { opening = nil }
    switch opening {
    case .events(let filter, let events):
      streams[sequence] = Task {
        let queue = LossyQueue<AgentEvent>(capacity: Self.eventLimit)
        await withTaskGroup(of: Void.self) { group in
          group.addTask {
            for await event in events where filter.matches(event) { queue.push(AgentEvent(event, numbering: queries)) }
            queue.finish()
          }
          while let item = await queue.next() {
            let record: AgentEvent =
              switch item {
              case .element(let event): event
              case .lost(let count): .dropped(count)
              }
            guard (try? await responses.write(ByteBuffer(bytes: header + record.encoded))) != nil else { break }
          }
          group.cancelAll()
        }
      }
    case .log(let lines):
      monitor = sequence
      streams[sequence] = Task {
        for await line in lines {
          guard (try? await responses.write(ByteBuffer(bytes: header + LogRecord(line: line).encoded))) != nil else { return }
        }
      }
    case .query(let replies):
      asked.start(sequence) {
        func write(_ record: QueryRecord) async throws { try await responses.write(ByteBuffer(bytes: header + record.encoded)) }
        do {
          for try await reply in replies { try await write(.reply(reply)) }
          try await Task.sleep(for: Self.pauseBeforeDone)
          try await write(.done)
        } catch {
          // The client or the node is gone, or the client has stopped the query.
        }
      }
    case nil: break
    }
  }
}

/// Compares keys in a time that does not depend on where they differ.
package func isEqualInConstantTime(_ left: String, _ right: String) -> Bool {
  let (left, right) = (Array(left.utf8), Array(right.utf8))
  var difference = UInt8(left.count == right.count ? 0 : 1)
  for index in left.indices { difference |= left[index] ^ (right.isEmpty ? 0xff : right[index % right.count]) }
  return difference == 0
}
