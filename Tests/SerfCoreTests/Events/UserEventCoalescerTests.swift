import SerfCore
import SerfPrimitives
import Testing

@Suite("coalescing of user events")
struct UserEventCoalescerTests {
  private func event(_ name: String, _ payload: String = "", at time: LamportTime) -> UserEvent {
    UserEvent(time: time, nameBytes: Array(name.utf8), payload: payload.utf8, coalesce: true)
  }

  private func flush(_ coalescer: inout UserEventCoalescer) -> [String] {
    coalescer.flush().map { "\($0.name)\($0.time)\($0.payload.string)" }
  }

  @Test("delivers the newest of each name, and all of those that share its time, in the order of their times")
  func newest() {
    var coalescer = UserEventCoalescer(.agent, limit: 100, byteLimit: 1_000)
    #expect(coalescer.insert(event("b", at: 9)) == 0)
    #expect(coalescer.insert(event("a", "x", at: 5)) == 0)
    #expect(coalescer.insert(event("a", "z", at: 7)) == 1)
    #expect(coalescer.insert(event("a", "y", at: 7)) == 0)
    #expect(coalescer.insert(event("a", "old", at: 6)) == 1)
    #expect(coalescer.insert(event("b", at: 10)) == 1)
    #expect(coalescer.insert(event("c", at: 1)) == 0)
    #expect(flush(&coalescer) == ["c1", "a7z", "a7y", "b10"])
    #expect(flush(&coalescer) == [])
    #expect(coalescer.insert(event("a", "w", at: 8)) == 0)
    #expect(coalescer.insert(event("a", "v", at: 9)) == 1)
    #expect(flush(&coalescer) == ["a9v"])
  }

  @Test("of an event that arrives after a newer one was delivered is none of its business")
  func afterFlush() {
    var coalescer = UserEventCoalescer(.agent, limit: 100, byteLimit: 1_000)
    _ = coalescer.insert(event("a", at: 9))
    #expect(flush(&coalescer) == ["a9"])
    #expect(coalescer.insert(event("a", at: 8)) == 0)
    #expect(flush(&coalescer) == ["a8"])
  }

  @Test("says when no other event fits, by count or by bytes; what is replaced makes room")
  func limits() {
    var coalescer = UserEventCoalescer(.agent, limit: 3, byteLimit: 10)
    #expect(!coalescer.isFull(for: event("a", "longer than all", at: 1)))
    _ = coalescer.insert(event("a", "1234", at: 1))
    _ = coalescer.insert(event("b", at: 1))
    #expect(!coalescer.isFull(for: event("c", "123", at: 1)) && coalescer.isFull(for: event("c", "1234", at: 1)))
    _ = coalescer.insert(event("a", "5", at: 2))
    #expect(!coalescer.isFull(for: event("c", "1234", at: 1)))
    _ = coalescer.insert(event("c", at: 1))
    #expect(coalescer.isFull(for: event("d", at: 1)))
    _ = coalescer.insert(event("c", at: 2))
    #expect(coalescer.isFull(for: event("d", at: 1)))
    #expect(flush(&coalescer) == ["b1", "a25", "c2"])
    #expect(!coalescer.isFull(for: event("d", "123456789", at: 1)))
  }
}
