import ArgumentParser
import SerfClient
import SerfPrimitives

/// `serf force-leave`: declares a failed member as left.
struct ForceLeaveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "force-leave", abstract: "Forces a member of the cluster to enter the \"left\" state",
    usage: "serf force-leave [options] <name>", discussion: "A member that is alive refutes this.")

  @Flag(help: "Forget the member at once instead of after the tombstone timeout.") var prune = false
  @OptionGroup var rpc: RPCOptions
  @Argument(help: "The member's name.") var names: [String] = []

  func run() async throws {
    guard names.count == 1, let name = names.first else {
      throw CommandFailure("one member's name is expected, not \(names.count); 'serf members' lists them")
    }
    try await rpc.withClient("forcing \(printable(name)) to leave") { client throws(SerfRPCError) in
      try await client.forceLeave(NodeName(name), prune: prune)
    }
  }
}
