public import SerfCore
import SerfPrimitives
import Synchronization

/// What happens in the cluster, as one subscriber sees it: `for await event in node.events { … }`.
///
/// Each value of ``SerfNode/events`` is a separate subscription, which begins when you read the property; iterate it once. A slow reader never holds
/// up the node. While at most ``capacity`` events wait, none is lost; beyond that only the latest event of each member is kept, and the oldest user
/// events are dropped first and counted in ``dropped``.
public struct SerfEvents: AsyncSequence, Sendable {
  public typealias Element = Event
  public typealias Failure = Never

  let buffer: EventBuffer

  /// How many events wait before a reader that does not keep up starts to lose some: 4,096, enough for what a replay usually brings at once.
  public var capacity: Int { buffer.capacity }

  /// How many events this subscription lost because its reader was too slow.
  public var dropped: Int { buffer.dropped }

  /// How many events wait to be read.
  public var waiting: Int { buffer.count }

  /// Ends this subscription; the loop over it finishes after what was already waiting.
  public func cancel() { buffer.finish() }

  public func makeAsyncIterator() -> Iterator { Iterator(lifetime: Lifetime(buffer: buffer)) }

  /// Hands out the waiting events one by one; ends when the node has shut down.
  public struct Iterator: AsyncIteratorProtocol {
    let lifetime: Lifetime

    public mutating func next() async -> Event? { await lifetime.buffer.next() }

    public mutating func next(isolation actor: isolated (any Actor)?) async -> Event? { await lifetime.buffer.next() }
  }

  /// Ends the subscription when the reader leaves the loop.
  final class Lifetime: Sendable {
    let buffer: EventBuffer
    init(buffer: EventBuffer) { self.buffer = buffer }
    deinit { buffer.finish() }
  }
}

/// The buffer between the node's event loop, which pushes events, and one task, which takes them.
final class EventBuffer: Sendable {
  private struct State {
    var waiting: [Event] = []
    /// The index in `waiting` of the first event; those before it have been taken.
    var head = 0
    var reader: CheckedContinuation<Event?, Never>?
    var isFinished = false
    var dropped = 0

    mutating func take() -> Event? {
      guard head < waiting.count else { return nil }
      let event = waiting[head]
      head += 1
      if head == waiting.count || head >= 256 {
        waiting.removeFirst(head)
        head = 0
      }
      return event
    }

    /// Keeps the latest event of each member, and as many of the newest user events as fit into the remaining room, at least a quarter of all. Leaves
    /// some free places, so that this work is not done again at the next push.
    mutating func thin(to capacity: Int) {
      var seen: Set<NodeName> = []
      var kept: [Event] = []
      let memberCount = Set(waiting[head...].compactMap(\.memberName)).count
      var userRoom = max(capacity / 4, capacity - capacity / 8 - memberCount)
      for event in waiting[head...].reversed() {
        if let name = event.memberName {
          if seen.insert(name).inserted { kept.append(event) }
        } else if userRoom > 0 {
          userRoom -= 1
          kept.append(event)
        } else {
          dropped += 1
        }
      }
      waiting = kept.reversed()
      head = 0
    }
  }

  let capacity: Int
  private let state = Mutex(State())

  init(capacity: Int) { self.capacity = capacity }

  var dropped: Int { state.withLock { $0.dropped } }
  var isFinished: Bool { state.withLock { $0.isFinished } }
  var count: Int { state.withLock { $0.waiting.count - $0.head } }

  func push(_ event: Event) {
    let reader = state.withLock { state -> CheckedContinuation<Event?, Never>? in
      guard !state.isFinished else { return nil }
      if let reader = state.reader {
        state.reader = nil
        return reader
      }
      state.waiting.append(event)
      if state.waiting.count - state.head > capacity { state.thin(to: capacity) }
      return nil
    }
    reader?.resume(returning: event)
  }

  func finish() {
    let reader = state.withLock { state -> CheckedContinuation<Event?, Never>? in
      state.isFinished = true
      defer { state.reader = nil }
      return state.reader
    }
    reader?.resume(returning: nil)
  }

  func next() async -> Event? {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let ready = state.withLock { state -> Event?? in
          if let event = state.take() { return .some(event) }
          if state.isFinished || Task.isCancelled { return .some(nil) }
          precondition(state.reader == nil, "one subscription has one reader")
          state.reader = continuation
          return nil
        }
        if let ready { continuation.resume(returning: ready) }
      }
    } onCancel: {
      finish()
    }
  }
}

extension Event {
  /// The member of whose events only the latest need be kept; nil for events that must not be merged.
  fileprivate var memberName: NodeName? {
    guard case .member(let event) = self, event.members.count == 1 else { return nil }
    return event.members[0].name
  }
}
