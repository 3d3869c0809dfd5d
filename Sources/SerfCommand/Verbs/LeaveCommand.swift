import ArgumentParser
import SerfClient

/// `serf leave`: lets the agent leave the cluster and end.
struct LeaveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "leave", abstract: "Gracefully leaves the Serf cluster and shuts down", usage: "serf leave [options]",
    discussion: "Only the agent that is asked leaves. For a member that has failed, use 'serf force-leave'.")

  @OptionGroup var rpc: RPCOptions

  func run() async throws {
    try await rpc.withClient("leaving") { client in try await client.leave() }
    Terminal.output("Graceful leave complete")
  }
}
