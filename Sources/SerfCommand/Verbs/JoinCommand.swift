import ArgumentParser
import SerfClient

/// `serf join`: contacts members of a cluster.
struct JoinCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "join", abstract: "Tell Serf agent to join cluster", usage: "serf join [options] <address> ...",
    discussion: "An address is host, host:port or name/host:port; contacting one of them is enough.")

  @Flag(help: "Deliver user events from before the join.") var replay = false
  @OptionGroup var rpc: RPCOptions
  @Argument(help: "Addresses of members.") var addresses: [String] = []

  func run() async throws {
    guard !addresses.isEmpty else { throw CommandFailure("an address is missing; write serf join ADDRESS, with the address of any member") }
    let count = try await rpc.withClient("joining") { client in
      try await client.join(addresses, replay: replay)
    }
    guard count > 0 else {
      return Terminal.output("No other member was contacted: of these addresses only the agent's own can be reached.")
    }
    Terminal.output("Successfully joined cluster by contacting \(count) nodes.")
  }
}
