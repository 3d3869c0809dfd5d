import SerfCore
import Testing

@Suite("a Lamport clock")
struct LamportClockTests {
  @Test("starts at 1 and moves on with every message that we send")
  func ticks() {
    var clock = LamportClock()
    #expect(clock.time == 1)
    #expect(clock.tick() == 1)
    #expect(clock.time == 2)
  }

  @Test("is later than everything it has witnessed, and never goes back")
  func witnesses() {
    var clock = LamportClock()
    for (time, expected) in [(41, 42), (41, 42), (30, 42), (42, 43)] as [(LamportTime, LamportTime)] {
      #expect(clock.witness(time) == .near)
      #expect(clock.time == expected)
    }
  }

  @Test("goes on after its earlier run")
  func restored() {
    #expect(LamportClock(after: 99).time == 100)
    #expect(LamportClock(after: .max).time == .max)
  }

  static let height: LamportTime = 1 << 63
  static let lead: LamportTime = 1 << 16

  @Test("believes gossip up to 2⁶³ + 2¹⁶ however low it is, but no higher")
  func freshBelievesGossip() {
    var clock = LamportClock()
    #expect(clock.witness(Self.height + Self.lead + 1) == .ahead)
    #expect(clock.witness(.max) == .ahead)
    #expect(clock.time == 1)
    #expect(clock.witness(Self.height + Self.lead) == .near)
    #expect(clock.time == Self.height + Self.lead + 1)
  }

  @Test("above 2⁶³ believes gossip 2¹⁶ ahead of itself, but no farther")
  func highBelievesGossip() {
    var clock = LamportClock(after: Self.height + 999)
    #expect(clock.witness(Self.height + 1_000 + Self.lead + 1) == .ahead)
    #expect(clock.time == Self.height + 1_000)
    #expect(clock.witness(Self.height + 1_000 + Self.lead) == .near)
    #expect(clock.time == Self.height + 1_001 + Self.lead)
  }

  @Test("tells what is far behind it from what is merely old")
  func behind() {
    var clock = LamportClock(after: 99_999)
    #expect(clock.witness(100_000 - Self.lead) == .near)
    #expect(clock.witness(100_000 - Self.lead - 1) == .behind)
    #expect(clock.time == 100_000)
  }

  @Test("is raised by a push/pull to 2⁶³ + 2⁶² + 2³² at most, and from there by 2³² each")
  func raised() {
    var clock = LamportClock()
    #expect(clock.raise(to: 50, within: LamportClock.exchangeBound(of: clock.time)) == true)
    #expect(clock.time == 50)
    #expect(clock.raise(to: 40, within: LamportClock.exchangeBound(of: clock.time)) == true)
    #expect(clock.time == 50)
    var expected: LamportTime = (3 << 62) + (1 << 32)
    for _ in 0..<3 {
      #expect(clock.raise(to: .max, within: LamportClock.exchangeBound(of: clock.time)) == false)
      #expect(clock.time == expected)
      expected += 1 << 32
    }
    #expect(clock.raise(to: expected, within: LamportClock.exchangeBound(of: clock.time)) == true)
    #expect(clock.time == expected)
  }

  @Test("saturates at the end of its range instead of starting again")
  func saturates() {
    var clock = LamportClock(after: .max - 2)
    #expect(clock.tick() == LamportTime.max - 1)
    #expect(clock.tick() == .max)
    #expect(clock.tick() == .max)
    #expect(clock.witness(.max) == .near)
    #expect(clock.witness(.max - Self.lead - 1) == .behind)
    #expect(clock.raise(to: .max, within: LamportClock.exchangeBound(of: clock.time)) == true)
    #expect(clock.time == .max)
    #expect(LamportClock.successor(of: .max) == .max)
  }
}
