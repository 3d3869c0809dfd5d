import Foundation
import Synchronization

/// What a run prints: a heading for each scenario, a line for each check, a summary.
final class Report: Sendable {
  private struct Counts {
    var passed = 0
    var failed: [String] = []
  }

  private let counts = Mutex(Counts())

  func heading(_ name: String, _ summary: String) { line("\n== \(name): \(summary)") }

  func passed(_ what: String, took: Duration?) {
    counts.withLock { $0.passed += 1 }
    line("ok   \(what)" + (took.map { " (\($0.inSeconds))" } ?? ""))
  }

  /// - Parameter details: whole lines that help to find the cause, such as the ends of logs.
  func failed(_ what: String, _ cause: String, scenario: String, details: String = "") {
    counts.withLock { $0.failed.append("\(scenario): \(what)") }
    line("FAIL \(what): \(cause)")
    if !details.isEmpty { line(details) }
  }

  /// A note that is worth reading but is not a check.
  func note(_ text: String) { line("note \(text)") }

  /// A check that these agents cannot show.
  func skipped(_ what: String, _ reason: String) { line("skip \(what): \(reason)") }

  /// Prints the summary. Returns whether all checks passed.
  func summarize() -> Bool {
    let counts = counts.withLock { $0 }
    line("")
    for failure in counts.failed { line("failed: \(failure)") }
    line("\(counts.passed) passed, \(counts.failed.count) failed")
    return counts.failed.isEmpty
  }

  /// Prints a line unbuffered, so that a reader of a pipe or file sees it at once.
  private func line(_ text: String) {
    FileHandle.standardOutput.write(Data((text + "\n").utf8))
  }
}
