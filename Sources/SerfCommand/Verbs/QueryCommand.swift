import ArgumentParser
package import SerfClient
import SerfPrimitives

/// `serf query`: a question to the members of the cluster, and their answers.
struct QueryCommand: AsyncParsableCommand, FreeWords {
  static let configuration = CommandConfiguration(
    commandName: "query", abstract: "Send a query to the Serf cluster", usage: "serf query [options] <name> [<payload>]",
    discussion: """
      Each answer is printed as it comes. The command ends when every member that was asked has answered, and at the latest when the query's time is \
      over; a Go agent always waits until then.
      """)

  @Option(help: "text, as the answers come, or json, at the end.") var format = OutputFormat.text
  @Option(help: "Ask only this member. May be repeated.") var node: [String] = []
  @Option(
    help: "Ask only members in whose tag the pattern occurs: key=pattern (RE2); ^ and $ stand for its ends. May be repeated for other tags."
  )
  var tag: [TagArgument] = []
  @Option(help: "How long to wait for answers, such as 5s. Default: the agent chooses it by the number of members, 3.2s for up to nine.")
  var timeout = GoDuration(.zero)
  @Flag(help: "Do not ask members to say that the query arrived.") var noAck = false
  @Option(help: "Through how many other members each answer is sent, besides directly: 0 to 255.") var relayFactor = 0
  @OptionGroup var rpc: RPCOptions
  @Argument(help: "The query's name, and optionally a payload.") var words: [String] = []

  func run() async throws {
    guard let name = words.first else { throw CommandFailure("a query name is missing; write serf query NAME [PAYLOAD]") }
    guard words.count <= 2 else {
      throw CommandFailure("only a name and a payload are expected, not \(words.count) words; quote a payload that holds spaces")
    }
    guard let relayFactor = UInt8(exactly: relayFactor) else { throw CommandFailure("-relay-factor is 0 to 255, not \(relayFactor)") }
    if let repeated = Dictionary(grouping: tag, by: \.key).first(where: { $0.value.count > 1 })?.key {
      throw CommandFailure(
        "-tag \(printable(repeated)) is given twice; write one pattern with alternatives, such as -tag role='^(web|db)$'")
    }
    var options = AgentQueryOptions()
    options.members = node.isEmpty ? nil : node.map { NodeName($0) }
    options.tags = tag.map
    options.wantsAcks = !noAck
    options.relayFactor = relayFactor
    options.timeout = timeout.duration == .zero ? nil : timeout.duration
    let payload = words.count == 2 ? Array(words[1].utf8) : nil
    var outcome = QueryOutcome(showsAcks: !noAck)
    try await rpc.withClient("sending the query") { [options] client in
      let replies = try await client.query(name, payload: payload, options: options)
      if format == .text { Terminal.output("Query '\(escaped(name))' dispatched") }
      for try await reply in replies {
        outcome.add(reply)
        if format == .text { Terminal.output(QueryOutcome.line(reply)) }
      }
      if replies.dropped > 0 { throw CommandFailure("\(replies.dropped) answers were lost because the output was too slow") }
    }
    Terminal.output(format == .json ? outcome.json.text : outcome.totals)
  }
}

/// What came back, for the end of the output (`agent.md` section 6).
package struct QueryOutcome {
  let showsAcks: Bool
  private(set) var acks: [NodeName] = []
  private(set) var answers: [(from: NodeName, payload: [UInt8])] = []

  package init(showsAcks: Bool) { self.showsAcks = showsAcks }

  package mutating func add(_ reply: AgentQueryReply) {
    switch reply {
    case .acknowledgement(let member): acks.append(member)
    case .answer(let member, let payload): answers.append((member, payload ?? []))
    }
  }

  /// One reply, without the newline that ends many answers.
  package static func line(_ reply: AgentQueryReply) -> String {
    switch reply {
    case .acknowledgement(let member): return "Ack from '\(member)'"
    case .answer(let member, let payload):
      var text = readableText(of: payload ?? [])
      if text.hasSuffix("\n") { text.removeLast() }
      // Lines after the first are indented, so that none looks like one of ours.
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map { index, line in
        (index == 0 || line.isEmpty ? "" : "\t") + harmless(String(line))
      }
      return "Response from '\(member)': \(lines.joined(separator: "\n"))"
    }
  }

  package var totals: String { (showsAcks ? "Total Acks: \(acks.count)\n" : "") + "Total Responses: \(answers.count)" }

  package var json: OrderedJSON {
    .object([
      ("Acks", acks.isEmpty ? .null : .array(acks.map { .string($0.text) })),
      (
        "Responses",
        .object(answers.sorted { $0.from.text < $1.from.text }.map { ($0.from.text, .string(String(decoding: $0.payload, as: UTF8.self))) })
      ),
    ])
  }
}

extension NodeName {
  /// As a parser of JSON sees it.
  fileprivate var text: String { String(validating: bytes, as: UTF8.self) ?? description }
}
