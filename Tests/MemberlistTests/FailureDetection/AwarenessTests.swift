import Memberlist
import SerfPrimitives
import Testing

@Suite struct AwarenessTests {
  @Test("the score stays from 0 to 7 for a maximum of 8, and stretches by score + 1")
  func steps() {
    var awareness = Awareness(maximum: 8)
    for (change, score, seconds) in [
      (0, 0, 1), (-1, 0, 1), (-10, 0, 1), (1, 1, 2), (-1, 0, 1), (10, 7, 8), (-1, 6, 7), (-1, 5, 6), (-1, 4, 5), (-1, 3, 4), (-1, 2, 3),
      (-1, 1, 2), (-1, 0, 1), (-1, 0, 1),
    ] {
      awareness.apply(change)
      #expect(awareness.score == score)
      #expect(awareness.scaled(.seconds(1)) == .seconds(seconds))
    }
  }
}
