package import SerfPrimitives

/// Keeps a peer from flooding the log: it allows at most one line per cause and subject in 10 s (`secure-transport.md` 3.4).
package struct LogLimiter {
  private struct Cause: Hashable {
    let kind: String
    let subject: String
  }

  private var recent: [Cause: (at: Instant, withheld: Int)] = [:]

  package init() {}

  /// How many causes are remembered, at most 1,024.
  package var remembered: Int { recent.count }

  /// Whether a line may be written now: returns how many like it were withheld since the last one, or nil to withhold this one too.
  package mutating func admit(_ kind: String, about subject: String, at now: Instant) -> Int? {
    let cause = Cause(kind: kind, subject: subject)
    if let last = recent[cause], now - last.at < Self.interval {
      recent[cause]?.withheld += 1
      return nil
    }
    let withheld = recent[cause]?.withheld ?? 0
    // A flood of subjects only makes the limiter forget; it does not use up memory.
    if recent[cause] == nil, remembered >= Self.limit { recent.removeAll(keepingCapacity: true) }
    recent[cause] = (now, 0)
    return withheld
  }

  private static let interval = Duration.seconds(10)
  private static let limit = 1024
}
