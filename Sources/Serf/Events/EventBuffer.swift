package import SerfCore
import SerfPrimitives
import Synchronization

/// What an ``EventBuffer`` has to know of its elements.
package protocol BufferedEvent: Sendable {
  /// The event, if it is of this kind.
  init?(_ event: SerfEvent)
  /// The members that it is about, each of whose events replaces the earlier ones; nil for an event that stands for itself.
  var subjects: [SerfMember]? { get }
}

extension SerfEvent: BufferedEvent {
  package init?(_ event: SerfEvent) { self = event }

  package var subjects: [SerfMember]? {
    switch self {
    case .member(let event): event.members
    case .user, .query: nil
    }
  }
}

extension MemberEvent: BufferedEvent {
  package init?(_ event: SerfEvent) {
    guard case .member(let event) = event else { return nil }
    self = event
  }

  package var subjects: [SerfMember]? { members }
}

extension UserEvent: BufferedEvent {
  package init?(_ event: SerfEvent) {
    guard case .user(let event) = event else { return nil }
    self = event
  }

  package var subjects: [SerfMember]? { nil }
}

extension SerfQuery: BufferedEvent {
  package init?(_ event: SerfEvent) {
    guard case .query(let query) = event else { return nil }
    self = query
  }

  package var subjects: [SerfMember]? { nil }
}

/// The buffer between the node's event loop, which pushes events, and one task, which takes them.
///
/// When more than ``limit`` events wait, it keeps the latest event of each member, and as many of the newest user events as fit into the remaining
/// room, at least a quarter of the limit. So memory is bounded by the limit and the number of members.
package final class EventBuffer<Element: BufferedEvent>: EventReceiver {
  fileprivate struct State {
    var queue = DrainQueue<Element>(keptCapacity: 0)
    /// How many events may wait before they are thinned out.
    var room: Int
    var reader: CheckedContinuation<Element?, Never>?
    var isFinished = false
    var dropped = 0

    var waiting: Int { queue.count }
  }

  /// How many events may wait before some are dropped: at least one.
  package let limit: Int
  private let isWanted: @Sendable (Element) -> Bool
  private let state: Mutex<State>

  package init(limit: Int, where isWanted: @escaping @Sendable (Element) -> Bool = { _ in true }) {
    self.limit = max(limit, 1)
    self.isWanted = isWanted
    state = Mutex(State(room: self.limit))
  }

  /// How many events wait.
  package var waiting: Int { state.withLock { $0.waiting } }
  /// How many user events were lost.
  package var dropped: Int { state.withLock { $0.dropped } }

  /// Takes the event if it is wanted. Returns how many user events were lost to make room for it.
  package func push(_ event: SerfEvent) -> Int {
    guard let element = Element(event), isWanted(element) else { return 0 }
    let (reader, lost) = state.withLock { state -> (CheckedContinuation<Element?, Never>?, Int) in
      guard !state.isFinished else { return (nil, 0) }
      if let reader = state.reader {
        state.reader = nil
        return (reader, 0)
      }
      let before = state.dropped
      state.queue.append(element)
      if state.waiting > state.room { state.thin(to: limit) }
      return (nil, state.dropped - before)
    }
    reader?.resume(returning: element)
    return lost
  }

  /// No event follows; those that wait can still be taken.
  package func finish() {
    let reader = state.withLock { state -> CheckedContinuation<Element?, Never>? in
      state.isFinished = true
      defer { state.reader = nil }
      return state.reader
    }
    reader?.resume(returning: nil)
  }

  /// The oldest waiting event, or the next that comes; nil after the end. The caller finishes the buffer when the task is cancelled.
  package func next() async -> Element? {
    await withCheckedContinuation { continuation in
      let ready = state.withLock { state -> Element?? in
        if let element = state.take(limit: limit) { return .some(element) }
        if state.isFinished { return .some(nil) }
        precondition(state.reader == nil, "one task at a time reads a subscription")
        state.reader = continuation
        return nil
      }
      if let ready { continuation.resume(returning: ready) }
    }
  }
}

extension EventBuffer.State {
  fileprivate mutating func take(limit: Int) -> Element? {
    let element = queue.popFirst()
    if queue.isEmpty { room = limit }
    return element
  }

  /// Keeps the latest event of each member and the newest user events.
  ///
  /// An eighth of the limit becomes free, or as much as an eighth of what is kept if the members alone fill the limit, so that this work is not done
  /// again at the next push.
  fileprivate mutating func thin(to limit: Int) {
    let all = queue.waiting
    var named: Set<NodeName> = []
    var latest: Set<Int> = []
    var others = 0
    for index in all.indices.reversed() {
      guard let subjects = all[index].subjects else {
        others += 1
        continue
      }
      // An event of several members is needed as long as it is the latest of one of them.
      for subject in subjects where named.insert(subject.name).inserted { latest.insert(index) }
    }
    var surplus = max(others - max(limit / 4, limit - limit / 8 - latest.count, 1), 0)
    dropped += surplus
    var kept: [Element] = []
    for index in all.indices {
      if all[index].subjects != nil {
        if latest.contains(index) { kept.append(all[index]) }
      } else if surplus > 0 {
        surplus -= 1
      } else {
        kept.append(all[index])
      }
    }
    queue.replaceAll(with: kept)
    room = max(limit, kept.count + kept.count / 8)
  }
}
