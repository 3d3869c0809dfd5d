/// Something that a cluster goes through, with the checks of it.
struct Scenario: Sendable {
  /// How the command line calls it.
  let name: String
  /// One line for `--list` and the heading.
  let summary: String
  /// Phrases of ``GoLog/forbidden`` that this scenario provokes.
  var tolerated: [String] = []
  let play: @Sendable (Stage) async throws -> Void

  /// All of them, short ones first in each group.
  static let all: [Scenario] =
    basics + keys + restarts + moves + [pause] + takeovers + [query, refusals, rollingEncryption]
}
