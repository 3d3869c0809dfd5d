/// Logarithms for the protocol's formulas: the pure targets have no C library for them.
package enum Logarithm {
  /// The natural logarithm of a positive finite number, accurate to the last digits of a `Double`.
  ///
  /// x = m · 2ᵉ with m in [√½, √2), then ln m = 2 artanh((m − 1) / (m + 1)), whose series converges by a factor of 33 a term.
  package static func natural(_ x: Double) -> Double {
    var mantissa = x.significand
    var exponent = Double(x.exponent)
    if mantissa > 1.414_213_562_373_095_1 {
      mantissa /= 2
      exponent += 1
    }
    let ratio = (mantissa - 1) / (mantissa + 1)
    let square = ratio * ratio
    var sum = 0.0
    for term in stride(from: 27, through: 1, by: -2) { sum = sum * square + 1 / Double(term) }
    return exponent * 0.693_147_180_559_945_3 + 2 * ratio * sum
  }

  /// ⌊1000 · log10(x)⌋ for a positive whole number. Powers of ten give exact results: no other number comes within 10⁻⁹ of a whole number.
  package static func thousandthsOfDecades(_ x: Int) -> Int {
    Int(natural(Double(max(1, x))) / 2.302_585_092_994_045_7 * 1000 + 1e-9)
  }

  /// ⌈log10(x)⌉ for a whole number of at least 1.
  package static func ceilingOfDecades(_ x: Int) -> Int {
    var decades = 0
    var power = 1
    while power < x {
      let (product, overflow) = power.multipliedReportingOverflow(by: 10)
      decades += 1
      if overflow { break }
      power = product
    }
    return decades
  }

  /// ⌈log2(x)⌉ for a whole number of at least 1.
  package static func ceilingOfDoublings(_ x: Int) -> Int { x <= 1 ? 0 : Int.bitWidth - (x - 1).leadingZeroBitCount }
}
