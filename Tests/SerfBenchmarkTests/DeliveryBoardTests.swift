import Testing
import serf_bench

@Suite struct DeliveryBoardTests {
  private let board = DeliveryBoard()
  private let start = ContinuousClock.now

  private func at(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

  @Test("an event is at all nodes when it came to the last one, in whichever order receivers write it down")
  func lastDelivery() {
    for name in ["a", "b", "c"] { _ = board.addReceiver(name) }
    let first = board.expect(2, at: 3)
    board.delivered(first, at: 2, at(30))
    board.delivered(first, at: 0, at(10))
    #expect(board.nodes(with: first) == 2 && board.nodes(with: first + 1) == 0)
    board.delivered(first, at: 1, at(20))
    let batch = board.batch
    #expect(batch.arrivals[0].nodes == 3 && batch.arrivals[0].last == at(30) && batch.arrivals[1].last == nil)
    #expect(batch.moments.sorted() == [at(10), at(20), at(30)] && board.deliveries == 3)
  }

  @Test("a second delivery counts as a duplicate, and a late one of the last batch not at all")
  func duplicates() {
    _ = board.addReceiver("a")
    let first = board.expect(1, at: 1)
    board.delivered(first, at: 0, at(1))
    board.delivered(first, at: 0, at(2))
    #expect(board.batch.duplicates == 1 && board.deliveries == 1 && board.batch.arrivals[0].last == at(1))
    let second = board.expect(1, at: 1)
    board.delivered(first, at: 0, at(3))
    #expect(second != first && board.deliveries == 0 && board.batch.duplicates == 0)
  }

  @Test("all see all when the last receiver does, and a member that comes back has not failed")
  func members() {
    for name in ["a", "b"] { _ = board.addReceiver(name) }
    #expect(board.allSaw(2) == nil)
    board.memberJoined("b", at: 0, at(5))
    board.memberJoined("b", at: 1, at(6))
    #expect(board.allSaw(2) == nil)
    board.memberJoined("a", at: 1, at(4))
    #expect(board.allSaw(2) == at(5) && board.receivers(seeing: "a") == 2)
    board.memberGone("b", hasFailed: true, at: 0, at(10))
    #expect(board.failures(of: "b") == [at(10)] && board.failures == 1 && board.allSaw(2) == nil)
    board.memberJoined("b", at: 0, at(20))
    #expect(board.failures(of: "b") == [] && board.failures == 1)
    board.memberGone("b", hasFailed: true, at: 0, at(30))
    board.memberGone("a", hasFailed: false, at: 1, at(30))
    #expect(board.failures(of: "b") == [at(30)] && board.failures(of: "a") == [])
  }
}
