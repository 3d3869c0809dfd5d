import Foundation
import RPCTestSupport
import Testing

/// `serf keys` of either kind, in a cluster of Go's agents and ours.
@Suite("keys of a mixed cluster", .serialized)
final class KeysTests {
  private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("serf-keys-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(at: directory) }

  private func newKey() async throws -> String { try await Executable.run(["keygen"]).output.trimmingCharacters(in: .newlines) }

  private func file(_ node: String) -> String { directory.appendingPathComponent(node).path }

  private func start(_ node: String, isGo: Bool, key: String, join: String?) async throws -> LiveAgent {
    try JSONEncoder().encode([key]).write(to: URL(fileURLWithPath: file(node)))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file(node))
    let flags = ["-keyring-file", file(node)] + (join.map { ["-join", $0] } ?? [])
    if isGo { return try await DebianAgent.start(node, flags) }
    let own = ["agent", "-transport=tcp", "-node", node, "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-profile=local"]
    return try await LiveAgent(Executable(own + flags), ready: "Log data will now stream")
  }

  private func ring(_ node: String) -> [String]? {
    (try? Data(contentsOf: URL(fileURLWithPath: file(node)))).flatMap { try? JSONDecoder().decode([String].self, from: $0) }
  }

  @Test("three keys are rotated by both command lines at agents of both kinds; six of six answer, and every event arrives")
  func rotation() async throws {
    var keys = [try await newKey()]
    var agents: [LiveAgent] = []
    let names = ["d1", "o1", "d2", "o2", "d3", "o3"]
    for (index, name) in names.enumerated() {
      agents.append(try await start(name, isGo: index % 2 == 0, key: keys[0], join: agents.last?.bind))
    }
    for agent in agents { try await agent.sees(names.sorted().map { "\($0) alive" }) }
    func run(_ words: [String], at agent: LiveAgent, by path: String) async throws -> String {
      let run = try await Executable.run(["keys"] + words, environment: ["SERF_RPC_ADDR": agent.rpc], path: path)
      #expect(run.status == 0, "\(words) at \(agent.rpc) by \(path): \(run)")
      return run.output
    }
    // Ours at Go's, Go's at ours, ours at ours.
    let hands = [(0, Executable.serf), (1, debianSerf), (3, Executable.serf)]
    for (round, (index, path)) in hands.enumerated() {
      let (old, new) = (keys[keys.count - 1], try await newKey())
      keys.append(new)
      let agent = agents[index]
      #expect(
        try await run(["-install", new], at: agent, by: path) == "==> Installing key on all members...\n==> Successfully installed key!\n")
      _ = try await agents[(round + 2) % 6].command("event", "-coalesce=false", "during-\(round)", "1")
      #expect(
        try await run(["-use", new], at: agent, by: path)
          == "==> Changing primary key on all members...\n==> Successfully changed primary key!\n")
      let listed = try await run(["-list"], at: agent, by: path)
      #expect(listed.hasPrefix("==> Asking all members for installed keys...\n==> Keys gathered, listing cluster keys...\n\n"))
      for key in [old, new] { #expect(listed.contains("\(key)  [6/6]"), "\(listed)") }
      #expect(
        try await run(["-remove", old], at: agent, by: path) == "==> Removing key on all members...\n==> Successfully removed key!\n")
      _ = try await agents[(round + 5) % 6].command("event", "-coalesce=false", "after-\(round)", "1")
      for name in names { #expect(ring(name) == [new], "at \(name)") }
    }
    for round in 0..<3 {
      for agent in agents {
        for event in ["during-\(round)", "after-\(round)"] { await agent.logs("Received event: user-event: \(event)") }
      }
    }
    for agent in agents { try await agent.sees(names.sorted().map { "\($0) alive" }) }
  }

  @Test("what cannot be done is told alike by both command lines, with the members' reasons")
  func refusals() async throws {
    let key = try await newKey()
    let go = try await start("d1", isGo: true, key: key, join: nil)
    let ours = try await start("o1", isGo: false, key: key, join: go.bind)
    for agent in [go, ours] { try await agent.sees(["d1 alive", "o1 alive"]) }
    for (agent, words, start, reason, action, theirs) in [
      (go, "-remove", "Removing key", "Removing the primary key is not allowed", "removing the key", "removing key"),
      (ours, "-remove", "Removing key", "Removing the primary key is not allowed", "removing the key", "removing key"),
      (ours, "-use", "Changing primary key", "Requested key is not in the keyring", "changing the primary key", "changing primary key"),
    ] {
      let argument = words == "-use" ? try await newKey() : key
      let mine = try await agent.command("keys", words, argument)
      #expect(mine.status == 1)
      #expect(mine.output == "==> \(start) on all members...\nfailed:  d1  \(reason)\nfailed:  o1  \(reason)\n")
      #expect(mine.errors == "serf keys: \(action) failed: 2/2 nodes reported failure\n")
      let debian = try await agent.command("keys", words, argument, path: debianSerf)
      #expect(debian.status == 1 && debian.output.hasSuffix("\n\nError \(theirs): 2/2 nodes reported failure\n"), "\(debian)")
      for name in ["d1", "o1"] { #expect(debian.output.contains("failed:  \(name)  \(reason)\n"), "\(debian)") }
    }
    let json = try await ours.command("keys", "-list", "-format=json")
    #expect(
      json.output == """
        {
          "keys": {
            "\(key)": 2
          },
          "primary_keys": {
            "\(key)": 2
          },
          "messages": {},
          "nodes": 2,
          "answers": 2,
          "errors": 0
        }

        """)
  }

  @Test("a hangup does not undo a change, whether the first key came from a file or from the command line", arguments: [true, false])
  func hangup(hasFile: Bool) async throws {
    let (old, new) = (try await newKey(), try await newKey())
    let agent: LiveAgent
    if hasFile {
      agent = try await start("o1", isGo: false, key: old, join: nil)
    } else {
      let flags = ["agent", "-transport=tcp", "-node=o1", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-profile=local", "-encrypt", old]
      agent = try await LiveAgent(Executable(flags), ready: "Log data will now stream")
    }
    for words in [["-install", new], ["-use", new], ["-remove", old]] {
      #expect(try await Executable.run(["keys"] + words, environment: ["SERF_RPC_ADDR": agent.rpc]).status == 0)
    }
    agent.program.signal(SIGHUP)
    await agent.logs("Credentials reloaded")
    let list = try await agent.command("keys", "-list").output
    #expect(list.hasSuffix("\n\n\(new)  [1/1]\n"), "\(list)")
  }

  @Test("an agent without a keyring says so, to both command lines")
  func noKeyring() async throws {
    let cluster = try await AgentCluster("n1")
    let quic = try await cluster.start("n1")
    let list = try await quic.command("keys", "-list", path: debianSerf)
    #expect(list.status == 1)
    #expect(
      list.output.contains("failed:  n1  Keyring is empty (QUIC encrypts with certificates, which are replaced instead)\n"),
      "\(list.output)")
    let install = try await quic.command("keys", "-install", try await newKey())
    #expect(install.status == 1 && install.output.contains("No keyring to modify (QUIC"), "\(install)")
    #expect(install.errors == "serf keys: installing the key failed: 1/1 nodes reported failure\n")
  }

  @Test("arguments are checked before any agent is asked")
  func arguments() async throws {
    for (words, message) in [
      ([], "nothing to do; write -list, -install KEY, -use KEY or -remove KEY"),
      (["-list", "-use", "abc"], "only one of -install, -use, -remove, or -list allowed"),
      (["-install", "!!!"], "-install: the key is not base64; 'serf keygen' makes one"),
      (["-use", "AAAA"], "-use: a key has 16, 24 or 32 bytes, and this one has 3; 'serf keygen' makes one"),
    ] {
      let run = try await Executable.run(["keys"] + words)
      #expect(run == (1, "", "serf keys: \(message)\n"))
    }
  }
}

/// Two agents with one name, where names are not proven.
@Suite("a name that an agent of ours shares with Go's")
struct SharedNameTests {
  @Test("our agent in the minority stops with 0 and says why; no other member changes state")
  func minority() async throws {
    let first = try await DebianAgent.start("d1", [])
    let second = try await DebianAgent.start("d2", ["-join", first.bind])
    let twin = try await DebianAgent.start("twin", ["-join", first.bind])
    for agent in [first, second, twin] { try await agent.sees(["d1 alive", "d2 alive", "twin alive"]) }
    let ours = try Executable([
      "agent", "-transport=tcp", "-node=twin", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-profile=local", "-join", first.bind,
    ])
    #expect(await ours.status() == 0)
    #expect(ours.standardOutput.contains("minority in name conflict resolution [0 / 2]"), "\(ours.standardOutput)")
    for agent in [first, second, twin] { try await agent.sees(["d1 alive", "d2 alive", "twin alive"]) }
    for agent in [first, second] {
      #expect(!agent.program.standardOutput.contains("EventMemberLeave") && !agent.program.standardOutput.contains("EventMemberFailed"))
    }
  }
}
