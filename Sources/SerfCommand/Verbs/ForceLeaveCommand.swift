import ArgumentParser
import SerfClient
package import SerfPrimitives

/// `serf force-leave`: declares a failed member as left.
struct ForceLeaveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "force-leave", abstract: "Forces a member of the cluster to enter the \"left\" state",
    usage: "serf force-leave [options] <name>", discussion: "A member that is alive refutes this.")

  @Flag(help: "Forget the member at once instead of after the tombstone timeout.") var prune = false
  @OptionGroup var rpc: RPCOptions
  @Argument(help: "The member's name, as 'serf members' prints it.") var names: [String] = []

  func run() async throws {
    guard names.count == 1, let name = names.first else {
      throw CommandFailure("one member's name is expected, not \(names.count); 'serf members' lists them")
    }
    let node = NodeName(name)
    let isKnown = try await rpc.withClient("forcing \(printable(name)) to leave") { client in
      // Asked first, because a pruned member is no longer listed afterwards.
      let isKnown = try await client.members(matching: MemberFilter(name: quotedPattern(node))).contains { $0.name == node }
      try await client.forceLeave(node, prune: prune)
      return isKnown
    }
    guard isKnown else {
      throw CommandFailure(
        "the agent knows no member \(printable(name)); it has told the other members anyway, because they may know it. 'serf members' lists the names"
      )
    }
  }
}

/// A pattern that matches `name` and nothing else: characters with a meaning in RE2 get a backslash in front.
package func quotedPattern(_ name: NodeName) -> String {
  name.string.unicodeScalars.reduce(into: "") { pattern, scalar in
    if #"\.+*?()|[]{}^$"#.unicodeScalars.contains(scalar) { pattern += "\\" }
    pattern.unicodeScalars.append(scalar)
  }
}
