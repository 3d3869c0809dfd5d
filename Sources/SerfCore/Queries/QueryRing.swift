/// The newest queries by Lamport time and ID: tells new queries from repeated ones (`serf.md` section 9).
///
/// Slot = time mod size, one time per slot. Only IDs are kept, because queries are not replayed; their number is limited (`secure-transport.md` 3.3).
package struct QueryRing: Sendable {
  private struct Slot: Sendable {
    var time: LamportTime
    var ids: [UInt32] = []
  }

  private var slots: [Slot?]
  private let idsPerSlot: Int
  /// Queries before this time are from before a restart, and are dropped.
  private var minimumTime: LamportTime = 0
  /// The newest time of a query that was new here; 0 before the first.
  package private(set) var newestTime: LamportTime = 0

  /// A ring of `size` Lamport times.
  package init(size: Int, idsPerSlot: Int) {
    precondition(size > 0, "a query ring has at least one slot")
    slots = Array(repeating: nil, count: size)
    self.idsPerSlot = idsPerSlot
  }

  /// From now on, queries before `time` are dropped.
  package mutating func ignoreQueries(before time: LamportTime) { minimumTime = max(minimumTime, time) }

  /// Remembers a query, unless it is not new. `clock` is the query clock after it witnessed the query.
  package mutating func insert(id: UInt32, time: LamportTime, clock: LamportTime) throws(RingRefusal) {
    guard time >= minimumTime else { throw .notWanted }
    guard !isTooOld(time, clock: clock, ringSize: slots.count) else { throw .tooOld }
    let index = Int(time % LamportTime(slots.count))
    var slot = slots[index] ?? Slot(time: time)
    guard slot.time <= time else { throw .tooOld }
    if slot.time == time {
      guard !slot.ids.contains(id) else { throw .duplicate }
      guard slot.ids.isEmpty || slot.ids.count < idsPerSlot else { throw .full }
    }
    // The array has one owner from here on, so that its memory is used again.
    slots[index] = nil
    if slot.time < time { slot.ids.removeAll(keepingCapacity: true) }
    slot.time = time
    slot.ids.append(id)
    slots[index] = slot
    newestTime = max(newestTime, time)
  }
}
