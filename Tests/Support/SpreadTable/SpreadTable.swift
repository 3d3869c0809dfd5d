import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator

/// Prints how user events spread in virtual time, with news that is passed on at once and without: `SpreadTable [members …]`, 50 and 500 by default.
///
/// Each line is one run with an own seed: in a cluster that has converged, events from changing members, one every half second, and then as long as the
/// interval of push/pulls. It fails if a member has not got an event by then.
@main enum SpreadTable {
  static func main() throws {
    let sizes = CommandLine.arguments.dropFirst().compactMap { Int($0) }
    print("| Members | Loss | At once | Median | Slowest | Within 60 ms | After 5 s | Missing | Copies | Bytes |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    var missing = 0
    for size in sizes.isEmpty ? [50, 500] : sizes {
      for loss in [0, 0.01, 0.1, 0.3] {
        for forwards in [true, false] {
          var run = try SpreadRun(members: size, loss: loss, forwards: forwards)
          run.spread(events: max(40, 10_000 / size), every: .milliseconds(500))
          print(run.row)
          missing += run.missing
        }
      }
    }
    if missing > 0 { throw Missing(count: missing) }
  }
}

/// Deliveries that neither gossip nor a push/pull made.
private struct Missing: Error, CustomStringConvertible {
  let count: Int
  var description: String { "\(count) deliveries are missing after a push/pull interval" }
}
