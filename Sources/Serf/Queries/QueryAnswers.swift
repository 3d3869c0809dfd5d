public import SerfCore
public import SerfPrimitives
import Synchronization

/// The answers to one query, as they come: `for try await answer in try await node.query("load") { … }`.
///
/// The loop ends when every member that was asked has answered, and at the latest when the query's time is over. Then ``summary()`` says how many of how
/// many members answered. A program that no longer holds this value, and no iterator of it, waits for no more answers. Read each of the sequences in
/// one task.
public struct QueryAnswers: AsyncSequence, Sendable {
  /// The query's name in the cluster.
  public let id: SerfQuery.ID
  private let receiver: QueryReceiver

  init(_ id: SerfQuery.ID, _ receiver: QueryReceiver) {
    self.id = id
    self.receiver = receiver
  }

  /// The members that said that the query arrived, as they say so. Empty unless ``SerfQuery/Options/wantsAcks`` is true. It ends with the query.
  public var acknowledgements: some AsyncSequence<NodeName, any Error> & Sendable { receiver.acks.stream }

  /// Waits until the query has ended, and says how many of how many members answered.
  ///
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/state`` if the node is shut down meanwhile. `CancellationError` when the task is cancelled.
  public func summary() async throws -> QuerySummary { try await receiver.summary() }

  // MARK: AsyncSequence

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(receiver: receiver, base: receiver.answers.stream.makeAsyncIterator()) }

  /// Reads the answers one by one.
  public struct AsyncIterator: AsyncIteratorProtocol {
    /// Keeps the query open.
    let receiver: QueryReceiver
    var base: AsyncThrowingStream<QueryAnswer, any Error>.AsyncIterator

    /// The next answer; nil when the query has ended.
    ///
    /// - Throws: ``SerfError`` with ``SerfError/Code/state`` if the node is shut down before the query has ended. `CancellationError` when the task is
    ///   cancelled.
    public mutating func next() async throws -> QueryAnswer? {
      let answer = try await base.next()
      if answer == nil { try Task.checkCancellation() }
      return answer
    }
  }
}

/// What the driver tells about one query, and what its asker reads. How much waits is limited by the number of members.
package final class QueryReceiver: Sendable {
  package let answers = AsyncThrowingStream<QueryAnswer, any Error>.makeStream()
  let acks = AsyncThrowingStream<NodeName, any Error>.makeStream()
  private let state = Mutex(State())

  private struct State {
    var end: Result<QuerySummary, SerfError>?
    var waiters: [Once<QuerySummary>] = []
    var onAbandon: (@Sendable () -> Void)?
  }

  package init() {}

  /// The asker has dropped the answers.
  deinit { state.withLock { $0.end == nil ? $0.onAbandon : nil }?() }

  func abandoned(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onAbandon = body } }

  func end(_ result: Result<QuerySummary, SerfError>) {
    let waiters = state.withLock { state in
      state.end = result
      defer { state.waiters = [] }
      return state.waiters
    }
    let failure: SerfError? = if case .failure(let error) = result { error } else { nil }
    answers.continuation.finish(throwing: failure)
    acks.continuation.finish(throwing: failure)
    for waiter in waiters { waiter.resume(result.mapError { $0 }) }
  }

  func summary() async throws -> QuerySummary {
    let once = Once<QuerySummary>()
    let end = state.withLock { state in
      if state.end == nil { state.waiters.append(once) }
      return state.end
    }
    if let end { return try end.get() }
    return try await once.wait()
  }
}
