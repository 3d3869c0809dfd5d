import SerfPrimitives
import SerfTransport
import Testing

/// How many lines a peer can cause.
@Suite struct LogLimiterTests {
  private let start = Instant(nanoseconds: 0)

  @Test("one line per cause and subject in 10 s; the next counts the rest")
  func interval() {
    var limiter = LogLimiter()
    #expect(limiter.admit("malformed", about: "a", at: start) == 0)
    for second in 1...9 { #expect(limiter.admit("malformed", about: "a", at: start + .seconds(second)) == nil) }
    #expect(limiter.admit("malformed", about: "a", at: start + .nanoseconds(9_999_999_999)) == nil)
    #expect(limiter.admit("malformed", about: "a", at: start + .seconds(10)) == 10)
    // The interval begins again with the line, and so does the count.
    #expect(limiter.admit("malformed", about: "a", at: start + .seconds(19)) == nil)
    #expect(limiter.admit("malformed", about: "a", at: start + .seconds(20)) == 1)
    #expect(limiter.admit("malformed", about: "a", at: start + .seconds(60)) == 0)
  }

  @Test("another cause, or another subject, has a line of its own")
  func causes() {
    var limiter = LogLimiter()
    #expect(limiter.admit("malformed", about: "a", at: start) == 0)
    #expect(limiter.admit("malformed", about: "b", at: start) == 0)
    #expect(limiter.admit("too large", about: "a", at: start) == 0)
    #expect(limiter.admit("malformed", about: "a", at: start) == nil)
    #expect(limiter.admit("malformed", about: "b", at: start) == nil)
    #expect(limiter.admit("too large", about: "a", at: start) == nil)
  }

  @Test("a flood of subjects keeps memory: at most 1,024 are remembered")
  func flood() {
    var limiter = LogLimiter()
    #expect(limiter.admit("malformed", about: "first", at: start) == 0)
    for index in 1..<1_024 { #expect(limiter.admit("malformed", about: "\(index)", at: start) == 0) }
    #expect(limiter.remembered == 1_024)
    #expect(limiter.admit("malformed", about: "first", at: start) == nil)
    for index in 0..<100_000 {
      _ = limiter.admit("malformed", about: "x\(index)", at: start)
      #expect(limiter.remembered <= 1_024)
    }
    // The price: one that was forgotten may speak again.
    #expect(limiter.admit("malformed", about: "first", at: start) == 0)
  }

  @Test("one that is remembered does not make the others forgotten")
  func again() {
    var limiter = LogLimiter()
    for index in 0..<1_024 { _ = limiter.admit("malformed", about: "\(index)", at: start) }
    #expect(limiter.admit("malformed", about: "0", at: start + .seconds(10)) == 0)
    #expect(limiter.remembered == 1_024)
    #expect(limiter.admit("malformed", about: "1", at: start + .seconds(1)) == nil)
  }
}
