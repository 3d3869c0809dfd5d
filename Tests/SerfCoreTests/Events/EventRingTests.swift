import SerfCore
import Testing

@Suite("the event ring")
final class EventRingTests {
  var ring = EventRing(size: 512, eventsPerSlot: 64, bytesPerSlot: 64 * 1024)

  /// The event, or why it was refused.
  func insert(_ time: LamportTime, _ name: String = "deploy", _ payload: [UInt8] = [], clock: LamportTime? = nil) -> RingRefusal? {
    let name = Array(name.utf8)
    do {
      let event = try ring.insert(
        time: time, name: name.span.bytes, payload: payload.span.bytes, coalesce: false, clock: clock ?? time + 1)
      #expect(event == UserEvent(time: time, nameBytes: name, payload: payload, coalesce: false))
      return nil
    } catch {
      return error
    }
  }

  @Test("lets an event through once")
  func duplicates() {
    #expect(insert(3) == nil)
    #expect(insert(3) == .duplicate)
    #expect(insert(3, clock: 400) == .duplicate)
  }

  @Test("tells events of one time apart by name and by payload")
  func sameTime() {
    #expect(insert(3, "deploy", [1]) == nil)
    #expect(insert(3, "deploy", [2]) == nil)
    #expect(insert(3, "deploy", []) == nil)
    #expect(insert(3, "other", [1]) == nil)
    #expect(insert(3, "deploy", [2]) == .duplicate)
  }

  @Test(
    "drops an event from before the ring, told by the event's own time",
    arguments: [(1_000, 487, .tooOld), (1_000, 488, nil), (512, 0, nil)] as [(LamportTime, LamportTime, RingRefusal?)])
  func age(clock: LamportTime, time: LamportTime, expected: RingRefusal?) {
    #expect(insert(time, clock: clock) == expected)
  }

  @Test("gives a slot to the newer time after a turn of the ring, and detects repetitions on every turn")
  func wraps() {
    for turn in 0..<4 as Range<LamportTime> {
      let time = 7 + turn * 512
      #expect(insert(time) == nil)
      #expect(insert(time) == .duplicate)
    }
    #expect(ring.newest(within: .max).map(\.time) == [7 + 3 * 512])
    #expect(insert(7 + 2 * 512, clock: 7 + 3 * 512) == .tooOld)
  }

  @Test("drops events from before the time from which we listen")
  func minimumTime() {
    ring.ignoreEvents(before: 10)
    ring.ignoreEvents(before: 5)
    #expect(insert(9) == .notWanted)
    #expect(insert(10) == nil)
  }

  @Test("limits a slot in events and in bytes")
  func limits() {
    for index in 0..<64 as Range<UInt8> { #expect(insert(1, "e", [index]) == nil) }
    #expect(insert(1, "e", [64]) == .full)
    #expect(insert(2, "", [UInt8](repeating: 0, count: 40_000)) == nil)
    #expect(insert(2, "", [UInt8](repeating: 1, count: 40_000)) == .full)
    #expect(insert(3, "", [UInt8](repeating: 1, count: 70_000)) == .full)
  }

  @Test("replays its filled slots, oldest first, and of too many the newest")
  func replay() {
    for time in [600, 3, 700, 601] as [LamportTime] { _ = insert(time, "", [UInt8](repeating: 0, count: 100), clock: 3) }
    #expect(ring.newest(within: .max).map(\.time) == [3, 600, 601, 700])
    #expect(ring.newest(within: 250).map(\.time) == [601, 700])
    #expect(ring.newest(within: 0).isEmpty)
  }

  @Test("works with the last Lamport time")
  func saturated() {
    #expect(insert(.max, clock: .max) == nil)
    #expect(insert(.max, clock: .max) == .duplicate)
    #expect(insert(.max - 512, clock: .max) == .tooOld)
  }
}
