import ArgumentParser

/// A duration as Go writes it: `15s`, `600ms`, `1h30m`, `1.5s`. A bare number is an error, except `0`.
package struct GoDuration: ExpressibleByArgument, Equatable {
  package let duration: Duration

  package init(_ duration: Duration) { self.duration = duration }

  package init?(argument: String) {
    var rest = Substring(argument)
    guard rest != "0" else {
      duration = .zero
      return
    }
    guard !rest.isEmpty else { return nil }
    var seconds = 0.0
    while !rest.isEmpty {
      let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest[number.endIndex...]
      let unit = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
      rest = rest[unit.endIndex...]
      guard let value = Double(number), value.isFinite, let factor = Self.units[String(unit)] else { return nil }
      seconds += value * factor
    }
    // The limit of Go's 64-bit nanoseconds.
    guard seconds <= 9.2e9 else { return nil }
    duration = .nanoseconds(Int64((seconds * 1e9).rounded()))
  }

  /// For help texts: in seconds if it is a whole number of them.
  package var defaultValueDescription: String {
    let (seconds, attoseconds) = duration.components
    return attoseconds == 0 ? "\(seconds)s" : "\(duration)"
  }

  private static let units = ["ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600]
}
