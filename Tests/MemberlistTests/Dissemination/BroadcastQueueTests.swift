import Memberlist
import SerfPrimitives
import Testing

@Suite struct BroadcastQueueTests {
  private var queue = BroadcastQueue()
  private var finished: [BroadcastID] = []

  private mutating func add(
    _ text: String, replacing older: BroadcastHandle? = nil, notice: UInt64? = nil, isNews: Bool = false
  ) -> BroadcastHandle {
    let message = Array(text.utf8)
    return queue.add(
      message.span.bytes, replacing: older, notice: notice.map { BroadcastID($0) }, isNews: isNews, finished: &finished)
  }

  private mutating func takeNews(limit: Int, parts: Int = 127, copies: Int = 3, transmissions: Int = 100) -> [String] {
    _ = queue.takeNews(limit: limit, overhead: 2, parts: parts)
    let taken = (0..<queue.takenCount).map { String(decoding: queue.taken($0), as: UTF8.self) }
    queue.commit(copies: copies, transmissions: transmissions, finished: &finished)
    return taken
  }

  private mutating func take(limit: Int, overhead: Int = 2, parts: Int = 127, transmissions: Int = 100) -> [String] {
    _ = queue.take(limit: limit, overhead: overhead, parts: parts)
    let taken = (0..<queue.takenCount).map { String(decoding: queue.taken($0), as: UTF8.self) }
    queue.commit(transmissions: transmissions, finished: &finished)
    return taken
  }

  @Test("the least transmitted goes first, then the longest, then the newest")
  mutating func order() {
    _ = add("old-a")
    _ = add("longest")
    let taken1 = take(limit: 1000)
    #expect(taken1 == ["longest", "old-a"])
    _ = add("new-a")
    _ = add("new-b")
    _ = add("short")
    let taken2 = take(limit: 1000)
    #expect(taken2 == ["short", "new-b", "new-a", "longest", "old-a"])
  }

  @Test("in the order of age the oldest of the least transmitted goes first, and one that is too long lets others pass")
  mutating func oldestFirst() {
    queue = BroadcastQueue(order: .oldest)
    for text in ["oldest", "second", "longer than others", "fourth"] { _ = add(text) }
    let narrow = take(limit: 8)
    #expect(narrow == ["oldest"])
    let wider = take(limit: 18)
    #expect(wider == ["second", "fourth"])
    _ = add("new")
    let all = take(limit: 1000)
    #expect(all == ["longer than others", "new", "oldest", "second", "fourth"])
    // What was transmitted once, then twice; of these the oldest is cut off first.
    let dropped = queue.prune(to: 3, finished: &finished)
    let left = take(limit: 1000)
    #expect(dropped == 2 && left == ["longer than others", "new", "fourth"])
  }

  @Test("in the order of age, what no packet holds is found wherever it is, and cut off first")
  mutating func oversizedOldestFirst() {
    queue = BroadcastQueue(order: .oldest)
    for text in ["first", "0123456789", "third", "9876543210", "last"] { _ = add(text) }
    let isTaken = queue.takeOversized(limit: 9)
    let size = queue.taken(0)
    queue.commit(transmissions: 100, finished: &finished)
    #expect(isTaken && size == Array("0123456789".utf8))
    let dropped = queue.prune(to: 3, fitting: 9, finished: &finished)
    let left = take(limit: 1000)
    let isTakenAgain = queue.takeOversized(limit: 9)
    #expect(dropped == 2 && left == ["first", "third", "last"] && !isTakenAgain)
  }

  @Test("an update about the same thing replaces an older one, whose waiter is told")
  mutating func replace() {
    let first = add("foo", notice: 1)
    _ = add("bar")
    let second = add("foo2", replacing: first, notice: 2)
    #expect(finished == [BroadcastID(1)])
    #expect(queue.count == 2)
    #expect(!queue.contains(first) && queue.contains(second))
    let taken3 = take(limit: 100)
    #expect(taken3 == ["foo2", "bar"])
  }

