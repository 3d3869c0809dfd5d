import SerfPrimitives
import Testing

@Suite struct RateLimitTests {
  private let start = Instant.zero

  @Test("a burst passes at once, then the rate in each second, and never more than a burst after a rest")
  func bucket() {
    var limit = RateLimit(perSecond: 10, burst: 20, at: start)
    #expect([limit.take(20, at: start), limit.take(at: start)] == [true, false])
    let later = start + .milliseconds(500)
    #expect([limit.take(5, at: later), limit.take(at: later)] == [true, false])
    #expect(!limit.isFull(at: start + .seconds(2)))
    #expect(limit.isFull(at: start + .seconds(3)))
    // An amount that may not pass is not charged.
    #expect([21, 20].map { limit.take($0, at: start + .seconds(60)) } == [false, true])
  }

  @Test("part of an amount passes if all of it may not")
  func part() {
    var limit = RateLimit(perSecond: 10, burst: 20, at: start)
    #expect((0..<3).map { limit.take(upTo: $0 == 2 ? 3 : 50, at: start + .seconds($0)) } == [20, 10, 3])
  }

  @Test("the next one may pass at the announced time, but not earlier; with a rate of zero never")
  func next() {
    var limit = RateLimit(perSecond: 10, burst: 2, at: start)
    #expect(limit.nextTake(after: start) == start)
    _ = limit.take(2, at: start)
    let next = limit.nextTake(after: start)
    #expect([limit.take(at: next - Duration.milliseconds(1)), limit.take(at: next)] == [false, true])
    #expect(next - start < .milliseconds(101))
    #expect(RateLimit(perSecond: 0, burst: 0, at: start).nextTake(after: start) == .distantFuture)
  }

  @Test("each peer has its own; peers beyond those remembered share one; idle ones are forgotten")
  func peers() {
    var limits = RateLimits<Int>(perSecond: 10, burst: 10, remembered: 2, at: start)
    #expect([limits.take(10, of: 1, at: start), limits.take(10, of: 2, at: start), limits.take(of: 1, at: start)] == [true, true, false])
    let others = [limits.take(6, of: 3, at: start), limits.take(6, of: 4, at: start), limits.take(4, of: 5, at: start)]
    #expect(others == [true, false, true], "they share ten")
    // A second later, 1 and 2 are as good as new.
    let later = start + .seconds(1)
    #expect([limits.take(10, of: 4, at: later), limits.take(10, of: 3, at: later)] == [true, true])
  }
}
