import SerfCore
import Testing

@Suite("the query ring")
final class QueryRingTests {
  var ring = QueryRing(size: 512, idsPerSlot: 4)

  func insert(_ id: UInt32, _ time: LamportTime, clock: LamportTime? = nil) -> RingRefusal? {
    do {
      try ring.insert(id: id, time: time, clock: clock ?? time + 1)
      return nil
    } catch {
      return error
    }
  }

  @Test("lets a query through once, told by time and ID")
  func duplicates() {
    #expect(insert(1, 3) == nil)
    #expect(insert(2, 3) == nil)
    #expect(insert(1, 3) == .duplicate)
    #expect(insert(1, 4) == nil)
  }

  @Test(
    "drops old queries by their own time, also after many turns",
    arguments: [(1_000, 487, .tooOld), (1_000, 488, nil), (5_000, 4_999, nil)] as [(LamportTime, LamportTime, RingRefusal?)])
  func age(clock: LamportTime, time: LamportTime, expected: RingRefusal?) {
    #expect(insert(1, time, clock: clock) == expected)
  }

  @Test("gives a slot to the newer time after a turn of the ring")
  func wraps() {
    for turn in 0..<4 as Range<LamportTime> {
      #expect(insert(9, 7 + turn * 512) == nil)
      #expect(insert(9, 7 + turn * 512) == .duplicate)
    }
  }

  @Test("limits the IDs of one time")
  func limit() {
    for id in 0..<4 as Range<UInt32> { #expect(insert(id, 1) == nil) }
    #expect(insert(4, 1) == .full)
    #expect(insert(3, 1) == .duplicate)
  }
}
