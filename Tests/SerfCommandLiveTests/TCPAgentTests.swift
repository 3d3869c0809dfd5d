import Foundation
import RPCTestSupport
import Testing

/// `serf agent -transport tcp`, alone and beside Debian's agent.
@Suite("our agent over TCP and UDP", .serialized)
struct TCPAgentTests {
  private func flags(_ node: String) -> [String] {
    ["agent", "-transport=tcp", "-node", node, "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-profile=local"]
  }

  private func start(_ node: String, _ more: [String]) async throws -> LiveAgent {
    try await LiveAgent(Executable(flags(node) + more), ready: "Log data will now stream")
  }

  @Test("joins Debian's agent with a key of any size, and each sees the other's tags, events and leave", arguments: [nil, 16, 24, 32])
  func besideDebian(keySize: Int?) async throws {
    let key = keySize.map { Data([UInt8](0..<UInt8($0))).base64EncodedString() }
    let secret = key.map { ["-encrypt", $0] } ?? []
    let theirs = try await DebianAgent.start("d1", secret)
    let ours = try await start("n1", secret + ["-tag", "role=db", "-join", theirs.bind])
    for agent in [ours, theirs] { try await agent.sees(["d1 alive", "n1 alive"]) }
    let listings = try await [ours, theirs].asyncMap { try await $0.command("members", "-format=json", "-name=n1").output }
    #expect(listings[0] == listings[1] && listings[0].contains("\"role\": \"db\""))
    _ = try await ours.command("event", "-coalesce=false", "from-us", "1")
    _ = try await theirs.command("event", "-coalesce=false", "from-them", "2")
    for agent in [ours, theirs] {
      await agent.logs("user-event: from-us")
      await agent.logs("user-event: from-them")
    }
    ours.program.interrupt()
    #expect(await ours.program.status() == 0)
    try await theirs.sees(["d1 alive", "n1 left"])
  }

  @Test("an agent that was suspended logs that it is late, and serf info shows its lateness and its suspicions")
  func late() async throws {
    let agent = try await start("n1", [])
    let info = try await agent.command("info").output
    #expect(info.contains("\n\tsuspicions = 0\n") && info.contains("\n\tlateness_ms = "), "\(info)")
    #expect(try await agent.command("info", "-format=json").output.contains("\"lateness_ms\": \""))
    let other = try await start("n2", ["-join", agent.bind])
    agent.program.signal(SIGSTOP)
    // A member that is suspected did not answer for longer than half of a probe timeout.
    try await other.counts("suspicions")
    agent.program.signal(SIGCONT)
    await agent.logs("[WARN] serf: this node is late by ")
  }

  @Test("a hangup reads the keyring file again; a broken file keeps the keys, and the log says so")
  func keyringFile() async throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("serf-keyring-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    let (old, new) = (try await newKey(), try await newKey())
    func write(_ keys: [String]) throws { try JSONEncoder().encode(keys).write(to: file) }
    try write([old])
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: file.path)
    let agent = try await start("n1", ["-keyring-file", file.path])
    #expect(agent.program.standardOutput.contains("Warning: '\(file.path)' is open to group or others (mode 0640). Run 'chmod 600"))
    #expect(agent.program.standardOutput.contains("Encrypted: true (AES-256-GCM, keys: 1)"))
    let refused = try await Executable.run(flags("n2") + ["-encrypt", new, "-join", agent.bind])
    #expect(refused.status == 1 && refused.errors.contains("Do both have the same key"), "\(refused.errors)")
    await agent.logs("none of our keys decrypts it")
    try write([new, old])
    agent.program.signal(SIGHUP)
    await agent.logs("Credentials reloaded")
    let second = try await start("n2", ["-encrypt", new, "-join", agent.bind])
    for agent in [agent, second] { try await agent.sees(["n1 alive", "n2 alive"]) }
    try write([])
    agent.program.signal(SIGHUP)
    await agent.logs("contains no keys")
    for agent in [agent, second] { agent.program.signal(SIGTERM) }
  }

  @Test("each flag that does not apply is refused with the reason")
  func misplacedFlags() async throws {
    let key = try await newKey()
    let cluster = try await AgentCluster("n1")
    let quic = cluster.flags("n1")
    let cases: [([String], [String])] = [
      (quic + ["-encrypt", key], ["-encrypt is for -transport tcp", "TLS already"]),
      (quic + ["-keyring-file", "x"], ["-keyring-file is for -transport tcp or tls"]),
      (quic + ["-label", "x"], ["-label is for -transport tcp", "-cluster"]),
      (quic + ["-compression", "lzw"], ["-compression is not for -transport quic"]),
      (flags("n1") + ["-tls-ca", "ca.pem"], ["-tls-ca is for -transport quic"]),
      (flags("n1") + ["-cluster", "prod"], ["-cluster is for -transport quic or tls", "-label"]),
      (flags("n1") + ["-tls-identity", "dns"], ["-tls-identity is for -transport quic or tls"]),
      (flags("n1") + ["-tls-key-insecure"], ["-tls-key-insecure is for -transport quic or tls"]),
      (flags("n1") + ["-replay", "true", "-encrypt=\(key)"], ["'-encrypt' stands behind 'true'"]),
      (flags("n1") + ["--", "-encrypt", key], ["'-encrypt' is not expected", "none behind '--'"]),
      (flags("n1") + ["-encrypt", "short"], ["-encrypt: the key is not base64", "serf keygen"]),
      (flags("n1") + ["-encrypt", "AAAA"], ["16, 24 or 32 bytes"]),
      (flags("n1") + ["-encrypt", key, "-keyring-file", "x"], ["-encrypt is not allowed with -keyring-file"]),
      (flags("n1") + ["-keyring-file", "/no/such/file"], ["/no/such/file"]),
      (flags("n1") + ["-keyring-file", "/dev/null"], ["/dev/null: the keyring file is empty; check the path given with -keyring-file"]),
      (flags("n1") + ["-label", String(repeating: "x", count: 256)], ["256 bytes", "255"]),
      (flags("n1") + ["-transport", "pigeon"], ["pigeon"]),
    ]
    for (flags, words) in cases {
      let run = try await Executable.run(flags)
      #expect(run.status == 1, "\(flags.suffix(2))")
      #expect(run.errors.hasPrefix("serf agent: ") && run.errors.filter(\.isNewline).count == 1, "\(run.errors)")
      for word in words { #expect(run.errors.contains(word), "\(run.errors)") }
    }
  }

  private func newKey() async throws -> String {
    let run = try await Executable.run(["keygen"])
    try #require(run.status == 0 && run.output.filter(\.isNewline).count == 1)
    return run.output.trimmingCharacters(in: .newlines)
  }
}

extension Array {
  fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
    var results: [Result] = []
    for element in self { results.append(try await transform(element)) }
    return results
  }
}
