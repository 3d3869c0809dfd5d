import ArgumentParser
import SerfClient
import SerfPrimitives

/// `serf info`: what the agent says about itself.
struct InfoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Provides debugging information for operators", usage: "serf info [options]")

  @Option(help: "text or json.") var format = OutputFormat.text
  @OptionGroup var rpc: RPCOptions

  func run() async throws {
    let stats = try await rpc.withClient("asking the agent") { client in try await client.stats() }
    Terminal.output(format == .json ? Self.json(stats).text : Self.text(stats))
  }

  static func text(_ stats: AgentStats) -> String {
    stats.sections.sorted { $0.key < $1.key }.map { name, section in
      let lines = section.sorted { $0.key < $1.key }.map { "\n\t" + escaped($0.key) + " = " + escaped($0.value) }
      return escaped(name) + ":" + lines.joined()
    }.joined(separator: "\n")
  }

  static func json(_ stats: AgentStats) -> OrderedJSON {
    .object(stats.sections.sorted { $0.key < $1.key }.map { ($0.key, .map($0.value)) })
  }
}
