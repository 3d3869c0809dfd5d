import Foundation
import RPCTestSupport
import SerfClient
import Testing

/// Queries in a cluster of Debian's agents and ours: each side asks, and each side answers.
@Suite("queries in a mixed cluster", .serialized)
struct MixedQueryTests {
  /// Answers the query `load` at one of our agents, as a program beside the agent does.
  private func answer(at agent: LiveAgent, with text: String) async throws -> Task<Void, any Error> {
    let client = try await SerfRPCClient.connect(to: agent.rpc)
    let queries = try await client.events("query:load")
    return Task {
      for try await event in queries {
        if case .query(let query) = event { try await client.respond(to: query.id, payload: Array(text.utf8)) }
      }
      await client.close()
    }
  }

  private func lines(_ text: String) -> [String] { text.split(separator: "\n").map(String.init).sorted() }

  @Test("either command line asks at either agent, with acks, filters, tags and relays; all members answer")
  func mixed() async throws {
    let handler = ["-event-handler", "query:load=printf load-$SERF_SELF_NAME"]
    let theirs = try await DebianAgent.start("d1", handler + ["-tag", "kind=go"])
    let others = try await DebianAgent.start("d2", handler + ["-tag", "kind=go", "-join", theirs.bind])
    let ours = try await LiveAgent(
      Executable([
        "agent", "-transport=tcp", "-node=n1", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-profile=local", "-join", theirs.bind,
      ]), ready: "Log data will now stream")
    for agent in [theirs, others, ours] { try await agent.sees(["d1 alive", "d2 alive", "n1 alive"]) }
    let answering = try await answer(at: ours, with: "load-n1")
    defer { answering.cancel() }
    let replies = ["d1", "d2", "n1"].flatMap { ["Ack from '\($0)'", "Response from '\($0)': load-\($0)"] }
    let all = replies + ["Query 'load' dispatched", "Total Acks: 3", "Total Responses: 3"]
    // At ours a query ends when all have answered; at Debian's it takes its whole time, in which a busy machine has to start a program.
    for (agent, time) in [(ours, "-timeout=60s"), (theirs, "-timeout=4s")] {
      for path in [Executable.serf, debianSerf] {
        for words in [["-relay-factor=2", "load"], ["load", "now"]] {
          let run = try await Executable.run(["query", time] + words, environment: ["SERF_RPC_ADDR": agent.rpc], path: path)
          #expect(run.status == 0 && lines(run.output) == all.sorted(), "\(words) \(path): \(run)")
        }
        let some = try await Executable.run(
          ["query", "-node=d1", "-node=n1", "-tag=kind=^g", "-no-ack", "-timeout=4s", "-format=json", "load"],
          environment: ["SERF_RPC_ADDR": agent.rpc], path: path)
        #expect(
          some.output == "{\n  \"Acks\": null,\n  \"Responses\": {\n    \"d1\": \"load-d1\"\n  }\n}\n", "\(path): \(some)")
        let refused = try await Executable.run(["query", "_serf_conflict"], environment: ["SERF_RPC_ADDR": agent.rpc], path: path)
        #expect(refused.status == 1 && (refused.output + refused.errors).contains("Queries cannot contain the '_serf_' prefix"))
      }
    }
    for (agent, path) in [(ours, Executable.serf), (ours, debianSerf), (theirs, Executable.serf)] {
      let run = try await Executable.run(["reachability", "-verbose"], environment: ["SERF_RPC_ADDR": agent.rpc], path: path)
      #expect(run.status == 0 && run.output.hasSuffix("Successfully contacted all live nodes\n"), "\(run)")
      #expect(run.output.hasPrefix("Total members: 3, live members: 3\nStarting reachability test...\n\tAck from '"), "\(run)")
    }
    await ours.logs("Received event: query: load", times: 8)
  }
}
