package import SerfCore
import Synchronization

/// All subscriptions to a node's events. Events are pushed on the node's loop; a subscription may begin and end anywhere.
package final class EventSubscribers: Sendable {
  private struct State {
    var receivers: [ObjectIdentifier: any EventReceiver] = [:]
    var isFinished = false
  }

  private let state = Mutex(State())
  /// Those that follow the member list.
  let memberFeed = MemberFeed()

  package init() {}

  /// How many subscriptions to events there are.
  package var count: Int { state.withLock { $0.receivers.count } }

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
  package func push(_ event: Event) -> [Int] {
    let receivers = state.withLock { $0.receivers }
    var losers: [Int] = []
    for receiver in receivers.values where receiver.push(event) { losers.append(receiver.limit) }
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

/// What a subscription shows to the node: a place for events.
protocol EventReceiver: AnyObject, Sendable {
  var limit: Int { get }
  /// Takes the event, or not; true if an event was lost for the first time.
  func push(_ event: Event) -> Bool
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
