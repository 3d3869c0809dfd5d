import Foundation
import RPCTestSupport
import Testing

/// Debian's command line against our agent, and ours against Debian's: the same success output and exit status.
@Suite("our agent and command line with Debian's", .serialized)
struct MixedTests {
  @Test("Debian's command line drives our agents as ours does")
  func debianCommandLine() async throws {
    let cluster = try await AgentCluster("n1", "n2")
    let first = try await cluster.start("n1", "-tag", "role=web", "-tag", "dc=a<b")
    let second = try await cluster.start("n2", "-join", first.bind)
    try await first.sees(["n1 alive", "n2 alive"])
    for words in [
      ["members", "-format=json", "-name=n1"], ["members", "-status=failed"], ["members", "-status=failed", "-format=json"],
      ["members", "-detailed", "-name", "n2"], ["event", "deploy", "1"], ["event", "-coalesce=false", "deploy"],
      ["tags", "-set", "x=1"], ["tags", "-delete", "x"],
    ] {
      try await compare(words, at: first)
    }
    try await compareListings(at: first)
    for agent in [first, second] { await agent.logs("Received event: user-event: deploy") }
    let refused = try await first.command("monitor", "-log-level=foo", path: debianSerf)
    #expect(refused.status == 1 && refused.output.contains("Unknown log level: FOO"))
    let monitor = try Executable(["monitor", "-log-level=debug"], environment: ["SERF_RPC_ADDR": first.rpc], path: debianSerf)
    #expect(await monitor.waits { $0.contains("[INFO] agent: Serf agent starting") })
    _ = try await first.command("event", "seen", "abc")
    #expect(await monitor.waits { $0.contains("Name: \"seen\"") && $0.contains("Payload: []byte{0x61, 0x62, 0x63}") })
    monitor.interrupt()
    #expect(await monitor.status() == 0)
    let leave = try await second.command("leave", path: debianSerf)
    #expect(leave == (0, "Graceful leave complete\n", ""))
    #expect(await second.program.status() == 0)
    try await first.sees(["n1 alive", "n2 left"])
  }

  @Test("our command line drives Debian's agent as Debian's does")
  func debianAgent() async throws {
    let agent = try await DebianAgent.start("d1", ["-tag", "role=web"])
    for words in [
      ["members", "-format=json"], ["members"], ["members", "-detailed"], ["members", "-status=failed", "-format=json"],
      ["event", "deploy", "1"],
      ["tags", "-set", "x=1"], ["tags", "-delete", "x"],
    ] {
      try await compare(words, at: agent)
    }
    let info = try await agent.command("info")
    #expect(info.status == 0 && info.output.contains("agent:\n\tname = d1\n"))
    let monitor = try Executable(["monitor", "-log-level=debug"], environment: ["SERF_RPC_ADDR": agent.rpc])
    #expect(await monitor.waits { $0.contains("[INFO] agent: Serf agent starting") })
    _ = try await agent.command("event", "seen", "abc", path: debianSerf)
    // Debian's agent holds events back for three seconds, to merge them.
    #expect(await monitor.waits { $0.contains("Name: \"seen\"\n\tPayload: []byte{0x61, 0x62, 0x63}") })
    monitor.interrupt()
    #expect(await monitor.status() == 0)
    #expect(try await agent.command("leave") == (0, "Graceful leave complete\n", ""))
    #expect(await agent.program.status() == 0)
  }

  @Test("an address of Debian's agent that is written with a name is joined under its own name only")
  func named() async throws {
    let theirs = try await DebianAgent.start("d1", [])
    let ours = try await LiveAgent(
      Executable([
        "agent", "-transport=tcp", "-node=n1", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-profile=local", "-retry-interval=1s",
        "-retry-join=d1/\(theirs.bind)",
      ]), ready: "Log data will now stream")
    await ours.logs("Join completed. Synced with 1 initial agents")
    for agent in [theirs, ours] { try await agent.sees(["d1 alive", "n1 alive"]) }
    let refused = try await ours.command("join", "d2/\(theirs.bind)")
    #expect(refused.status == 1 && refused.errors.contains("no node of that name answers there"), "\(refused)")
    for agent in [theirs, ours] { agent.program.signal(SIGTERM) }
  }

  private func compare(_ words: [String], at agent: LiveAgent, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let environment = ["SERF_RPC_ADDR": agent.rpc]
    let ours = try await Executable.run(words, environment: environment)
    let theirs = try await Executable.run(words, environment: environment, path: debianSerf)
    #expect(ours == theirs && ours.status == 0, "\(words)", sourceLocation: sourceLocation)
  }

  /// Go prints tags in a random order.
  private func compareListings(at agent: LiveAgent) async throws {
    for words in [["members"], ["info"]] {
      let ours = try await Executable.run(words, environment: ["SERF_RPC_ADDR": agent.rpc]).output
      let theirs = try await Executable.run(words, environment: ["SERF_RPC_ADDR": agent.rpc], path: debianSerf).output
      func normalised(_ text: String) -> [String] {
        text.replacingOccurrences(of: "role=web,dc=a<b", with: "dc=a<b,role=web").split(separator: "\n").map(String.init)
          // Counters move between two calls.
          .filter { !$0.contains(" = ") || $0.contains("name = ") || $0.contains("members = ") || $0.contains("dc = ") }
      }
      #expect(normalised(ours) == normalised(theirs), "\(words)")
    }
  }
}
