/// A course of events for a cluster, with its checks.
struct Scenario: Sendable {
  /// Its name on the command line.
  let name: String
  /// One line for `--list` and the heading.
  let summary: String
  /// Phrases of ``GoLog/forbidden`` that this scenario provokes.
  var tolerated: [String] = []
  let play: @Sendable (Stage) async throws -> Void

  /// All scenarios, short ones first in each group.
  static let all: [Scenario] =
    basics + keys + restarts + moves + [pause] + takeovers + [query, refusals, rollingEncryption, disks]
}
