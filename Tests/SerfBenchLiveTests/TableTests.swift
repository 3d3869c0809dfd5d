import Foundation
import RPCTestSupport
import Testing

/// What Tests/bench/run prints.
@Suite struct TableTests {
  private static let folder = URL(fileURLWithPath: #filePath + "/../../bench").standardizedFileURL

  private static func run(_ flags: [String]) async throws -> (status: Int32, output: String, errors: String) {
    try await Executable.run(["node", folder.appendingPathComponent("bench.mjs").path] + flags, path: "/usr/bin/env")
  }

  @Test("a results file becomes a table of medians and of ratios within each run; an unfinished line is left out")
  func table() async throws {
    let fixture = Self.folder.appendingPathComponent("fixture")
    let run = try await Self.run(["--table", fixture.appendingPathComponent("results.jsonl").path])
    #expect(run.status == 0 && run.errors == "")
    #expect(run.output == (try String(contentsOf: fixture.appendingPathComponent("table.md"), encoding: .utf8)))
  }

  @Test(
    "an impossible option is named, and nothing is built",
    arguments: [
      (["--scenario", "evnt"], "unknown scenario 'evnt'"), (["--runs", "0"], "--runs must be a number from 1 to 1000"),
      (["--transport", "tls"], "unknown transport 'tls'"), (["--table", "/nowhere"], "there is no results file at /nowhere"),
      (["--bad"], "'--bad'"),
    ])
  func mistakes(flags: [String], message: String) async throws {
    let run = try await Self.run(flags)
    #expect(run.status == 1 && run.output == "" && run.errors.contains(message), "\(run)")
  }
}