  @Test("a replacement starts to count from zero")
  mutating func replacementResets() {
    let first = add("foo")
    for _ in 0..<2 {
      let taken = take(limit: 100, transmissions: 3)
      #expect(taken == ["foo"])
    }
    _ = add("foo", replacing: first, notice: 9)
    for _ in 0..<3 {
      #expect(finished.isEmpty)
      let taken4 = take(limit: 100, transmissions: 3)
      #expect(taken4 == ["foo"])
    }
    #expect(finished == [BroadcastID(9)])
    #expect(queue.isEmpty)
  }

  @Test("a handle of a finished broadcast replaces no other one")
  mutating func staleHandle() {
    let first = add("foo")
    let taken5 = take(limit: 100, transmissions: 1)
    #expect(taken5 == ["foo"])
    #expect(queue.isEmpty)
    let other = add("bar")
    #expect(!queue.contains(first))
    _ = add("foo", replacing: first)
    #expect(queue.contains(other))
    #expect(queue.count == 2)
  }

  @Test("overhead counts: four of four fit at 2, three at 3", arguments: [(2, 4), (3, 3)])
  mutating func overhead(overhead: Int, expected: Int) {
    // The Go test: 18 bytes each, a limit of 80.
    for name in ["1", "2", "3", "4"] { _ = add(name + ". this is a tests") }
    let taken6 = take(limit: 80, overhead: overhead)
    #expect(taken6.count == expected)
  }

  @Test("each goes out as often as the limit says, then is finished")
  mutating func limit() {
    for name in ["1", "2", "3"] { _ = add(name + ". this is a test", notice: UInt64(name)) }
    // Room for two of the three at a time; three transmissions each make nine.
    var sent = 0
    var rounds = 0
    while !queue.isEmpty, rounds < 10 {
      sent += take(limit: 40, overhead: 3, transmissions: 3).count
      rounds += 1
    }
    #expect(sent == 9)
    #expect(rounds == 5)
    #expect(Set(finished) == [BroadcastID(1), BroadcastID(2), BroadcastID(3)])
    let taken7 = take(limit: 40)
    #expect(taken7.isEmpty)
  }

  @Test("a limit of 0 transmissions is one")
  mutating func zero() {
    _ = add("foo")
    let taken8 = take(limit: 100, transmissions: 0)
    #expect(taken8 == ["foo"])
    #expect(queue.isEmpty)
  }

  @Test("the longest that still fits is taken, whatever is before it")
  mutating func bestFit() {
    _ = add("0123456789")
    _ = add("01234")
    _ = add("01")
    let taken9 = take(limit: 9)
    #expect(taken9 == ["01234"])
    let taken10 = take(limit: 14)
    #expect(taken10 == ["0123456789"])
    let taken11 = take(limit: 2)
    #expect(taken11.isEmpty)
  }

  @Test("no more than the wanted parts")
  mutating func parts() {
    for number in 0..<10 { _ = add("\(number)") }
    let taken12 = take(limit: 1000, parts: 3)
    #expect(taken12.count == 3)
    #expect(queue.count == 10)
  }

  @Test("pruning keeps the least transmitted and newest, and finishes the others")
  mutating func prune() {
    for number in 1...2 { _ = add("old\(number)", notice: UInt64(number)) }
    _ = take(limit: 1000)
    for number in 3...4 { _ = add("new\(number)", notice: UInt64(number)) }
    let dropped = queue.prune(to: 2, finished: &finished)
    #expect(dropped == 2)
    #expect(finished == [BroadcastID(1), BroadcastID(2)])
    let taken13 = take(limit: 1000)
    #expect(taken13 == ["new4", "new3"])
  }

  @Test("pruning drops what fits no packet before anything else")
  mutating func pruneOversized() {
    for number in 1...3 { _ = add(String(repeating: "x", count: 20), notice: UInt64(number)) }
    _ = add("new", notice: 4)
    let dropped = queue.prune(to: 3, fitting: 10, finished: &finished)
    #expect(dropped == 1)
    #expect(finished.count == 1 && finished != [BroadcastID(4)])
    _ = queue.prune(to: 1, fitting: 10, finished: &finished)
    let taken = take(limit: 1000)
    #expect(taken == ["new"])
  }

