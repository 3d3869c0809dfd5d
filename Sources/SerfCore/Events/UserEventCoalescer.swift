package import SerfPrimitives

/// Collects user events whose senders allow it, and delivers of each name only the newest at the end of a window (`serf.md` section 14).
///
/// Newest by Lamport time: members that send at once share a time, and of their events none is newer, so all of them are kept.
package struct UserEventCoalescer: Sendable {
  package var window: CoalescingWindow
  private let limit: Int
  private let byteLimit: Int
  private var newest: [[UInt8]: Newest] = [:]
  private var count = 0
  private var byteCount = 0
  private var arrivals = 0

  /// The newest events of one name.
  private struct Newest: Sendable {
    var time: LamportTime
    var events: [(arrival: Int, event: UserEvent)]
    var byteCount: Int
  }

  /// At most `limit` events with `byteLimit` bytes of names and payloads wait.
  package init(_ settings: SerfSettings.Coalescing.Window, limit: Int, byteLimit: Int) {
    window = CoalescingWindow(settings)
    self.limit = limit
    self.byteLimit = byteLimit
  }

  /// Whether this event does not fit before a flush. An event that is too large by itself waits alone.
  package func isFull(for event: UserEvent) -> Bool { count > 0 && (count >= limit || byteCount + event.byteCount > byteLimit) }

  /// An event arrived. Returns how many, the event itself included, are not delivered because there is a newer one.
  package mutating func insert(_ event: UserEvent) -> Int {
    var dropped = 0
    var entry = Newest(time: event.time, events: [], byteCount: 0)
    if let known = newest[event.nameBytes], known.time >= event.time {
      guard known.time == event.time else { return 1 }
      entry = known
    } else if let older = newest[event.nameBytes] {
      dropped = older.events.count
      count -= older.events.count
      byteCount -= older.byteCount
    }
    newest[event.nameBytes] = nil
    entry.events.append((arrivals, event))
    entry.byteCount += event.byteCount
    newest[event.nameBytes] = entry
    arrivals += 1
    count += 1
    byteCount += event.byteCount
    return dropped
  }

  /// What is to be delivered, in the order of the Lamport times.
  package mutating func flush() -> [UserEvent] {
    window.close()
    let events = newest.values.flatMap { $0.events }.sorted { ($0.event.time, $0.arrival) < ($1.event.time, $1.arrival) }
    newest.removeAll()
    (count, byteCount, arrivals) = (0, 0, 0)
    return events.map { $0.event }
  }
}

extension UserEvent {
  fileprivate var byteCount: Int { nameBytes.count + payload.count }
}
