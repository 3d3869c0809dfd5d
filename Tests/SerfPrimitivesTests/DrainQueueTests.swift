import SerfPrimitives
import Testing

@Suite struct DrainQueueTests {
  private var queue = DrainQueue<Int>(keptCapacity: 100)

  @Test("elements come out in the order in which they went in, in any mixture of both", arguments: [2, 3, 4] as [Int])
  mutating func order(appendsOfFour: Int) {
    var random = SeededRandom(seed: UInt64(appendsOfFour))
    var (model, next): ([Int], Int) = ([], 0)
    for _ in 0..<10_000 {
      if random.below(4) < appendsOfFour {
        queue.append(next)
        model.append(next)
        next += 1
      } else {
        let taken = queue.popFirst()
        #expect(taken == (model.isEmpty ? nil : model.removeFirst()))
      }
      #expect(queue.count == model.count && queue.isEmpty == model.isEmpty && queue.first == model.first)
    }
    #expect(Array(queue.waiting) == model)
    while let taken = queue.popFirst() { #expect(taken == model.removeFirst()) }
    #expect(model.isEmpty)
  }

  @Test("a queue that is never empty does not grow")
  mutating func steady() {
    for number in 0..<1000 { queue.append(number) }
    for number in 1000..<100_000 {
      queue.append(number)
      let taken = queue.popFirst()
      #expect(taken == number - 1000)
    }
    #expect(queue.count == 1000)
    #expect(queue.capacity < 5000)
  }

  @Test("the memory of a burst is freed, that of a usual batch is kept")
  mutating func memory() {
    for number in 0..<50 { queue.append(number) }
    while queue.popFirst() != nil {}
    #expect(queue.capacity >= 50)
    for number in 0..<10_000 { queue.append(number) }
    while queue.popFirst() != nil {}
    #expect(queue.capacity == 0)
  }

  @Test("what waits can be changed in place, replaced and dropped")
  mutating func waiting() {
    for number in 0..<10 { queue.append(number) }
    for _ in 0..<4 { _ = queue.popFirst() }
    #expect(Array(queue.waiting) == [4, 5, 6, 7, 8, 9])
    queue.modifyFirst { $0 = 40 }
    #expect(queue.first == 40)
    queue.replaceAll(with: queue.waiting.filter { $0 % 2 == 0 })
    #expect(Array(queue.waiting) == [40, 6, 8])
    #expect(queue.popFirst() == 40)
    queue.removeAll()
    #expect(queue.isEmpty && queue.first == nil && queue.popFirst() == nil)
  }
}
