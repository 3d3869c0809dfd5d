import NIOCore
import SerfWire

/// Matches answers with requests by sequence number, and checks that they arrive in time. Confined to the channel's event loop.
///
/// Two timers run. One is for each request, until its whole answer has arrived. The other is for the connection while the agent is in the middle of
/// an object; it starts again with every byte.
final class RPCConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias Answer = @Sendable (Result<ByteBuffer?, SerfRPCError>) -> Void
  /// False when the stream has ended with this record.
  typealias Record = @Sendable (Result<ByteBuffer?, SerfRPCError>) -> Bool

  /// A caller that waits for objects with one sequence number.
  private struct Waiter {
    let body: RPCCommand.ResponseBody
    /// Receives the answer.
    var answer: Answer
    /// Receives each record of a stream, or the reason of its end; nil for an ordinary command.
    var record: Record?
    /// How long the stream may take, from its answer to its last record; nil for one without an end of its own.
    var length: Duration?
    /// Receives the body behind an error, before ``answer`` receives the error.
    var refusal: (@Sendable (ByteBuffer) -> Void)?
    /// Whether the answer has come, so that what follows is records.
    var isAnswered = false
    /// Gives up the wait for the answer, or for the stream's end.
    var deadline: Scheduled<Void>?
  }

  private let frames = NIOSingleStepByteToMessageProcessor(
    ObjectDecoder(maximumLength: RPCLimit.response), maximumBufferSize: 2 * RPCLimit.response)
  /// How long the agent may pause in the middle of an object.
  private let pause: Duration
  private var stall: Scheduled<Void>?
  private var waiters: [UInt64: Waiter] = [:]
  /// The header whose body comes next.
  private var header: ResponseHeader?
  private var end: SerfRPCError?
  private var context: ChannelHandlerContext?

  init(pause: Duration) { self.pause = pause }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  // MARK: Commands

  /// Sends a request; `answer` is called once, within `time` if given, and `record`, if given, for all that follows it. A stream that has an end of its
  /// own ends within `length`.
  func send(
    _ request: [UInt8], sequence: UInt64, body: RPCCommand.ResponseBody, within time: Duration? = nil, answer: @escaping Answer,
    record: Record? = nil, length: Duration? = nil, refusal: (@Sendable (ByteBuffer) -> Void)? = nil
  ) {
    guard let context, end == nil else { return answer(.failure(end ?? .closed)) }
    let deadline = time.map { time in
      context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(time)) { self.abandon(sequence, .timedOut(after: time)) }
    }
    waiters[sequence] = Waiter(body: body, answer: answer, record: record, length: length, refusal: refusal, deadline: deadline)
    context.channel.writeAndFlush(context.channel.allocator.buffer(bytes: request), promise: nil)
  }

  /// The caller no longer waits for the answer to `sequence`, for this reason; the answer is still read.
  func abandon(_ sequence: UInt64, _ reason: SerfRPCError = .cancelled) {
    guard let waiter = waiters[sequence], !waiter.isAnswered else { return }
    waiter.deadline?.cancel()
    waiters[sequence]?.answer = { _ in }
    waiter.answer(.failure(reason))
  }

  /// The caller wants no more records of the stream `sequence`: tells the agent so in a request numbered `request`. The entry stays, because records
  /// may still arrive, even after the answer.
  func stop(_ sequence: UInt64, request: UInt64) {
    guard waiters[sequence] != nil, end == nil else { return }
    waiters[sequence]?.deadline?.cancel()
    waiters[sequence]?.record = { _ in true }
    let stop = RequestHeader(command: RPCCommand.stop.rawValue, sequence: request).encoded + StopRequest(stop: sequence).encoded
    send(stop, sequence: request, body: .never, answer: { _ in })
  }

  // MARK: Input

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    do {
      try frames.process(buffer: unwrapInboundIn(data)) { object in received(object, context) }
    } catch {
      fail(error is WireError ? .malformed("\(error)") : .closed, context)
    }
    stall?.cancel()
    stall = nil
    guard end == nil, header != nil || frames.unprocessedBytes > 0 else { return }
    stall = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(pause)) { self.fail(.timedOut(after: self.pause), context) }
  }

  private func received(_ object: ByteBuffer, _ context: ChannelHandlerContext) {
    guard end == nil else { return }
    if let header {
      self.header = nil
      return deliver(header, object)
    }
    let header: ResponseHeader
    do {
      header = try ResponseHeader(decoding: object.readableBytesSpan)
    } catch {
      return fail(.malformed("a response header is \(error)"), context)
    }
    guard let waiter = waiters[header.sequence] else {
      // Some agents answer one refused request twice. Without a body this does no harm: the next object is a header again.
      return header.error.isEmpty ? fail(.malformed("an answer to request \(header.sequence), which is not open"), context) : ()
    }
    let hasBody: Bool
    if waiter.isAnswered {
      hasBody = true
    } else if RPCErrorText.neverHasBody(header.error) {
      hasBody = false
    } else {
      hasBody = waiter.body == .always || (waiter.body == .onSuccess && header.error.isEmpty)
    }
    if hasBody { self.header = header } else { deliver(header, nil) }
  }

  private func deliver(_ header: ResponseHeader, _ body: ByteBuffer?) {
    guard let waiter = waiters[header.sequence] else { return }
    let result: Result<ByteBuffer?, SerfRPCError> = header.error.isEmpty ? .success(body) : .failure(.refused(header.error))
    if waiter.isAnswered {
      guard let record = waiter.record, !record(result) else { return }
      waiter.deadline?.cancel()
      waiters[header.sequence] = nil
    } else {
      waiter.deadline?.cancel()
      if let body, !header.error.isEmpty { waiter.refusal?(body) }
      let opensStream = waiter.record != nil && header.error.isEmpty
      if opensStream { opened(header.sequence) } else { waiters[header.sequence] = nil }
      waiter.answer(result)
    }
  }

  /// The answer has come, and records follow.
  private func opened(_ sequence: UInt64) {
    waiters[sequence]?.isAnswered = true
    guard let context, let length = waiters[sequence]?.length else { return }
    waiters[sequence]?.deadline = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(length)) {
      // Its last record may still come, and is read.
      guard let record = self.waiters[sequence]?.record else { return }
      self.waiters[sequence]?.record = { _ in true }
      _ = record(.failure(.timedOut(after: length)))
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    finish(.closed)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    fail(.closed, context)
  }

  private func fail(_ error: SerfRPCError, _ context: ChannelHandlerContext) {
    finish(error)
    context.close(promise: nil)
  }

  private func finish(_ error: SerfRPCError) {
    guard end == nil else { return }
    end = error
    stall?.cancel()
    let ended = waiters
    waiters = [:]
    for (_, waiter) in ended.sorted(by: { $0.key < $1.key }) {
      waiter.deadline?.cancel()
      if waiter.isAnswered { _ = waiter.record?(.failure(error)) } else { waiter.answer(.failure(error)) }
    }
  }
}
