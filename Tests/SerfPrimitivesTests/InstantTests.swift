import SerfPrimitives
import Testing

@Suite struct InstantTests {
  @Test("a deadline beyond the clock's range saturates instead of trapping")
  func saturates() {
    #expect(Instant.distantFuture + .seconds(1) == .distantFuture)
    #expect(Instant.zero + .seconds(Int64.max) == .distantFuture)
    #expect(Instant(nanoseconds: .min) - .seconds(1) == Instant(nanoseconds: .min))
  }

  @Test("adding and subtracting durations are inverse")
  func arithmetic() {
    let later = Instant.zero + .milliseconds(1500)
    #expect(later.nanoseconds == 1_500_000_000)
    #expect(later - Instant.zero == .milliseconds(1500))
    #expect(later - .milliseconds(500) == Instant(nanoseconds: 1_000_000_000))
  }
}

@Suite struct DeadlineQueueTests {
  @Test("entries come out in order of deadline, and of scheduling within one deadline")
  func order() {
    var queue = DeadlineQueue<Int>()
    var random = SeededRandom(seed: 7)
    var expected: [(Instant, Int)] = []
    for value in 0..<500 {
      let deadline = Instant(nanoseconds: Int64(random.below(40)))
      queue.schedule(value, at: deadline)
      expected.append((deadline, value))
    }
    expected.sort { $0.0 == $1.0 ? $0.1 < $1.1 : $0.0 < $1.0 }
    var popped: [Int] = []
    while let next = queue.nextDeadline, let value = queue.popDue(at: next) { popped.append(value) }
    #expect(popped == expected.map { $0.1 })
    #expect(queue.count == 0)
  }

  @Test("no entry comes out early")
  func early() {
    var queue = DeadlineQueue<Int>()
    queue.schedule(1, at: Instant(nanoseconds: 10))
    #expect(queue.popDue(at: Instant(nanoseconds: 9)) == nil)
    #expect(queue.popDue(at: Instant(nanoseconds: 10)) == 1)
    #expect(queue.nextDeadline == nil)
  }
}

@Suite struct SeededRandomTests {
  @Test("a run is a function of its seed")
  func deterministic() {
    var (a, b, c) = (SeededRandom(seed: 1), SeededRandom(seed: 1), SeededRandom(seed: 2))
    let run = (0..<8).map { _ in a.next() }
    #expect(run == (0..<8).map { _ in b.next() })
    #expect(run != (0..<8).map { _ in c.next() })
  }

  @Test("draws stay within their bounds and reach both ends")
  func bounds() {
    var random = SeededRandom(seed: 3)
    let draws = (0..<1000).map { _ in random.below(6) }
    #expect(Set(draws) == [0, 1, 2, 3, 4, 5])
    #expect(random.below(0) == 0)
    #expect(random.fraction(of: .zero) == .zero)
    #expect((0..<1000).allSatisfy { _ in random.fraction(of: .seconds(1)) < .seconds(1) })
    let hits = (0..<10_000).filter { _ in random.chance(0.25) }.count
    #expect((2200...2800).contains(hits))
  }
}
