/// The characters that one position of a pattern accepts: sorted, disjoint ranges of Unicode scalar values.
struct ScalarSet: Hashable, Sendable {
  private(set) var ranges: [ClosedRange<UInt32>] = []

  init(_ ranges: [ClosedRange<UInt32>] = []) { self.ranges = Self.normalised(ranges) }

  func contains(_ scalar: UInt32) -> Bool {
    // Most sets have one to four ranges, where a walk beats a binary search.
    for range in ranges {
      if scalar < range.lowerBound { return false }
      if scalar <= range.upperBound { return true }
    }
    return false
  }

  mutating func formUnion(_ other: ScalarSet) { ranges = Self.normalised(ranges + other.ranges) }

  /// All characters that this set does not contain.
  var inverted: ScalarSet {
    var gaps: [ClosedRange<UInt32>] = []
    var next: UInt32 = 0
    for range in ranges {
      if range.lowerBound > next { gaps.append(next...range.lowerBound - 1) }
      next = range.upperBound + 1
    }
    if next <= Self.last { gaps.append(next...Self.last) }
    return ScalarSet(gaps)
  }

  /// The set with the other case of each of its ASCII letters.
  var foldingASCII: ScalarSet {
    var folded = ranges
    for range in ranges {
      for (letters, shift) in [(UInt32(0x41)...0x5a, 32), (UInt32(0x61)...0x7a, -32)] where range.overlaps(letters) {
        let part = range.clamped(to: letters)
        folded.append(UInt32(Int(part.lowerBound) + shift)...UInt32(Int(part.upperBound) + shift))
      }
    }
    return ScalarSet(folded)
  }

  private static func normalised(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
    var merged: [ClosedRange<UInt32>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let previous = merged.last, range.lowerBound <= previous.upperBound || range.lowerBound == previous.upperBound + 1 {
        merged[merged.count - 1] = previous.lowerBound...max(previous.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    return merged
  }

  static let last: UInt32 = 0x10ffff
  static let digits = ScalarSet([0x30...0x39])
  static let spaces = ScalarSet([0x09...0x0a, 0x0c...0x0d, 0x20...0x20])
  static let words = ScalarSet([0x30...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a])
  static let everything = ScalarSet([0...last])
  static let allButNewline = ScalarSet([0...0x09, 0x0b...last])

  /// The set of a POSIX class name such as `alpha`, all of them ASCII as in RE2.
  static func posix(_ name: String) -> ScalarSet? {
    switch name {
    case "alnum": ScalarSet([0x30...0x39, 0x41...0x5a, 0x61...0x7a])
    case "alpha": ScalarSet([0x41...0x5a, 0x61...0x7a])
    case "ascii": ScalarSet([0...0x7f])
    case "blank": ScalarSet([0x09...0x09, 0x20...0x20])
    case "cntrl": ScalarSet([0...0x1f, 0x7f...0x7f])
    case "digit": digits
    case "graph": ScalarSet([0x21...0x7e])
    case "lower": ScalarSet([0x61...0x7a])
    case "print": ScalarSet([0x20...0x7e])
    case "punct": ScalarSet([0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e])
    case "space": ScalarSet([0x09...0x0d, 0x20...0x20])
    case "upper": ScalarSet([0x41...0x5a])
    case "word": words
    case "xdigit": ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66])
    default: nil
    }
  }
}
