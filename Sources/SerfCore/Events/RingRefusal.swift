/// Why a user event or query is not new to its ring.
package enum RingRefusal: Error, Hashable, Sendable, CaseIterable {
  /// Seen before.
  case duplicate
  /// From before the time from which this node listens.
  case notWanted
  /// So old that the ring cannot tell any more whether it was seen.
  case tooOld
  /// The slot of its time is full. It is not passed on.
  case full
}

/// Whether a time lies so far behind the clock that its slot may have been given to a newer one.
func isTooOld(_ time: LamportTime, clock: LamportTime, ringSize: Int) -> Bool {
  clock > LamportTime(ringSize) && time < clock - LamportTime(ringSize)
}
