import SerfCore
import SerfPrimitives
import Testing

@Suite("a window in which events are collected")
struct CoalescingWindowTests {
  /// A driver's timer, and one event at each of these times in milliseconds; returns when it is time to deliver.
  private func run(events: [Int], period: Int = 3_000, quiescence: Int = 1_000) -> [Int] {
    var window = CoalescingWindow(.init(period: .milliseconds(period), quiescence: .milliseconds(quiescence)))
    var (timers, flushes): ([Int], [Int]) = ([], [])
    for now in 0...20_000 {
      while let index = timers.firstIndex(where: { $0 <= now }) {
        timers.remove(at: index)
        switch window.timerFired(at: Instant.zero + .milliseconds(now)) {
        case .flush:
          flushes.append(now)
          window.close()
        case .wait(let time): timers.append(Int((time - .zero) / .milliseconds(1)))
        case .idle: break
        }
      }
      for _ in events.filter({ $0 == now }) {
        if let time = window.opened(at: Instant.zero + .milliseconds(now)) { timers.append(Int((time - .zero) / .milliseconds(1))) }
        #expect(timers.count == 1, "one timer, however many events")
      }
    }
    #expect(window.deadline == nil)
    return flushes
  }

  @Test(
    "ends when it was quiet for long enough, and with the period at the latest",
    arguments: [
      ([0], [1_000]), ([0, 500, 1_400], [2_400]), ([0, 900, 1_800, 2_700, 2_900], [3_000]), ([0, 0, 0], [1_000]), ([], []),
      ([0, 5_000], [1_000, 6_000]), (Array(stride(from: 0, through: 9_000, by: 500)), [3_000, 6_000, 9_000, 10_000]),
    ] as [([Int], [Int])])
  func ends(events: [Int], expected: [Int]) { #expect(run(events: events) == expected) }

  @Test("whose quiet time is longer than its period ends with the period")
  func longQuiescence() { #expect(run(events: [0, 900], period: 1_000, quiescence: 4_000) == [1_000]) }

  @Test("that was emptied early leaves its timer to the next one")
  func early() {
    var window = CoalescingWindow(.agent)
    #expect(window.opened(at: .zero) == .zero + .seconds(1))
    window.close()
    #expect(window.opened(at: .zero + .milliseconds(600)) == nil)
    #expect(window.timerFired(at: .zero + .seconds(1)) == .wait(until: .zero + .milliseconds(1_600)))
    window.close()
    #expect(window.timerFired(at: .zero + .milliseconds(1_600)) == .idle)
  }
}
