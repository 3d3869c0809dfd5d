import Memberlist
import SerfPrimitives
import Testing

@Suite struct LatenessTests {
  private func instant(_ milliseconds: Int) -> Instant { .zero + .milliseconds(milliseconds) }

  @Test("the largest delay counts for one to two spans, then only what came after")
  func spans() {
    var lateness = Lateness(span: .seconds(1))
    #expect(lateness.value(at: instant(0)) == .zero)
    lateness.observe(due: instant(100), at: instant(400))
    lateness.observe(due: instant(500), at: instant(501))
    #expect(lateness.value(at: instant(501)) == .milliseconds(300))
    lateness.observe(due: instant(1500), at: instant(1520))
    #expect(lateness.value(at: instant(1520)) == .milliseconds(300), "it may have left answers unread")
    #expect(lateness.value(at: instant(2600)) == .milliseconds(20))
    #expect(lateness.value(at: instant(5000)) == .zero)
  }
}
