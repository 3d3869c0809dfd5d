import ArgumentParser
import Foundation

/// The inputs of a run: the programs, and where they run.
struct Surroundings: ParsableArguments, Sendable {
  @Option(help: "mixed: Go's agents and ours. go: Go's agents take the place of ours, which shows what Go itself does.")
  var kinds = Kinds.mixed
  @Option(help: "Our serf.") var ours = ".build/debug/serf"
  @Option(help: "Go's serf.") var go = "/usr/bin/serf"
  @Option(help: "The program of Tests/interop/GoMember, built.") var goMember = ".build/gomember/member"
  @Option(help: "A private IPv4 address of this network namespace.") var address = "10.99.0.1"
  @Option(help: "Another one, in another network.") var otherAddress = "10.1.2.1"
  @Option(help: "The directory for logs and key files; each scenario gets a directory in it.") var directory = "/tmp/serf-interop"

  enum Kinds: String, ExpressibleByArgument, Sendable { case mixed, go }

  /// The program that plays this part.
  func path(_ kind: Agent.Kind) -> String { isGo(kind) ? go : ours }

  /// Whether Go's program plays this part.
  func isGo(_ kind: Agent.Kind) -> Bool { kind == .go || kinds == .go }

  /// An empty directory for a scenario.
  func directory(for scenario: String) throws -> URL {
    let url = URL(fileURLWithPath: directory).appendingPathComponent(scenario)
    try? FileManager.default.removeItem(at: url)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }
}
