#if TLS
  import Foundation
  import RPCTestSupport
  import Testing

  /// `serf agent -transport tls`.
  @Suite("our agent over TLS and UDP", .serialized)
  struct TLSAgentTests {
    @Test("joins by certificate and key, says how it is protected, and a hangup reads both again")
    func together() async throws {
      let cluster = try await AgentCluster("n1", "n2")
      let file = cluster.path("keys.json")
      func write(_ keys: [String]) throws { try JSONEncoder().encode(keys).write(to: URL(fileURLWithPath: file)) }
      let keys = [try await newKey(), try await newKey()]
      try write([keys[0]])
      let n1 = try await cluster.start("n1", "-transport=tls", "-keyring-file", file)
      #expect(
        n1.program.standardOutput.contains(
          "Encrypted: true (mutual TLS over TCP, cluster 'default'; packets AES-256-GCM, keys: 1)"))
      let n2 = try await cluster.start("n2", "-transport=tls", "-keyring-file", file, "-join", n1.bind)
      for agent in [n1, n2] { try await agent.sees(["n1 alive", "n2 alive"]) }
      try write([keys[1], keys[0]])
      for agent in [n1, n2] {
        agent.program.signal(SIGHUP)
        await agent.logs("Credentials reloaded")
      }
      _ = try await n1.command("event", "-coalesce=false", "after", "1")
      await n2.logs("user-event: after")
      // Each side knows only its own authority; the one that dials is the first to say so.
      let stranger = try await AgentCluster("n3")
      let refused = try await Executable.run(stranger.flags("n3") + ["-transport=tls", "-encrypt", keys[0], "-join", n1.bind])
      #expect(refused.status == 1, "\(refused.errors)")
      await n1.logs("turned away 127.0.0.1")
      // One of the two cannot be read, so neither is used: with the certificates of a stranger no peer would accept n1.
      let other = try await AgentCluster("n1")
      for name in ["ca.pem", "n1.pem", "n1.key"] {
        try Data(contentsOf: URL(fileURLWithPath: other.path(name))).write(to: URL(fileURLWithPath: cluster.path(name)))
      }
      try Data("[\"short\"]".utf8).write(to: URL(fileURLWithPath: file))
      n1.program.signal(SIGHUP)
      await n1.logs("Credentials not reloaded, the old ones stay in use: -keyring-file")
      #expect(try await n2.command("join", n1.bind).status == 0)
      for agent in [n1, n2] {
        agent.program.interrupt()
        #expect(await agent.program.status() == 0)
      }
    }

    @Test("refuses flags that do not apply, and to start without a key unless told to explicitly")
    func flags() async throws {
      let cluster = try await AgentCluster("n1")
      let tls = cluster.flags("n1") + ["-transport=tls"]
      let cases: [([String], [String])] = [
        (tls, ["serf keygen", "-allow-clear-packets"]),
        (tls + ["-encrypt", try await newKey(), "-label", "x"], ["-label is for -transport tcp", "-cluster"]),
        (cluster.flags("n1") + ["-allow-clear-packets"], ["-allow-clear-packets is not for -transport quic"]),
        (["agent", "-transport=tcp", "-allow-clear-packets"], ["-allow-clear-packets is for -transport tls"]),
        (["agent", "-transport=tls", "-allow-clear-packets"], ["-tls-ca, -tls-cert, -tls-key are missing"]),
      ]
      for (flags, words) in cases {
        let run = try await Executable.run(flags)
        #expect(run.status == 1, "\(flags.suffix(2))")
        for word in words { #expect(run.errors.contains(word), "\(run.errors)") }
      }
      let open = try await cluster.start("n1", "-transport=tls", "-allow-clear-packets")
      #expect(open.program.standardOutput.contains("Encrypted: false (mutual TLS over TCP, cluster 'default'; packets in the clear)"))
      let both = try await cluster.start("n1", "-transport=tls", "-allow-clear-packets", "-encrypt", try await newKey())
      #expect(both.program.standardOutput.contains("AES-256-GCM, keys: 1; also accepted in the clear)"))
      for agent in [open, both] {
        agent.program.interrupt()
        #expect(await agent.program.status() == 0)
      }
    }

    private func newKey() async throws -> String {
      try await Executable.run(["keygen"]).output.trimmingCharacters(in: .newlines)
    }
  }
#endif
