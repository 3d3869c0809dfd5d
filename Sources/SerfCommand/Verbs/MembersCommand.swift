import ArgumentParser
package import SerfClient
import SerfPrimitives

/// `serf members`: the members of the cluster.
struct MembersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "members", abstract: "Lists the members of a Serf cluster", usage: "serf members [options]",
    discussion: "Patterns are regular expressions (RE2) that must match as a whole.")

  @Flag(help: "Also show the protocol versions (text only).") var detailed = false
  @Option(help: "text or json.") var format = OutputFormat.text
  @Option(help: "Only members whose name matches this pattern.") var name = ""
  @Option(help: "Only members whose tag 'role' matches this pattern (deprecated: use -tag role=...).") var role: String?
  @Option(help: "Only members whose status matches this pattern: alive, leaving, left, failed.") var status = ""
  @Option(help: "Only members whose tag matches: key=pattern. May be repeated.") var tag: [TagArgument] = []
  @OptionGroup var rpc: RPCOptions

  func run() async throws {
    if role != nil {
      Terminal.problem("serf members: -role is deprecated; write -tag role=...")
    }
    let tags = tag.map.merging(role.map { ["role": $0] } ?? [:]) { $1 }
    let filter = MemberFilter(name: name, status: status, tags: tags)
    let members = try await rpc.withClient("listing members") { client in
      try await client.members(matching: filter)
    }
    Terminal.output(MemberListing(members).render(format, isDetailed: detailed))
  }
}

/// The output of `members`, sorted by name.
package struct MemberListing {
  let members: [AgentMember]

  package init(_ members: [AgentMember]) {
    self.members = members.sorted { $0.name < $1.name }
  }

  func render(_ format: OutputFormat, isDetailed: Bool) -> String {
    format == .json ? json.text : text(isDetailed: isDetailed)
  }

  package func text(isDetailed: Bool) -> String {
    Columns.text(
      members.map { member in
        let tags = member.tags.sorted { $0.key < $1.key }.map { escaped($0.key) + "=" + escaped($0.value) }
        let row = [
          member.name.description, member.address?.description ?? "unknown", escaped(member.status), tags.joined(separator: ","),
        ]
        guard isDetailed else { return row }
        let version = member.serfVersion
        return row + [
          "Protocol Version: \(version.current)", "Available Protocol Range: [\(version.minimum), \(version.maximum)]",
        ]
      })
  }

  package var json: OrderedJSON {
    .object([("members", members.isEmpty ? .null : .array(members.map(Self.json)))])
  }

  private static func json(_ member: AgentMember) -> OrderedJSON {
    .object([
      ("name", .string(String(validating: member.name.bytes, as: UTF8.self) ?? member.name.description)),
      ("addr", .string(member.address?.description ?? "")),
      ("port", .number(Int(member.address?.port ?? 0))),
      ("tags", .map(member.tags)),
      ("status", .string(member.status)),
      (
        "protocol",
        .object([
          ("max", .number(Int(member.serfVersion.maximum))),
          ("min", .number(Int(member.serfVersion.minimum))),
          ("version", .number(Int(member.serfVersion.current))),
        ])
      ),
    ])
  }
}
