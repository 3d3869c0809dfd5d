import ArgumentParser
import Foundation
import UnixSignals

/// Clusters of Go's agents and ours in the processes and network namespace that `Tests/interop/run` makes for them.
@main
struct Interop: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Plays scenarios with live agents, Go's and ours.",
    discussion: "Without names it plays all scenarios, one after the other.")

  @OptionGroup var surroundings: Surroundings
  @Flag(help: "Lists the scenarios.") var list = false
  @Option(help: "Plays only the soak, for so many minutes.") var soak: Int?
  @Option(help: "Makes the soak's choices repeatable.") var seed: UInt64 = 1
  @Argument(help: "The scenarios to play.") var names: [String] = []

  private var chosen: [Scenario] {
    if let soak { return [.soak(minutes: soak, seed: seed)] }
    return Scenario.all.filter { names.isEmpty || names.contains($0.name) }
  }

  func validate() throws {
    if let soak, soak < 1 { throw ValidationError("a soak takes at least one minute") }
    for name in names where !Scenario.all.contains(where: { $0.name == name }) {
      throw ValidationError("there is no scenario '\(name)'; --list lists them")
    }
  }

  func run() async throws {
    guard !list else {
      for scenario in Scenario.all { print("\(scenario.name.padding(toLength: 24, withPad: " ", startingAt: 0))\(scenario.summary)") }
      return
    }
    // A program that has ended reads no command: the write must throw, and not end this one.
    signal(SIGPIPE, SIG_IGN)
    let signals = Task {
      for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
        Program.endAll()
        _exit(130)
      }
    }
    defer { signals.cancel() }
    let report = Report()
    for scenario in chosen { await Stage.play(scenario, surroundings, report) }
    Program.endAll()
    guard report.summarize() else { throw ExitCode.failure }
  }
}
