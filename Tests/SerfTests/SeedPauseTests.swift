import Serf
import SerfPrimitives
import Testing

@Suite("The pauses between attempts to join")
struct SeedPauseTests {
  private func pauses(_ join: SerfConfiguration.Join, seed: UInt64 = 1) -> [Duration] {
    var random = SeededRandom(seed: seed)
    return (1...100).map { join.pause(after: $0, by: &random) }
  }

  @Test("double up to the longest, give or take a fifth, and differ between nodes")
  func pauses() {
    let wanted = [1, 2, 4, 8, 16] + [Int](repeating: 30, count: 95)
    for (pause, wanted) in zip(pauses(["a"]), wanted) {
      #expect(pause >= .milliseconds(wanted * 800) && pause <= .milliseconds(wanted * 1_200))
    }
    #expect(pauses(["a"]) == pauses(["a"]))
    #expect(pauses(["a"]) != pauses(["a"], seed: 2))
  }

  @Test("are never nothing, whatever the settings say", arguments: [Duration.zero, .seconds(-1), .seconds(Int64.max)])
  func absurd(setting: Duration) {
    var join: SerfConfiguration.Join = ["a"]
    (join.firstPause, join.longestPause) = (setting, setting)
    for pause in pauses(join) { #expect(pause > .zero) }
  }
}
