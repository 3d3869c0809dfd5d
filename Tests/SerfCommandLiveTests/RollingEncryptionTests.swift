import Foundation
import RPCTestSupport
import Testing

/// `serf agent -transport tcp` on its way from clear text to a key: the two switches, and a keyring file without keys.
@Suite("our agent while a cluster gets its first key", .serialized)
struct RollingEncryptionTests {
  private static let bothOff = ["-encrypt-verify-outgoing=false", "-encrypt-verify-incoming=false"]

  private func flags(_ node: String) -> [String] {
    ["agent", "-transport=tcp", "-node", node, "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-profile=local"]
  }

  private func start(_ node: String, _ more: [String]) async throws -> LiveAgent {
    try await LiveAgent(Executable(flags(node) + more), ready: "Log data will now stream")
  }

  private func newKey() async throws -> String {
    try await Executable.run(["keygen"]).output.trimmingCharacters(in: .newlines)
  }

  /// A keyring file with these keys; removed when it is released.
  private final class KeyringFile {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("serf-keyring-\(UUID().uuidString)")
    var flags: [String] { ["-keyring-file", url.path] }

    init(_ keys: [String]) throws { try write(keys) }

    func write(_ keys: [String]) throws {
      try JSONEncoder().encode(keys).write(to: url)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: url.path)
    }

    deinit { try? FileManager.default.removeItem(at: url) }
  }

  @Test("a keyring file may be empty while both switches are off; a hangup adds the key, and never removes it")
  func emptyFile() async throws {
    let key = try await newKey()
    let file = try KeyringFile([])
    let clear = try await start("n1", [])
    let empty = try await start("n2", file.flags + Self.bothOff + ["-join", clear.bind])
    #expect(empty.program.standardOutput.contains("Encrypted: false (keys: 0; sends in the clear, and accepts that)"))
    empty.program.signal(SIGHUP)
    await empty.logs("Credentials reloaded")
    try file.write([key])
    // A reload has no log line of its own, but it decides which nodes can join: this one encrypts, and still accepts clear text.
    var status: Int32 = 1
    let deadline = ContinuousClock.now + .seconds(30)
    while status != 0, ContinuousClock.now < deadline {
      empty.program.signal(SIGHUP)
      let probe = try await start("n3", ["-encrypt", key, "-encrypt-verify-incoming=false"])
      #expect(probe.program.standardOutput.contains("Encrypted: true (AES-256-GCM, keys: 1; what comes in the clear is accepted too)"))
      status = try await probe.command("join", empty.bind).status
      if status == 0 { try await empty.sees(["n1 alive", "n2 alive", "n3 alive"]) }
    }
    #expect(status == 0)
    try file.write([])
    empty.program.signal(SIGHUP)
    await empty.logs("contains no keys; the running agent keeps the keys that it has")
  }

  @Test("the command line's switches make each step, and its neighbours understand it")
  func steps() async throws {
    let file = try KeyringFile([try await newKey()])
    let clear = try await start("n1", [])
    let reading = try await start("n2", file.flags + Self.bothOff + ["-join", clear.bind])
    for agent in [clear, reading] { try await agent.sees(["n1 alive", "n2 alive"]) }
    #expect(reading.program.standardOutput.contains("Encrypted: false (AES-256-GCM, keys: 1; sends in the clear, and accepts that)"))
    #expect(try await reading.command("info").output.contains("encrypted = false"))
    clear.program.interrupt()
    #expect(await clear.program.status() == 0)
    // The values may also be separate words, as with every flag that takes one.
    let encrypting = try await start(
      "n3", file.flags + ["-encrypt-verify-outgoing", "true", "-encrypt-verify-incoming", "false", "-join", reading.bind])
    // A newcomer is not told of members that left before it joined.
    try await reading.sees(["n1 left", "n2 alive", "n3 alive"])
    try await encrypting.sees(["n2 alive", "n3 alive"])
    #expect(try await encrypting.command("info").output.contains("encrypted = true"))
    _ = try await encrypting.command("event", "-coalesce=false", "from-n3", "1")
    await reading.logs("user-event: from-n3")
    // The last step too early: the answer comes in clear text.
    let hasty = try await Executable.run(flags("n4") + file.flags + ["-join", reading.bind])
    #expect(hasty.status == 1 && hasty.errors.contains("-encrypt-verify-incoming stays false until"), "\(hasty.errors)")
    let complete = try await start(
      "n5", file.flags + ["-encrypt-verify-outgoing=true", "-encrypt-verify-incoming=true", "-join", encrypting.bind])
    #expect(complete.program.standardOutput.contains("Encrypted: true (AES-256-GCM, keys: 1)\n"))
    _ = try await complete.command("event", "-coalesce=false", "from-n5", "1")
    await encrypting.logs("user-event: from-n5")
  }

  @Test("each value that makes no sense is refused with the reason and what to do")
  func refusals() async throws {
    let key = try await newKey()
    let (file, empty) = (try KeyringFile([key]), try KeyringFile([]))
    let cluster = try await AgentCluster("n1")
    let (tcp, quic) = (flags("n1"), cluster.flags("n1"))
    let noKeys = ["contains no keys", "'serf keygen' makes one", "-encrypt-verify-outgoing=false and -encrypt-verify-incoming=false"]
    let cases: [([String], [String])] = [
      (tcp + empty.flags, noKeys), (tcp + empty.flags + ["-encrypt-verify-incoming=false"], noKeys),
      (tcp + empty.flags + ["-encrypt-verify-outgoing=false"], ["-encrypt-verify-outgoing=false needs -encrypt-verify-incoming=false"]),
      (
        tcp + file.flags + ["-encrypt-verify-outgoing=false"],
        ["-encrypt-verify-outgoing=false needs -encrypt-verify-incoming=false", "outgoing becomes true first"]
      ),
      (tcp + Self.bothOff, ["-encrypt-verify-outgoing has no effect without a key", "-keyring-file", "[]"]),
      (tcp + ["-encrypt-verify-incoming=true"], ["-encrypt-verify-incoming has no effect without a key"]),
      (tcp + file.flags + ["-encrypt-verify-incoming=maybe"], ["maybe"]),
      (tcp + file.flags + ["-encrypt-verify-incoming"], ["-encrypt-verify-incoming"]),
      (quic + ["-encrypt-verify-incoming=false"], ["-encrypt-verify-incoming is for -transport tcp", "QUIC"]),
      (quic + ["-encrypt-verify-outgoing=true"], ["-encrypt-verify-outgoing is for -transport tcp", "QUIC"]),
      (
        quic + ["-transport=tls", "-encrypt", key, "-encrypt-verify-outgoing=false"],
        ["-encrypt-verify-outgoing is for -transport tcp", "-allow-clear-packets"]
      ),
    ]
    for (flags, words) in cases {
      let run = try await Executable.run(flags)
      #expect(run.status == 1, "\(flags.suffix(2))")
      #expect(run.errors.hasPrefix("serf agent: ") && run.errors.filter(\.isNewline).count == 1, "\(run.errors)")
      for word in words { #expect(run.errors.contains(word), "\(run.errors)") }
    }
  }

  @Test("the help names the switches and the steps")
  func help() async throws {
    let run = try await Executable.run(["agent", "-h"])
    for word in ["-encrypt-verify-outgoing", "-encrypt-verify-incoming", "three steps"] {
      #expect(run.errors.contains(word), "\(run.errors)")
    }
  }
}
