/// The one source of randomness in the core: xoshiro256\*\* (Blackman and Vigna), so that a run is a function of its seed.
///
/// Not for secrets: connection IDs, tokens and keys come from the system's generator.
package struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: (UInt64, UInt64, UInt64, UInt64)

  /// A generator whose whole sequence follows from `seed` (spread over the state by SplitMix64, as its authors advise).
  package init(seed: UInt64) {
    var mix = seed
    func next() -> UInt64 {
      mix &+= 0x9e37_79b9_7f4a_7c15
      var z = mix
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
    state = (next(), next(), next(), next())
  }

  package mutating func next() -> UInt64 {
    func rotate(_ x: UInt64, _ k: UInt64) -> UInt64 { x << k | x >> (64 - k) }
    let result = rotate(state.1 &* 5, 7) &* 9
    let shifted = state.1 << 17
    state.2 ^= state.0
    state.3 ^= state.1
    state.1 ^= state.2
    state.0 ^= state.3
    state.2 ^= shifted
    state.3 = rotate(state.3, 45)
    return result
  }

  /// Uniform in `0..<bound`; 0 when the bound is not positive.
  package mutating func below(_ bound: Int) -> Int {
    bound > 1 ? Int(next(upperBound: UInt64(bound))) : 0
  }

  /// Uniform in `0..<duration`; zero when the duration is not positive.
  package mutating func fraction(of duration: Duration) -> Duration {
    let nanoseconds = duration.nanoseconds
    return nanoseconds > 1 ? .nanoseconds(Int64(next(upperBound: UInt64(nanoseconds)))) : .zero
  }

  /// True with the given probability.
  package mutating func chance(_ probability: Double) -> Bool {
    Double(next() >> 11) * 0x1p-53 < probability
  }
}
