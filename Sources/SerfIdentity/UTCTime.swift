#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A point in civil time, as certificates state it: whole seconds since 1970-01-01 00:00 UTC.
///
/// It is a different type from the node's monotonic `Instant` on purpose: validity depends on the calendar, deadlines do not.
public struct UTCTime: Hashable, Comparable, Sendable {
  /// Seconds since 1970-01-01 00:00 UTC; negative before.
  public var secondsSinceEpoch: Int64

  /// The time this many seconds after 1970-01-01 00:00 UTC.
  public init(secondsSinceEpoch: Int64) { self.secondsSinceEpoch = secondsSinceEpoch }

  /// The system's clock, read now.
  public static var now: UTCTime { UTCTime(secondsSinceEpoch: Int64(time(nil))) }

  public static func < (left: UTCTime, right: UTCTime) -> Bool { left.secondsSinceEpoch < right.secondsSinceEpoch }

  /// Saturates: a certificate may end in the year 9999, and some do.
  public static func + (time: UTCTime, duration: Duration) -> UTCTime {
    let (sum, overflow) = time.secondsSinceEpoch.addingReportingOverflow(duration.components.seconds)
    return UTCTime(secondsSinceEpoch: overflow ? (duration < .zero ? .min : .max) : sum)
  }

  /// Saturates, as `+` does.
  public static func - (time: UTCTime, duration: Duration) -> UTCTime {
    let (difference, overflow) = time.secondsSinceEpoch.subtractingReportingOverflow(duration.components.seconds)
    return UTCTime(secondsSinceEpoch: overflow ? (duration < .zero ? .max : .min) : difference)
  }
}

extension UTCTime: CustomStringConvertible {
  /// `2026-11-23 18:05:21 UTC`.
  public var description: String { text(between: " ", zone: " UTC") }

  /// `2026-11-23T18:05:21Z`, for programs.
  public var iso8601: String { text(between: "T", zone: "Z") }

  private func text(between: String, zone: String) -> String {
    let day = secondsSinceEpoch.quotientRoundingDown(by: 86_400)
    let second = secondsSinceEpoch - day * 86_400
    let (year, month, dayOfMonth) = Self.civil(day: day)
    let clock = [second / 3600, second / 60 % 60, second % 60].map(Self.twoDigits).joined(separator: ":")
    return "\(year)-\(Self.twoDigits(month))-\(Self.twoDigits(dayOfMonth))" + between + clock + zone
  }

  private static func twoDigits(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }

  /// The proleptic Gregorian date of a day counted from 1970-01-01: years begin in March here, so that the leap day is the last day.
  private static func civil(day: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = day + 719_468
    let era = shifted.quotientRoundingDown(by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
  }
}

extension Int64 {
  fileprivate func quotientRoundingDown(by divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
