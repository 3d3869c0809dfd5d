import SerfWire

/// The newest user events by Lamport time: tells new events from repeated ones, and a push/pull replays them to a late joiner (`serf.md` section 8).
///
/// Slot = time mod size, one time per slot. Members that send at once share a time; their events are told apart by name and payload. A slot is
/// limited in events and bytes; Go's grows without limit (`secure-transport.md` 3.3).
package struct EventRing: Sendable {
  package struct Slot: Sendable {
    package fileprivate(set) var time: LamportTime
    package fileprivate(set) var events: [UserEvent] = []
    fileprivate var byteCount = 0

    fileprivate init(time: LamportTime) { self.time = time }

    /// Gives the place to a newer time, and its memory as well unless it is much.
    fileprivate mutating func restart(at time: LamportTime) {
      self.time = time
      byteCount = 0
      if events.capacity > 8 { events = [] } else { events.removeAll(keepingCapacity: true) }
    }
  }

  private var slots: [Slot?]
  private let eventsPerSlot: Int
  private let bytesPerSlot: Int
  /// Events before this time are dropped: a join with `ignoreOld` raises it, and so does a first push/pull.
  package private(set) var minimumTime: LamportTime = 0
  /// The newest time of an event that was new here; 0 before the first.
  package private(set) var newestTime: LamportTime = 0

  /// A ring of `size` Lamport times.
  package init(size: Int, eventsPerSlot: Int, bytesPerSlot: Int) {
    precondition(size > 0, "an event ring has at least one slot")
    slots = Array(repeating: nil, count: size)
    self.eventsPerSlot = eventsPerSlot
    self.bytesPerSlot = bytesPerSlot
  }

  /// From now on, events before `time` are dropped.
  package mutating func ignoreEvents(before time: LamportTime) { minimumTime = max(minimumTime, time) }

  /// From now on, events of any time are accepted, as far back as the ring reaches.
  package mutating func acceptOldEvents() { minimumTime = 0 }

  /// Throws if an event of this time is not wanted, or too old to tell whether it is new.
  package func checkAge(_ time: LamportTime, clock: LamportTime) throws(RingRefusal) {
    guard time >= minimumTime else { throw .notWanted }
    guard !isTooOld(time, clock: clock, ringSize: slots.count) else { throw .tooOld }
  }

  /// An event of this time was new, and is kept elsewhere.
  package mutating func note(_ time: LamportTime) { newestTime = max(newestTime, time) }

  /// Adds an event, unless it is not new. `clock` is the event clock after it witnessed the event. Nothing is copied for a repeated event, which is
  /// the common case: every event arrives several times.
  package mutating func insert(
    time: LamportTime, name: RawSpan, payload: RawSpan, coalesce: Bool, clock: LamportTime
  ) throws(RingRefusal) -> UserEvent {
    try checkAge(time, clock: clock)
    let index = Int(time % LamportTime(slots.count))
    let size = name.byteCount + payload.byteCount
    var slot = slots[index] ?? Slot(time: time)
    guard slot.time <= time else { throw .tooOld }
    if slot.time == time {
      for event in slot.events where name.equals(event.nameBytes) && payload.equals(event.payload.bytes) { throw .duplicate }
      guard slot.events.count < eventsPerSlot, slot.byteCount + size <= bytesPerSlot else { throw .full }
    } else {
      guard eventsPerSlot > 0, size <= bytesPerSlot else { throw .full }
    }
    let event = UserEvent(time: time, nameBytes: [UInt8](copying: name), payload: [UInt8](copying: payload), coalesce: coalesce)
    // The array has one owner from here on, so that its memory is used again.
    slots[index] = nil
    if slot.time < time { slot.restart(at: time) }
    slot.events.append(event)
    slot.byteCount += size
    slots[index] = slot
    note(time)
    return event
  }

  /// The filled slots, oldest first: as many of the newest as fit into `budget` bytes of names and payloads.
  package func newest(within budget: Int) -> ArraySlice<Slot> {
    let filled = slots.compactMap { $0 }.sorted { $0.time < $1.time }
    var left = budget
    var first = filled.endIndex
    while first > filled.startIndex, filled[first - 1].byteCount <= left {
      first -= 1
      left -= filled[first].byteCount
    }
    return filled[first...]
  }
}
