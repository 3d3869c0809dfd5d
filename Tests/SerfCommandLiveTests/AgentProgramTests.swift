import Foundation
import RPCTestSupport
import Testing

/// The built program as an agent: which mistakes stop it at the start, and what a signal does.
@Suite("serf agent", .serialized)
struct AgentProgramTests {
  @Test("a mistake at the start gives one line with cause and next step, and 1")
  func refusals() async throws {
    let cluster = try await AgentCluster("n1", "n2")
    let good = cluster.flags("n1")
    let running = try await cluster.start("n1")
    try "not a certificate".write(toFile: cluster.path("junk.pem"), atomically: true, encoding: .utf8)
    try FileManager.default.copyItem(atPath: cluster.path("n1.key"), toPath: cluster.path("open.key"))
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: cluster.path("open.key"))
    let cases: [(flags: [String], words: [String])] = [
      (["agent", "-rpc-addr=127.0.0.1:0"], ["-tls-ca, -tls-cert, -tls-key are missing", "serf certs"]),
      (good + ["-tls-cert", "/nope.pem"], ["/nope.pem", "does not exist"]),
      (good + ["-tls-cert", cluster.path("junk.pem")], ["junk.pem"]),
      (good + ["-tls-key", cluster.path("n2.key")], ["n2.key"]),
      (good + ["-tls-key", cluster.path("open.key")], ["open.key", "chmod"]),
      (good + ["-cluster", "other"], ["other"]),
      (good + ["-node", "n9"], ["n9"]),
      (good + ["-bind", running.bind], [running.bind]),
      (good + ["-bind", "no.such.host.invalid"], ["no.such.host.invalid", "cannot resolve"]),
      (good + ["-bind", "1:2:3:4"], ["-bind '1:2:3:4'"]),
      (good + ["-iface", "nope0"], ["no network interface 'nope0'"]),
      (good + ["-allow", "10.0.0.0/8", "-allow", "10.0.0.0/33"], ["-allow '10.0.0.0/33'", "address/bits"]),
      (good + ["-advertise", "x"], ["-advertise 'x'"]),
      (good + ["-rpc-addr", running.rpc], [running.rpc, "already in use"]),
      (good + ["-join", "no.such.host.invalid"], ["no.such.host.invalid"]),
      (good + ["-tag", "big=" + String(repeating: "x", count: 600)], ["512"]),
    ]
    for (flags, words) in cases {
      let run = try await Executable.run(flags)
      #expect(run.status == 1, "\(flags.suffix(2))")
      #expect(run.errors.hasPrefix("serf agent: ") && run.errors.filter(\.isNewline).count == 1, "\(flags.suffix(2)): \(run.errors)")
      for word in words { #expect(run.errors.contains(word), "\(flags.suffix(2)): \(run.errors)") }
    }
    running.program.interrupt()
    #expect(await running.program.status() == 0)
  }

  @Test("-iface gives the address, and 'lo' is loopback")
  func interface() async throws {
    let cluster = try await AgentCluster("n1")
    let agent = try await LiveAgent(Executable(cluster.flags("n1") + ["-bind=0.0.0.0:0", "-iface=lo"]), ready: "Log data will now stream")
    #expect(agent.bind.hasPrefix("127.0.0.1:"))
    agent.program.signal(SIGTERM)
    #expect(await agent.program.status() == 1)
  }

  @Test("a hangup loads a new certificate; a broken file keeps the old one, and the log says so")
  func reload() async throws {
    let cluster = try await AgentCluster("n1", "n2")
    let first = try await cluster.start("n1")
    let second = try await cluster.start("n2", "-join", first.bind)
    try await first.sees(["n1 alive", "n2 alive"])
    try await cluster.issue("node", "n1", "-force")
    first.program.signal(SIGHUP)
    await first.logs("[INFO] agent: Credentials reloaded")
    try Data(contentsOf: URL(fileURLWithPath: cluster.path("n1.pem"))).prefix(100).write(to: URL(fileURLWithPath: cluster.path("n1.pem")))
    first.program.signal(SIGHUP)
    await first.logs("[ERR] agent: Credentials not reloaded, the old ones stay in use: \(cluster.path("n1.pem"))")
    try await second.sees(["n1 alive", "n2 alive"])
    for agent in [first, second] {
      agent.program.interrupt()
      #expect(await agent.program.status() == 0)
    }
  }

  @Test("-retry-join waits for a member that comes later")
  func retryJoin() async throws {
    let cluster = try await AgentCluster("n1", "n2")
    let first = try await cluster.start("n1")
    let port = try #require(first.bind.split(separator: ":").last)
    first.program.signal(SIGKILL)
    await first.program.status()
    let second = try await cluster.start("n2", "-retry-join", "127.0.0.1:\(port)", "-retry-interval=1s")
    await second.logs("retrying in 1s")
    let again = try await cluster.start("n1", "-bind=127.0.0.1:\(port)")
    await second.logs("Join completed. Synced with 1 initial agents")
    try await again.sees(["n1 alive", "n2 alive"])
    for agent in [again, second] { agent.program.signal(SIGTERM) }
  }
}
