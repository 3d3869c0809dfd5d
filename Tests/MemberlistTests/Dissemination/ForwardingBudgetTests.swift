import Memberlist
import SerfPrimitives
import Testing

@Suite("the budget of news") struct ForwardingBudgetTests {
  /// How many packets of 1,000 bytes to six members may be sent in this time, tried every millisecond.
  private func packets(_ budget: inout ForwardingBudget, in duration: Duration, from start: Instant) -> Int {
    var count = 0
    var now = start
    while now < start + duration {
      while budget.isOpen(at: now) {
        budget.charge(bytes: 1_000, messages: 10, copies: 6)
        count += 1
      }
      now = now + .milliseconds(1)
    }
    return count
  }

  @Test("is a burst of 64 KiB for each target, then the rate")
  func rate() {
    var budget = ForwardingBudget(bytesPerSecond: 1_000_000)
    budget.setTargets(6)
    let start = Instant.zero + .seconds(100)
    let burst = packets(&budget, in: .milliseconds(1), from: start)
    #expect(burst == 66)
    let later = packets(&budget, in: .seconds(3), from: start + .milliseconds(1))
    #expect((495...505).contains(later))
    #expect(budget.opens(after: start + .seconds(3)) > start + .seconds(3))
  }

  @Test("counts small messages as a 1,024th of a burst each, so that a Go member's queue has room for them")
  func messages() {
    var budget = ForwardingBudget(bytesPerSecond: 1_000_000)
    let start = Instant.zero + .seconds(100)
    var messages = 0
    while budget.isOpen(at: start) {
      budget.charge(bytes: 500, messages: 100, copies: 1)
      messages += 100
    }
    #expect((1_000...1_100).contains(messages))
  }

  @Test("gets smaller with each failure, not below a 64th, and is whole again after two seconds")
  func failures() {
    var budget = ForwardingBudget(bytesPerSecond: 1_000_000)
    budget.setTargets(6)
    var now = Instant.zero + .seconds(100)
    _ = budget.isOpen(at: now)
    budget.sendFailed(at: now)
    // Another one at once is about the same trouble.
    budget.sendFailed(at: now)
    let isOpen = budget.isOpen(at: now)
    let slow = packets(&budget, in: .milliseconds(100), from: now)
    #expect(!isOpen && (5...15).contains(slow))
    for _ in 0..<20 {
      now = now + .milliseconds(100)
      budget.sendFailed(at: now)
    }
    let slowest = packets(&budget, in: .milliseconds(50), from: now)
    #expect((1...2).contains(slowest))
    now = now + .seconds(3)
    _ = packets(&budget, in: .milliseconds(1), from: now)
    let whole = packets(&budget, in: .seconds(1), from: now + .milliseconds(1))
    #expect((160...170).contains(whole))
  }

  @Test(
    "lets small packets go at once a few times, and then so many in a second: more with events and queries than with news about members")
  func small() {
    var budget = ForwardingBudget(bytesPerSecond: 1_000_000)
    let start = Instant.zero + .seconds(100)
    func count(isUrgent: Bool, after pause: Duration) -> Int {
      var count = 0
      while budget.mayBeSmall(isUrgent: isUrgent, at: start + pause) { count += 1 }
      return count
    }
    let first = [count(isUrgent: true, after: .zero), count(isUrgent: false, after: .zero)]
    let later = [count(isUrgent: true, after: .milliseconds(40)), count(isUrgent: false, after: .milliseconds(40))]
    #expect(first == [16, 8] && later == [10, 1])
    let next = budget.opensForSmall(isUrgent: false, after: start + .milliseconds(40))
    #expect((.milliseconds(79)...(.milliseconds(81))).contains(next - start))
  }

  @Test("of zero is never open")
  func off() {
    var budget = ForwardingBudget(bytesPerSecond: 0)
    let isOpen = budget.isOpen(at: .zero + .seconds(1))
    #expect(budget.isEmpty && !isOpen)
  }
}
