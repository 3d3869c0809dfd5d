import ArgumentParser
import SerfClient

/// `serf tags`: changes the agent's own tags.
struct TagsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tags", abstract: "Modify tags of a running Serf agent", usage: "serf tags [options]",
    discussion: "Deletions come first, so that a tag named in both is set.")

  @Option(help: "A tag to set: key=value. May be repeated.") var set: [TagArgument] = []
  @Option(help: "A tag to delete. May be repeated.") var delete: [String] = []
  @OptionGroup var rpc: RPCOptions

  func run() async throws {
    guard !set.isEmpty || !delete.isEmpty else {
      throw CommandFailure("nothing to change; write -set key=value or -delete key")
    }
    try await rpc.withClient("changing the tags") { client in
      try await client.updateTags(setting: set.map, deleting: delete)
    }
    Terminal.output("Successfully updated agent tags")
  }
}
