import Foundation
import RPCTestSupport
import Testing

/// The built program.
@Suite(.serialized) struct ProgramTests {
  private static let path = Executable.serf + "-bench"

  @Test("every line states the conditions, and a crash is seen by a first node no later than by all")
  func fail() async throws {
    let flags = ["--nodes=3", "--transport=tcp", "--profile=lan", "--scenario=fail", "--settle=0", "--busy=1", "--started-at-once"]
    let run = try await Executable.run(flags, path: Self.path)
    #expect(run.status == 0 && run.errors == "", "\(run)")
    let lines = try run.output.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
    #expect(lines.map { $0["scenario"] as? String } == ["converge", "fail"])
    for line in lines {
      #expect(line["ok"] as? Bool == true && line["started_at_once"] as? Bool == true)
      #expect(line["busy"] as? Int == 1 && line["settle"] as? Int == 0)
    }
    let first = try #require(lines.last?["first_detect_s"] as? Double)
    let all = try #require(lines.last?["all_detect_s"] as? Double)
    #expect(first > 0 && first <= all)
  }

  @Test(
    "an impossible number is named",
    arguments: [("--settle=-1", "--settle must not be negative"), ("--idle=0", "--idle must be at least 1")])
  func mistakes(flag: String, message: String) async throws {
    let run = try await Executable.run([flag], path: Self.path)
    #expect(run.status != 0 && run.output == "" && run.errors.contains(message), "\(run)")
  }

  @Test("help explains every field of the output")
  func help() async throws {
    let help = try await Executable.run(["--help"], path: Self.path).output
    for field in ["connections", "handshakes_per_connected_pair", "all_detect_max_s", "lateness_s", "refused_while_idle", "reason"] {
      #expect(help.contains(field))
    }
  }
}
