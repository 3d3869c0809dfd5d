import NIOCore
import SerfCore
import SerfPrimitives
import SerfTransport

extension SerfNode {
  /// The members as they are now, and again after each change, until the node has stopped.
  ///
  /// A reader that is slower than the changes gets the newest state and misses those between; none is kept for it. The first element comes as soon as
  /// the node has started. A change is anything that a member shows: its status, `leaving` too, its address, its tags and its versions.
  public func memberSnapshots() -> SerfSubscription<MemberSnapshot> { SerfSubscription(MemberFeedSource(subscribers.memberFeed)) }

  /// Waits until the members are as the caller needs them: now, or after any change. Starts the node.
  ///
  /// ```swift
  /// try await node.waitForMembers(within: .seconds(10)) { $0.alive.count { $0.tags["role"] == "worker" } >= 2 }
  /// ```
  ///
  /// - Parameters:
  ///   - limit: how long to wait, with the start. The members are checked once however short it is.
  ///   - condition: whether these members will do. It is called again for each change, on the caller's task. What it throws ends the wait.
  /// - Returns: the members that will do.
  /// - Throws: ``SerfError/Code/timedOut`` when the time is over; ``SerfError/Code/state`` after ``shutdown()``, also one during the wait; what
  ///   ``start()`` throws, except that a node that leaves or has left still waits; `CancellationError` if the task is cancelled; and what `condition`
  ///   throws. The wait changes nothing.
  @discardableResult
  public func waitForMembers(
    within limit: Duration, where condition: @Sendable (MemberSnapshot) throws -> Bool
  ) async throws -> MemberSnapshot {
    let deadline = Instant.now(on: loop) + limit
    try await call { _, done in done(.success(())) }
    let snapshots = memberSnapshots()
    var timer: Scheduled<Void>?
    defer { timer?.cancel() }
    var last: MemberSnapshot?
    for await snapshot in snapshots {
      if try condition(snapshot) { return snapshot }
      last = snapshot
      if timer == nil { timer = loop.scheduleTask(deadline: NIODeadline(deadline)) { snapshots.cancel() } }
    }
    try Task.checkCancellation()
    guard Instant.now(on: loop) >= deadline else { throw SerfError.shutDown }
    throw SerfError(.timedOut, "the members are not as wanted within \(limit): \(last?.summary ?? "none is known")")
  }
}

extension MemberSnapshot {
  /// How many members have each status, for an error: `3 alive, 1 failed`.
  fileprivate var summary: String {
    MemberStatus.allCases.compactMap { status in
      let count = count { $0.status == status }
      return count == 0 ? nil : "\(count) \(status)"
    }.joined(separator: ", ")
  }
}
