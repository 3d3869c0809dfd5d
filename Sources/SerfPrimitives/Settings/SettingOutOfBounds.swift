/// A setting has a value that a node cannot work with.
///
/// Settings are checked once, when a node is made. The formulas that multiply and add them need no guards of their own: with values inside of these
/// bounds they do not overflow, and every timer that repeats moves on.
package struct SettingOutOfBounds: Error, Hashable, Sendable {
  /// The setting as a program writes it: `SerfConfiguration.probe.interval`.
  package let setting: String
  /// What it may be: `zero (never), or from 1 ms to 100 years`.
  package let bounds: String
}

extension SettingOutOfBounds: CustomStringConvertible {
  package var description: String { "\(setting) must be \(bounds)" }
}

#if !hasFeature(Embedded)
  extension SerfError {
    package init(_ problem: SettingOutOfBounds) { self.init(.configuration, problem.description) }
  }
#endif

/// The groups check themselves with these; the name of a setting is the one in `SerfConfiguration`.
package enum SettingBounds {
  /// 36,525 days.
  package static let longestTime = Duration.seconds(36_525 * 86_400 as Int64)
  /// Above this, counts and sizes could not be doubled and added up without a look at the result.
  package static let largestCount = Int(Int32.max)
  /// For what is multiplied with a time, and for how many members are chosen at once.
  package static let largestFactor = 1_000

  /// The time between two rounds of what repeats; zero: never.
  package static func check(interval: Duration, _ setting: String) throws(SettingOutOfBounds) {
    guard interval == .zero || interval >= .milliseconds(1) && interval <= longestTime else {
      throw SettingOutOfBounds(setting: setting, bounds: "zero (never), or from 1 ms to 100 years")
    }
  }

  /// How long something may take or is kept.
  package static func check(time: Duration, _ setting: String) throws(SettingOutOfBounds) {
    guard time >= .zero, time <= longestTime else { throw SettingOutOfBounds(setting: setting, bounds: "from zero to 100 years") }
  }

  /// A time that zero would make useless.
  package static func check(positiveTime time: Duration, _ setting: String) throws(SettingOutOfBounds) {
    guard time >= .milliseconds(1), time <= longestTime else {
      throw SettingOutOfBounds(setting: setting, bounds: "from 1 ms to 100 years")
    }
  }

  /// A count, a size in bytes or a factor. `bounds` says what it may be, and why, where the numbers alone do not.
  package static func check(
    _ number: Int, _ setting: String, from least: Int = 0, to most: Int = largestCount, bounds: String? = nil
  ) throws(SettingOutOfBounds) {
    guard number >= least, number <= most else {
      throw SettingOutOfBounds(setting: setting, bounds: bounds ?? "from \(least) to \(most)")
    }
  }
}
