import SerfCore
import Testing

@Suite("a Lamport clock")
struct LamportClockTests {
  @Test("starts at 1 and moves on with every message of ours")
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
      #expect(clock.witness(time) == true)
      #expect(clock.time == expected)
    }
  }

  @Test("goes on after its earlier life")
  func restored() {
    #expect(LamportClock(after: 99).time == 100)
    #expect(LamportClock(after: .max).time == .max)
  }

  @Test("refuses a time too far ahead to be true, and does not move for it")
  func implausible() {
    var clock = LamportClock()
    #expect(clock.witness(1 + LamportClock.plausibleLead + 1) == false)
    #expect(clock.witness(.max) == false)
    #expect(clock.time == 1)
    #expect(clock.witness(1 + LamportClock.plausibleLead) == true)
    #expect(clock.time == 2 + LamportClock.plausibleLead)
  }

  @Test("saturates at the end of its range instead of starting again")
  func saturates() {
    var clock = LamportClock(after: .max - 2)
    #expect(clock.tick() == LamportTime.max - 1)
    #expect(clock.tick() == .max)
    #expect(clock.tick() == .max)
    #expect(clock.witness(.max) == true)
    #expect(clock.time == .max)
  }
}
