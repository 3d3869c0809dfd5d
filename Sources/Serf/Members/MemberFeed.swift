import NIOCore
import Synchronization

/// Tells those that follow the member list that it has changed. They read it when they are ready, on the node's loop.
///
/// ```
/// driver ── changed(to: version) ──▶ feed ── wakes ──▶ reader ── reads ──▶ driver: version and members
/// ```
/// So nothing is sorted or copied while there are no readers, and a slow reader misses versions instead of piling them up. No change is missed:
/// what a reader has seen and what the driver states are versions of the same list, so a change during a read is one that the reader has not seen.
final class MemberFeed: Sendable {
  /// The list and its version, at one moment.
  typealias Reading = (version: UInt64, members: MemberSnapshot)

  private struct State {
    /// The version after the last change; 0 while the node has not started.
    var version: UInt64 = 0
    /// The way to the list.
    var source: (list: NIOLoopBound<() -> Reading?>, loop: any EventLoop)?
    /// Readers that have seen this version; they learn whether there is a next one.
    var waiting: [ObjectIdentifier: Once<Bool>] = [:]
    var isFinished = false
  }

  private let state = Mutex(State())

  /// How many readers wait for a change.
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  // MARK: The driver's side

  /// The node starts. `list` reads the members; nil once the node has stopped.
  func attach(_ list: NIOLoopBound<() -> Reading?>, on loop: any EventLoop) { state.withLock { $0.source = (list, loop) } }

  /// The list has this version now.
  func changed(to version: UInt64) { wake(true) { $0.version = version } }

  /// The node has stopped, or will never start.
  func finish() {
    wake(false) { ($0.source, $0.isFinished) = (nil, true) }
  }

  private func wake(_ hasNext: Bool, after change: (inout State) -> Void) {
    let readers = state.withLock { state -> [Once<Bool>] in
      guard !state.isFinished else { return [] }
      change(&state)
      defer { state.waiting = [:] }
      return Array(state.waiting.values)
    }
    for reader in readers { reader.resume(.success(hasNext)) }
  }

  // MARK: The readers' side

  /// Whether there is another version than `seen`.
  func hasNext(after seen: UInt64) -> Bool { state.withLock { !$0.isFinished && $0.version != seen } }

  /// Decides `once` when there is another version than `seen`, which may be at once; with false when there will be none.
  func notify(_ once: Once<Bool>, after seen: UInt64) {
    let isKnown = state.withLock { state -> Bool? in
      if state.isFinished { return false }
      if state.version != seen { return true }
      state.waiting[ObjectIdentifier(once)] = once
      return nil
    }
    if let isKnown { once.resume(.success(isKnown)) }
  }

  /// The reader no longer waits.
  func forget(_ once: Once<Bool>) { state.withLock { $0.waiting[ObjectIdentifier(once)] = nil } }

  /// The list as it is now; nil when the node has stopped.
  func read() async throws -> Reading? {
    guard let source = state.withLock({ $0.source }) else { return nil }
    let once = Once<Reading?>()
    source.loop.execute { once.resume(.success(source.list.value())) }
    return try await once.wait()
  }
}

/// One subscription to the member list.
final class MemberFeedSource: SubscriptionSource {
  private struct State {
    var seen: UInt64 = 0
    /// What the reader waits for, if one does.
    var waiting: Once<Bool>?
    var isEnded = false
  }

  private let feed: MemberFeed
  private let state = Mutex(State())

  init(_ feed: MemberFeed) { self.feed = feed }

  var bufferLimit: Int { 1 }
  var waiting: Int {
    let (seen, isEnded) = state.withLock { ($0.seen, $0.isEnded) }
    return !isEnded && feed.hasNext(after: seen) ? 1 : 0
  }
  var dropped: Int { 0 }

  func next() async -> MemberSnapshot? {
    let once = Once<Bool>()
    let seen = state.withLock { state -> UInt64? in
      guard !state.isEnded else { return nil }
      precondition(state.waiting == nil, "one task at a time reads a subscription")
      state.waiting = once
      return state.seen
    }
    guard let seen else { return nil }
    feed.notify(once, after: seen)
    let reading = try? await reading(once)
    feed.forget(once)
    return state.withLock { state in
      state.waiting = nil
      guard let reading, !state.isEnded else {
        state.isEnded = true
        return nil
      }
      state.seen = reading.version
      return reading.members
    }
  }

  /// The list after the change; nil at the end. Throws if the task is cancelled.
  private func reading(_ change: Once<Bool>) async throws -> MemberFeed.Reading? {
    guard try await change.wait() else { return nil }
    return try await feed.read()
  }

  func end() {
    let waiting = state.withLock { state in
      state.isEnded = true
      return state.waiting
    }
    waiting?.resume(.success(false))
  }
}
