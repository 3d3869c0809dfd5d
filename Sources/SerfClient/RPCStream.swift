import Synchronization

/// The records of one stream of the agent, in order. When the loop is left or cancelled, the agent is told to stop the stream.
///
/// At most ``bufferLimit`` records wait for a slow reader; newer ones beyond that are lost and counted in ``dropped``. A stream has only one reader.
public struct RPCStream<Element: Sendable>: AsyncSequence, Sendable {
  /// A stream that ends before its reader is done throws ``SerfRPCError`` alone, untyped as all functions of ``SerfRPCClient`` do.
  public typealias Failure = any Error

  /// How many records wait for a slow reader.
  public static var bufferLimit: Int { 4096 }

  let records: AsyncStream<Element>
  let feed: RPCFeed<Element>

  /// How many records were lost because the reader did not take them in time.
  public var dropped: Int { feed.dropped }

  /// The only reader.
  public func makeAsyncIterator() -> Iterator { Iterator(base: records.makeAsyncIterator(), feed: feed) }

  /// Hands out records one by one.
  public struct Iterator: AsyncIteratorProtocol {
    var base: AsyncStream<Element>.Iterator
    let feed: RPCFeed<Element>

    /// The next record; throws a ``SerfRPCError`` once if the connection ends, and is nil after that, after cancellation, and at the end of a stream that
    /// has one.
    public mutating func next() async throws -> Element? {
      try await next(isolation: nil)
    }

    /// The next record; throws a ``SerfRPCError`` once if the connection ends, and is nil after that, after cancellation, and at the end of a stream that
    /// has one.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Element? {
      if let element = await base.next(isolation: actor) { return element }
      if let error = feed.takeReason() { throw error }
      return nil
    }
  }
}

/// The writing end of an ``RPCStream``.
final class RPCFeed<Element: Sendable>: Sendable {
  private let continuation: AsyncStream<Element>.Continuation
  private let lost = Atomic(0)
  /// Why the stream ended. It is not in the buffer, which may be full.
  private let reason = Mutex<SerfRPCError?>(nil)

  var dropped: Int { lost.load(ordering: .relaxed) }

  static func make() -> (records: AsyncStream<Element>, feed: RPCFeed) {
    let (records, continuation) = AsyncStream.makeStream(
      of: Element.self, bufferingPolicy: .bufferingOldest(RPCStream<Element>.bufferLimit))
    return (records, RPCFeed(continuation))
  }

  private init(_ continuation: AsyncStream<Element>.Continuation) { self.continuation = continuation }

  func yield(_ element: Element) {
    if case .dropped = continuation.yield(element) { lost.add(1, ordering: .relaxed) }
  }

  func fail(_ error: SerfRPCError) {
    reason.withLock { $0 = error }
    continuation.finish()
  }

  /// The last record has come.
  func finish() { continuation.finish() }

  /// The reason, once.
  func takeReason() -> SerfRPCError? {
    reason.withLock { reason in
      defer { reason = nil }
      return reason
    }
  }

  func onTermination(_ action: @escaping @Sendable () -> Void) {
    continuation.onTermination = { _ in action() }
  }
}
