import Foundation
import Synchronization

/// Runs one scenario: starts agents, checks what they report, and at the end checks Go's logs and ends every agent.
final class Stage: Sendable {
  let scenario: Scenario
  let surroundings: Surroundings
  let report: Report
  let directory: URL
  private let state = Mutex(State())

  private struct State {
    var agents: [Agent] = []
    var goMembers: [GoMember] = []
    var numbers: [String: Int] = [:]
    var port: UInt16 = 7946
    var rpcPort: UInt16 = 17373
  }

  init(_ scenario: Scenario, _ surroundings: Surroundings, _ report: Report) throws {
    (self.scenario, self.surroundings, self.report) = (scenario, surroundings, report)
    directory = try surroundings.directory(for: scenario.name)
  }

  /// Runs the scenario, from its heading to its result.
  static func play(_ scenario: Scenario, _ surroundings: Surroundings, _ report: Report) async {
    report.heading(scenario.name, scenario.summary)
    do {
      let stage = try Stage(scenario, surroundings, report)
      do {
        try await scenario.play(stage)
      } catch {
        report.failed("the scenario runs to its end", "\(error)", scenario: scenario.name, details: stage.tails(stage.agents))
      }
      await stage.finish()
    } catch {
      report.failed("the scenario begins", "\(error)", scenario: scenario.name)
    }
  }

  // MARK: Agents

  /// Every agent life that was started, in this order.
  var agents: [Agent] { state.withLock { $0.agents } }

  /// A port that no agent of this scenario has had.
  func freePort() -> UInt16 {
    state.withLock { state in
      defer { state.port += 1 }
      return state.port
    }
  }

  /// Starts an agent and waits until it runs.
  @discardableResult
  func start(_ settings: Agent.Settings) async throws -> Agent {
    let rpcPort = state.withLock { state in
      state.rpcPort += 1
      return state.rpcPort
    }
    let agent = try await Agent(settings, in: surroundings, rpcPort: rpcPort, log: nextLog(of: settings.label))
    state.withLock { $0.agents.append(agent) }
    return agent
  }

  /// Starts a member of Go's library and waits until it runs.
  func start(_ settings: GoMember.Settings) async throws -> GoMember {
    let member = try await GoMember(settings, in: surroundings, log: nextLog(of: settings.label))
    state.withLock { $0.goMembers.append(member) }
    return member
  }

  /// The log of the next life of the agent that checks call `label`.
  private func nextLog(of label: String) -> URL {
    let life = state.withLock { state in
      state.numbers[label, default: 0] += 1
      return state.numbers[label, default: 1]
    }
    return directory.appendingPathComponent(label + (life == 1 ? "" : ".\(life)") + ".log")
  }

  // MARK: Checks

  /// Waits until `missing` returns nil and reports that, or reports what is still missing after `limit`. Returns whether nothing is missing.
  @discardableResult
  func check(
    _ what: String, within limit: Duration = .seconds(10), since start: ContinuousClock.Instant = .now, at agents: [Agent] = [],
    _ missing: @escaping @Sendable () async throws -> String?
  ) async -> Bool {
    let result = await eventually(within: limit, since: start, missing)
    if let missing = result.missing {
      report.failed(what, "\(missing) (after \(result.took.inSeconds))", scenario: scenario.name, details: tails(agents))
    } else {
      report.passed(what, took: result.took)
    }
    return result.missing == nil
  }

  private func tails(_ agents: [Agent]) -> String { agents.map(\.tail).joined(separator: "\n") }

  // MARK: The end

  /// No agent ended by itself, and Go's logs contain no complaint; then every agent is ended.
  private func finish() async {
    for agent in agents {
      guard let misfortune = agent.misfortune else { continue }
      report.failed("every agent runs to the end", misfortune, scenario: scenario.name, details: agent.tail)
    }
    let goMembers = state.withLock { $0.goMembers }
    await withTaskGroup { group in
      for agent in agents { group.addTask { await agent.kill() } }
      for member in goMembers { group.addTask { await member.program.stop() } }
    }
    inspectLogs(agents.filter(\.isGo).map { ($0.label, $0.program) } + goMembers.map { ($0.label, $0.program) })
  }

  private func inspectLogs(_ programs: [(label: String, program: Program)]) {
    var unwanted: [String] = []
    var tolerated: [String: Int] = [:]
    for (label, program) in programs {
      for (phrase, line) in GoLog.findings(in: program.output) {
        if scenario.tolerated.contains(phrase) { tolerated[phrase, default: 0] += 1 } else { unwanted.append("  \(label): \(line)") }
      }
    }
    for (phrase, count) in tolerated.sorted(by: { $0.key < $1.key }) {
      report.note("Go's logs say \"\(phrase)\" \(count) times, as this provokes")
    }
    let what = "Go's logs have no complaint"
    guard !unwanted.isEmpty else { return report.passed(what, took: nil) }
    report.failed(what, "\(unwanted.count) lines", scenario: scenario.name, details: unwanted.prefix(20).joined(separator: "\n"))
  }
}
