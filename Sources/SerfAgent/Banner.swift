import Serf

/// What a running agent prints first (`agent.md` section 9).
struct Banner {
  let lines: [String]

  init(_ configuration: AgentConfiguration, node: StartedNode, rpcAddress: String) {
    var facts = [
      ("Node name", "'\(node.name)'"),
      ("Bind addr", "'\(node.bindAddress)'"),
    ]
    if let advertise = configuration.advertise { facts.append(("Advertise addr", "'\(advertise)'")) }
    facts += [
      ("RPC addr", "'\(rpcAddress)'"),
      ("Encrypted", node.protection),
      ("Snapshot", String(configuration.snapshotPath != nil)),
      ("Profile", configuration.profile.rawValue),
    ]
    lines = facts.map { title, value in String(repeating: " ", count: max(0, 27 - title.count)) + title + ": " + value }
  }

  /// In one write, so that a script that waits for the first line finds the others as well.
  func print(on console: Console) {
    console.output((["Serf agent running!"] + lines.map { "    " + $0 }).joined(separator: "\n"))
  }
}
