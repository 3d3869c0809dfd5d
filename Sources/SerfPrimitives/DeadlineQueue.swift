/// Timers as data: a binary heap of (deadline, value), which cancels an entry by ignoring it.
///
/// Nothing is removed on cancel. The owner keeps in its own record what a timer was for (a sequence number, the time a state began), and ignores an
/// entry that no longer matches. So every operation stays logarithmic; NIO's own timers cancel in linear time. Entries of one instant come out in the
/// order in which they were scheduled, which keeps a run a function of its seed.
///
/// The members are inlinable so that each module works with a queue of its own type; otherwise every comparison and swap goes through the metadata of
/// the value's type.
@usableFromInline package struct DeadlineQueue<Value: Sendable>: Sendable {
  @usableFromInline struct Entry: Sendable {
    @usableFromInline let deadline: Instant
    @usableFromInline let order: UInt64
    @usableFromInline let value: Value

    @inlinable init(deadline: Instant, order: UInt64, value: Value) {
      self.deadline = deadline
      self.order = order
      self.value = value
    }

    @inlinable func precedes(_ other: Entry) -> Bool {
      deadline == other.deadline ? order < other.order : deadline < other.deadline
    }
  }

  @usableFromInline var heap: [Entry] = []
  @usableFromInline var scheduled: UInt64 = 0

  /// An empty queue.
  @inlinable package init() {}

  /// How many entries wait, cancelled ones included.
  @inlinable package var count: Int { heap.count }

  /// The earliest deadline, or nil when nothing waits.
  @inlinable package var nextDeadline: Instant? { heap.first?.deadline }

  /// Adds `value`, to come out at `deadline`.
  @inlinable package mutating func schedule(_ value: Value, at deadline: Instant) {
    heap.append(Entry(deadline: deadline, order: scheduled, value: value))
    scheduled += 1
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].precedes(heap[parent]) else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes out the earliest entry that is due at `now`, or nil.
  @inlinable package mutating func popDue(at now: Instant) -> Value? {
    guard let first = heap.first, first.deadline <= now else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in 2 * parent + 1...2 * parent + 2 where child < heap.count && heap[child].precedes(heap[least]) { least = child }
      guard least != parent else { break }
      heap.swapAt(parent, least)
      parent = least
    }
    return first.value
  }
}