  @Test("only what no packet holds is oversized")
  mutating func oversized() {
    _ = add("0123456789")
    _ = add("0123")
    let isTaken = queue.takeOversized(limit: 5)
    #expect(isTaken)
    #expect(queue.takenCount == 1)
    #expect(queue.taken(0).count == 10)
    queue.commit(transmissions: 100, finished: &finished)
    let isTakenAgain = queue.takeOversized(limit: 10)
    #expect(!isTakenAgain)
  }

  @Test("news goes in the order of arrival, and only then is among the others, with as many transmissions as it had copies")
  mutating func news() {
    for text in ["first", "2nd", "the third"] { _ = add(text, notice: 1, isNews: true) }
    _ = add("no news")
    #expect(queue.hasNews && queue.newsBytes == 17 && queue.count == 4)
    let regular = take(limit: 1000)
    #expect(regular == ["no news"])
    // The third would not fit, and none goes before it.
    let taken = takeNews(limit: 15)
    #expect(taken == ["first", "2nd"] && queue.newsBytes == 9)
    let others = take(limit: 1000)
    #expect(others == ["no news", "first", "2nd"])
    let rest = takeNews(limit: 1000, copies: 5, transmissions: 5)
    #expect(rest == ["the third"] && finished == [BroadcastID(1)] && !queue.hasNews && queue.count == 3)
  }

  @Test("news that is replaced, removed or cut off is not sent")
  mutating func newsEnds() {
    let first = add("first", isNews: true)
    _ = add("second", replacing: first, isNews: true)
    let third = add("third", notice: 3, isNews: true)
    queue.remove(third, finished: &finished)
    _ = add("fourth", isNews: true)
    #expect(queue.newsBytes == 12)
    // The oldest goes first, because the others are worth more to the members.
    let dropped = queue.prune(to: 1, finished: &finished)
    let taken = takeNews(limit: 1000)
    #expect(dropped == 1 && taken == ["fourth"] && finished == [BroadcastID(3)])
  }

  @Test("news that no packet holds goes alone, or among the others where it cannot be sent")
  mutating func oversizedNews() {
    for _ in 0..<2 { _ = add("0123456789", isNews: true) }
    _ = add("fits", isNews: true)
    let isTaken = queue.takeOversizedNews(limit: 9, isSent: true)
    #expect(isTaken && queue.takenCount == 1)
    queue.commit(copies: 2, transmissions: 100, finished: &finished)
    let isTakenAgain = queue.takeOversizedNews(limit: 9, isSent: false)
    let rest = takeNews(limit: 9)
    #expect(!isTakenAgain && rest == ["fits"] && queue.count == 3 && !queue.hasNews)
  }

  @Test("news that is settled is like the others")
  mutating func settled() {
    _ = add("a", isNews: true)
    queue.settleNews()
    let news = takeNews(limit: 100)
    let taken = take(limit: 100)
    #expect(news.isEmpty && taken == ["a"])
  }

  @Test("any mixture of adds, replacements, takes and prunes keeps its figures consistent", arguments: 0..<20 as Range<UInt64>)
  mutating func mixture(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var handles: [BroadcastHandle] = []
    var notices = 0
    for step in 0..<500 {
      switch random.below(10) {
      case 0..<5:
        let older = random.chance(0.3) && !handles.isEmpty ? handles[random.below(handles.count)] : nil
        handles.append(
          add(String(repeating: "x", count: 1 + random.below(60)), replacing: older, notice: UInt64(step), isNews: random.chance(0.5)))
        notices += 1
      case 5..<9:
        let isNews = random.chance(0.5)
        let (limit, transmissions) = (random.below(300), 1 + random.below(4))
        let taken =
          isNews ? takeNews(limit: limit, copies: 2, transmissions: transmissions) : take(limit: limit, transmissions: transmissions)
        #expect(taken.reduce(0) { $0 + $1.utf8.count + 2 } <= 300)
      default:
        let keep = random.below(30)
        _ = queue.prune(to: keep, finished: &finished)
        #expect(queue.count <= keep)
      }
      #expect(queue.count == handles.filter { queue.contains($0) }.count)
      #expect(finished.count == notices - queue.count)
      #expect(queue.newsBytes <= queue.byteCount && queue.hasNews == (queue.newsBytes > 0))
    }
    let contained = queue.count
    queue.settleNews()
    let taken14 = take(limit: .max / 2, parts: 10_000)
    #expect(taken14.count == contained)
  }
}
