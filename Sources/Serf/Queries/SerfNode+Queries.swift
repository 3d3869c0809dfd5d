public import SerfCore

extension SerfNode {
  /// Asks every member, or those that the options address, and gives their answers as they come.
  ///
  /// ```swift
  /// var options = SerfQuery.Options()
  /// options.filters = [.tag("role", matching: "^web$")]
  /// let answers = try await node.query("load", options: options)
  /// for try await answer in answers { print(answer.from, answer.payload.string) }
  /// let summary = try await answers.summary()   // 3 of 4 members answered
  /// ```
  /// This node is asked too, if the options address it.
  ///
  /// - Parameters:
  ///   - name: the query's name at the members that are asked. Names that begin with `_serf_` are the cluster's own, and
  ///     refused, except `_serf_ping` without a payload, which every member acknowledges and none answers.
  ///   - payload: the query's content, any sequence of bytes. Default none.
  ///   - options: which members are asked, and how long their answers are waited for. Default: all members, and a time that grows with their number.
  /// - Returns: the answers. The query ends when every member that was asked has answered, and at the latest when its time is over.
  /// - Throws: ``SerfError`` alone, and nothing was sent: ``SerfError/Code/tooLarge`` when the encoded query is larger than
  ///   ``SerfSettings/Queries/sizeLimit``; ``SerfError/Code/argument`` when the name is the cluster's own, a filter is no expression, or the timeout is below 1 ms or above ten minutes;
  ///   ``SerfError/Code/state`` when the node has left or was shut down; what ``start()`` throws. `CancellationError` when the task is cancelled.
  public func query(
    _ name: String, payload: some Sequence<UInt8> = EmptyCollection<UInt8>(), options: SerfQuery.Options = SerfQuery.Options()
  ) async throws -> QueryAnswers {
    let payload = Array(payload)
    let receiver = QueryReceiver()
    let id = try await call { driver, done in driver.query(Array(name.utf8), payload: payload, options: options, receiver, done) }
    receiver.abandoned { [weak self] in
      self?.tellDriver { $0.closeQuery(id) }
    }
    return QueryAnswers(id, receiver)
  }

  /// Answers a query that came with the node's events: once, and before its time is over.
  ///
  /// - Parameters:
  ///   - query: the query, as it was delivered.
  ///   - payload: the answer, any sequence of bytes. Default none.
  /// - Throws: ``SerfError`` alone, and nothing was sent: ``SerfError/Code/notAnswerable`` when this node has answered it, or its time is over;
  ///   ``SerfError/Code/tooLarge`` when the encoded answer is larger than ``SerfSettings/Queries/answerSizeLimit``; ``SerfError/Code/state`` when the node
  ///   has left or was shut down. `CancellationError` when the task is cancelled.
  public func respond(to query: SerfQuery, with payload: some Sequence<UInt8> = EmptyCollection<UInt8>()) async throws {
    let payload = Array(payload)
    try await call { driver, done in driver.respond(to: query.id, with: payload, done) }
  }

  /// The queries from now on that address this node. Other events take no place in its buffer.
  ///
  /// - Parameters:
  ///   - name: the name of the queries that are wanted. Default nil: all.
  ///   - bufferLimit: how many queries may wait for a slow reader before the oldest are dropped, at least 1. Default 1,024.
  public func queries(named name: String? = nil, bufferLimit: Int = 1_024) -> SerfSubscription<SerfQuery> {
    guard let bytes = name.map({ Array($0.utf8) }) else { return subscribers.subscribe(bufferLimit: bufferLimit) }
    return subscribers.subscribe(bufferLimit: bufferLimit) { $0.nameBytes == bytes }
  }
}
