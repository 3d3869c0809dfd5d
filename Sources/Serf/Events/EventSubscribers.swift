package import SerfCore
import Synchronization

/// All subscriptions to a node's events. Events are pushed on the node's loop; a subscription may begin and end anywhere.
package final class EventSubscribers: Sendable {
  private struct State {
    var receivers: [ObjectIdentifier: any EventReceiver] = [:]
    var isFinished = false
    /// What all subscriptions lost, those that have ended included.
    var dropped: UInt64 = 0
  }

  private let state = Mutex(State())
  /// Those that follow the member list.
  let memberFeed = MemberFeed()

  package init() {}

  /// How many subscriptions to events there are.
  package var count: Int { state.withLock { $0.receivers.count } }

  /// What the node's statistics say about all subscriptions together.
  package var statistics: SubscriptionStatistics {
    let (receivers, dropped) = state.withLock { ($0.receivers, $0.dropped) }
    let waiting = receivers.values.reduce(0) { $0 + $1.waiting }
    return SubscriptionStatistics(subscriptions: receivers.count, eventsWaiting: waiting, eventsDropped: dropped)
  }

  /// A subscription that begins now, to those events that are an `Element` and wanted. It has ended already if the node was shut down.
  package func subscribe<Element: BufferedEvent>(
    bufferLimit: Int, where isWanted: @escaping @Sendable (Element) -> Bool = { _ in true }
  ) -> SerfSubscription<Element> {
    let buffer = EventBuffer(limit: bufferLimit, where: isWanted)
    state.withLock { state in
      if state.isFinished { return buffer.finish() }
      state.receivers[ObjectIdentifier(buffer)] = buffer
    }
    return SerfSubscription(EventSource(buffer, of: self))
  }

  /// Hands an event to every subscription that wants it. Returns the buffer limits of the subscriptions that lost an event now and never before.
  package func push(_ event: SerfEvent) -> [Int] {
    let receivers = state.withLock { $0.receivers }
    var losers: [Int] = []
    var dropped = 0
    for receiver in receivers.values {
      let lost = receiver.push(event)
      guard lost > 0 else { continue }
      dropped += lost
      if receiver.dropped == lost { losers.append(receiver.limit) }
    }
    if dropped > 0 { state.withLock { $0.dropped += UInt64(dropped) } }
    return losers
  }

  /// Ends all subscriptions; those that follow have ended from the start.
  package func finish() {
    let receivers = state.withLock { state in
      state.isFinished = true
      defer { state.receivers = [:] }
      return state.receivers
    }
    for receiver in receivers.values { receiver.finish() }
    memberFeed.finish()
  }

  fileprivate func remove(_ receiver: any EventReceiver) {
    state.withLock { $0.receivers[ObjectIdentifier(receiver)] = nil }
  }
}

/// Figures of all subscriptions to a node together.
package struct SubscriptionStatistics: Hashable, Sendable {
  /// How many subscriptions there are.
  package var subscriptions = 0
  /// How many events wait in their buffers.
  package var eventsWaiting = 0
  /// How many user events slow readers lost since the node was made; it does not fall when a subscription ends.
  package var eventsDropped: UInt64 = 0

  package init(subscriptions: Int = 0, eventsWaiting: Int = 0, eventsDropped: UInt64 = 0) {
    self.subscriptions = subscriptions
    self.eventsWaiting = eventsWaiting
    self.eventsDropped = eventsDropped
  }
}

/// What a subscription shows to the node: a place for events.
protocol EventReceiver: AnyObject, Sendable {
  var limit: Int { get }
  var waiting: Int { get }
  var dropped: Int { get }
  /// Takes the event, or not. Returns how many user events were lost to make room for it.
  func push(_ event: SerfEvent) -> Int
  func finish()
}

/// A subscriber's side of an ``EventBuffer``, which leaves the node's list when the subscriber is gone.
private final class EventSource<Element: BufferedEvent>: SubscriptionSource {
  private let buffer: EventBuffer<Element>
  private let subscribers: EventSubscribers

  init(_ buffer: EventBuffer<Element>, of subscribers: EventSubscribers) {
    self.buffer = buffer
    self.subscribers = subscribers
  }

  deinit { subscribers.remove(buffer) }

  var bufferLimit: Int { buffer.limit }
  var waiting: Int { buffer.waiting }
  var dropped: Int { buffer.dropped }

  func next() async -> Element? {
    await withTaskCancellationHandler {
      await buffer.next()
    } onCancel: {
      end()
    }
  }

  func end() {
    subscribers.remove(buffer)
    buffer.finish()
  }
}
