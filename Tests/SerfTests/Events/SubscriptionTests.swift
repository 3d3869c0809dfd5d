import Serf
import Testing

/// How long a subscription lives, and what it is subscribed to.
@Suite("Subscriptions")
struct SubscriptionTests {
  private let subscribers = EventSubscribers()

  private func subscribe(bufferLimit: Int = 8) -> SerfSubscription<SerfEvent> { subscribers.subscribe(bufferLimit: bufferLimit) }

  private func push(_ name: String) {
    _ = subscribers.push(.user(UserEvent(time: 0, nameBytes: Array(name.utf8), payload: [], coalesce: false)))
  }

  private func names(_ subscription: SerfSubscription<SerfEvent>) async -> [String] {
    var names: [String] = []
    for await case .user(let event) in subscription { names.append(event.name) }
    return names
  }

  @Test("two thousand that are made and dropped unread leave none")
  func unread() {
    for _ in 0..<2_000 {
      let subscription = subscribe()
      push("x")
      #expect(subscription.waiting == 1)
    }
    #expect(subscribers.count == 0)
  }

  @Test("each begins when it is made, and gets all that follows")
  func begins() async {
    push("before")
    let first = subscribe()
    push("one")
    let second = subscribe()
    push("two")
    subscribers.finish()
    #expect(await names(first) == ["one", "two"])
    #expect(await names(second) == ["two"])
    #expect(await names(subscribe()) == [], "after the end there is nothing")
    #expect(subscribers.count == 0)
  }

  @Test("a loop that is left ends the subscription that was made for it")
  func leftLoop() async {
    func subscribed() -> SerfSubscription<SerfEvent> {
      let subscription = subscribe()
      push("x")
      return subscription
    }
    for await _ in subscribed() {
      #expect(subscribers.count == 1)
      break
    }
    #expect(subscribers.count == 0)
  }

  @Test("a copy, or an iterator, keeps it alive; another loop goes on where the last one stopped")
  func copies() async {
    var first: SerfSubscription<SerfEvent>? = subscribe()
    var copy = first
    push("one")
    first = nil
    #expect(subscribers.count == 1)
    if let copy { for await _ in copy { break } }
    push("two")
    var iterator = copy?.makeAsyncIterator()
    copy = nil
    #expect(subscribers.count == 1)
    guard case .user(let event) = await iterator?.next() else {
      Issue.record("the iterator has no event")
      return
    }
    #expect(event.name == "two")
    iterator = nil
    #expect(subscribers.count == 0)
    withExtendedLifetime((first, copy, iterator)) {}
  }

  @Test("one that is cancelled hands out what waits, and ends")
  func cancelled() async {
    let subscription = subscribe()
    push("one")
    subscription.cancel()
    push("two")
    #expect(subscribers.count == 0)
    #expect(await names(subscription) == ["one"])
  }

  @Test("one whose reader is cancelled ends")
  func cancelledReader() async {
    let subscription = subscribe()
    let (reads, hasRead) = AsyncStream.makeStream(of: Void.self)
    push("one")
    let reader = Task {
      var count = 0
      for await _ in subscription {
        count += 1
        hasRead.yield()
      }
      return count
    }
    for await _ in reads { break }
    reader.cancel()
    #expect(await reader.value == 1)
    #expect(subscribers.count == 0)
  }

  @Test("one whose reader was cancelled before hands out what waits, and ends")
  func readerCancelledBefore() async {
    let subscription = subscribe()
    push("one")
    let reader = Task {
      withUnsafeCurrentTask { unsafe $0?.cancel() }
      return await names(subscription)
    }
    #expect(await reader.value == ["one"])
    #expect(subscribers.count == 0)
  }

  @Test("one that does not want an event does not buffer it")
  func filtered() async {
    let jobs: SerfSubscription<UserEvent> = subscribers.subscribe(bufferLimit: 4) { $0.name == "job" }
    let changes: SerfSubscription<MemberEvent> = subscribers.subscribe(bufferLimit: 4)
    push("job")
    for _ in 0..<100 { push("other") }
    #expect(jobs.waiting == 1 && jobs.dropped == 0)
    #expect(changes.waiting == 0 && changes.dropped == 0)
    let failed = MemberEvent(.failed, [])
    _ = subscribers.push(.member(failed))
    #expect(jobs.waiting == 1 && changes.waiting == 1)
    subscribers.finish()
    #expect(await changes.reduce(into: []) { $0.append($1) } == [failed])
  }

  @Test("the statistics say what all of them hold, and what they lost, also when they have ended")
  func statistics() {
    let before = subscribers.statistics
    #expect(before == SubscriptionStatistics())
    var fast: SerfSubscription<SerfEvent>? = subscribe(bufferLimit: 100)
    var slow: SerfSubscription<SerfEvent>? = subscribe(bufferLimit: 4)
    let cancelled = subscribe(bufferLimit: 4)
    for _ in 0..<10 { push("x") }
    let lost = cancelled.dropped
    let full = subscribers.statistics
    #expect(lost > 0 && slow?.dropped == lost && fast?.dropped == 0)
    #expect(full.subscriptions == 3 && full.eventsDropped == UInt64(2 * lost))
    #expect(full.eventsWaiting == 30 - 2 * lost)
    slow = nil
    cancelled.cancel()
    fast = nil
    push("y")
    #expect(subscribers.statistics == SubscriptionStatistics(eventsDropped: full.eventsDropped))
    subscribers.finish()
    #expect(subscribers.statistics.eventsDropped == full.eventsDropped)
    withExtendedLifetime((fast, slow)) {}
  }

  @Test("each that loses an event for the first time is named by its limit")
  func losers() {
    let subscriptions = [subscribe(bufferLimit: 2), subscribe(bufferLimit: 3)]
    func pushed() -> [Int] { subscribers.push(.user(UserEvent(time: 0, nameBytes: [], payload: [], coalesce: false))) }
    #expect([pushed(), pushed(), pushed(), pushed(), pushed()] == [[], [], [2], [3], []])
    #expect(subscriptions.map(\.dropped).allSatisfy { $0 > 0 })
  }
}
