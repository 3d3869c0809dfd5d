import Foundation
import Memberlist
import Testing

@Suite struct LogarithmTests {
  @Test("the natural logarithm agrees with the C library's")
  func natural() {
    for x in [0.001, 0.5, 0.7, 0.71, 1, 1.4, 1.42, 2, 3, 7.5, 10, 100, 1e6, 1e300] {
      #expect(abs(Logarithm.natural(x) - log(x)) <= 4e-16 * max(1, abs(log(x))), "ln \(x)")
    }
  }

  @Test("powers of ten give exact results", arguments: 0...18)
  func powers(exponent: Int) {
    let power = (0..<exponent).reduce(1) { product, _ in product * 10 }
    #expect(Logarithm.thousandthsOfDecades(power) == 1000 * exponent)
    #expect(Logarithm.ceilingOfDecades(power) == exponent)
    if exponent > 0, exponent < 18 { #expect(Logarithm.ceilingOfDecades(power + 1) == exponent + 1) }
  }

  @Test("rounding up to doublings", arguments: [(1, 0), (2, 1), (3, 2), (4, 2), (32, 5), (33, 6), (64, 6), (65, 7)])
  func doublings(x: Int, expected: Int) { #expect(Logarithm.ceilingOfDoublings(x) == expected) }
}
