import ArgumentParser
import SerfClient

/// `serf leave`: lets the agent leave the cluster and end.
struct LeaveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "leave", abstract: "Gracefully leaves the Serf cluster and shuts down", usage: "serf leave [options]")

  @OptionGroup var rpc: RPCOptions
  @Argument(help: .hidden) var ignored: [String] = []

  func run() async throws {
    try await rpc.withClient("leaving") { client throws(SerfRPCError) in try await client.leave() }
    Terminal.output("Graceful leave complete")
  }
}
