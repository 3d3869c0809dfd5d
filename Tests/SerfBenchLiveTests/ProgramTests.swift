import Foundation
import RPCTestSupport
import Testing

/// The built program.
@Suite(.serialized) struct ProgramTests {
  private static let path = Executable.serf + "-bench"

  private static let help = Task { try await Executable.run(["--help"], path: path).output }

  /// The lines of a run that must succeed. Help explains all of their fields.
  private static func lines(_ flags: String...) async throws -> [[String: Any]] {
    let run = try await Executable.run(flags, path: path)
    #expect(run.status == 0 && run.errors == "", "\(run)")
    let lines = try run.output.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
    let help = try await help.value
    for field in lines.flatMap(\.keys) { #expect(help.contains(field), "\(field)") }
    return lines
  }

  @Test("every line states the conditions, and a crash is seen by a first node no later than by all")
  func fail() async throws {
    let lines = try await Self.lines(
      "--nodes=3", "--transport=tcp", "--profile=local", "--scenario=fail", "--settle=0", "--busy=1", "--started-at-once")
    #expect(lines.map { $0["scenario"] as? String } == ["converge", "fail"])
    for line in lines {
      #expect(line["ok"] as? Bool == true && line["started_at_once"] as? Bool == true)
      #expect(line["busy"] as? Int == 1 && line["settle"] as? Int == 0)
    }
    let first = try #require(lines.last?["first_detect_s"] as? Double)
    let all = try #require(lines.last?["all_detect_s"] as? Double)
    #expect(first > 0 && first <= all)
  }

  @Test("events, floods and queries reach all nodes, none twice, and no later than the slowest is stamped")
  func deliveries() async throws {
    for scenario in ["event", "throughput", "query"] {
      let line = try #require(
        try await Self.lines("--nodes=3", "--profile=local", "--scenario=\(scenario)", "--settle=0", "--count=8").last)
      #expect(line["scenario"] as? String == scenario && line["count"] as? Int == 8 && line["receiver_lost"] as? Int == 0)
      switch scenario {
      case "event":
        #expect(line["lost"] as? Int == 0 && line["duplicates"] as? Int == 0)
        let median = try #require(line["all_nodes_p50_s"] as? Double)
        #expect(median > 0 && median <= (line["all_nodes_max_s"] as? Double ?? 0))
      case "throughput":
        #expect(line["delivered"] as? Int == 24 && line["expected"] as? Int == 24 && line["missing_10s"] as? Int == 0)
        let seconds = try #require(line["seconds"] as? Double)
        #expect(seconds > 0 && seconds < 10 && abs((line["deliveries_per_s"] as? Double ?? 0) - 24 / seconds) < 0.01 / seconds)
      default:
        #expect(line["answers"] as? Int == 24 && line["unanswered"] as? Int == 0)
        let median = try #require(line["all_answers_p50_s"] as? Double)
        #expect(median > 0 && median <= (line["all_answers_max_s"] as? Double ?? 0))
      }
    }
  }

  @Test("what needs no cluster is measured without one", arguments: ["codec", "handshakes", "exchange", "datagrams"])
  func withoutCluster(scenario: String) async throws {
    let lines = try await Self.lines("--scenario=\(scenario)", "--seconds=1")
    #expect(lines.map { $0["scenario"] as? String } == [scenario] && lines[0]["ok"] as? Bool == true)
    let figures = ["alive_encode_ns", "handshakes_per_s", "exchanges_per_s", "packets_per_s"].compactMap { lines[0][$0] as? Double }
    #expect(figures.count == 1 && figures[0] > 0)
  }

  @Test(
    "an impossible number is named",
    arguments: [
      ("--settle=-1", "--settle must not be negative"), ("--idle=0", "--idle must be at least 1"),
      ("--patience=9", "--patience must be at least 10"), ("--scenario=evnt", "evnt"),
    ])
  func mistakes(flag: String, message: String) async throws {
    let run = try await Executable.run([flag], path: Self.path)
    #expect(run.status != 0 && run.output == "" && run.errors.contains(message), "\(run)")
  }

  @Test("help explains every field of the output")
  func help() async throws {
    let lines = try await Self.lines("--nodes=2", "--profile=local", "--scenario=wire", "--settle=0", "--idle=1", "--tail=0", "--count=1")
    #expect(lines.last?["idle_bytes_per_node_s"] != nil)
    let idle = try await Self.lines("--nodes=2", "--profile=local", "--scenario=idle", "--settle=0", "--idle=1")
    #expect(idle.last?["rss_kib_per_connection"] != nil)
  }
}
