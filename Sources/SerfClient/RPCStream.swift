/// The records of one stream of the agent, in order. Leaving the loop, or cancelling it, tells the agent to stop the stream.
///
/// At most ``bufferLimit`` records wait for a slow reader; the newest beyond them are lost. One reader only.
public struct RPCStream<Element: Sendable>: AsyncSequence, Sendable {
  public typealias Failure = SerfRPCError

  /// How many records wait for a slow reader.
  public static var bufferLimit: Int { 4096 }

  let records: AsyncStream<Result<Element, SerfRPCError>>

  public func makeAsyncIterator() -> Iterator { Iterator(base: records.makeAsyncIterator()) }

  public struct Iterator: AsyncIteratorProtocol {
    var base: AsyncStream<Result<Element, SerfRPCError>>.Iterator

    public mutating func next() async throws(SerfRPCError) -> Element? {
      try await next(isolation: nil)
    }

    /// The next record; throws once if the connection ends, nil after ``SerfRPCClient/close()`` or cancellation.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws(SerfRPCError) -> Element? {
      try await base.next(isolation: actor)?.get()
    }
  }
}
