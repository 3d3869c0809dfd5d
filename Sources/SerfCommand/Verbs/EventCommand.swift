import ArgumentParser
import SerfClient
import SerfPrimitives

/// `serf event`: a user event for the whole cluster.
struct EventCommand: AsyncParsableCommand, FreeWords {
  static let configuration = CommandConfiguration(
    commandName: "event", abstract: "Send a custom event through the Serf cluster", usage: "serf event [options] <name> [<payload>]")

  @Option(help: "Whether receivers may merge it with later events of the same name; -coalesce=false forbids it.") var coalesce = true
  @OptionGroup var rpc: RPCOptions
  @Argument(help: "The event's name, and optionally a payload.") var words: [String] = []

  func run() async throws {
    guard let name = words.first else { throw CommandFailure("an event name is missing; write serf event NAME [PAYLOAD]") }
    guard words.count <= 2 else {
      throw CommandFailure("only a name and a payload are expected, not \(words.count) words; quote a payload that holds spaces")
    }
    let payload = words.count == 2 ? Array(words[1].utf8) : nil
    try await rpc.withClient("sending the event") { client in
      try await client.userEvent(name, payload: payload, coalesce: coalesce)
    }
    Terminal.output("Event '\(escaped(name))' dispatched! Coalescing enabled: \(coalesce)")
  }
}
