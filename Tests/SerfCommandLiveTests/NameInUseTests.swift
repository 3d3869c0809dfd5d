import Foundation
import RPCTestSupport
import Testing

@Suite("a second agent with a certificate that is in use")
struct NameInUseTests {
  @Test("-join ends it with the reason and 1; 'serf join' says the same; a restart elsewhere is accepted")
  func refused() async throws {
    let cluster = try await AgentCluster("n1", "n2")
    let first = try await cluster.start("n1")
    let second = try await cluster.start("n2", "-join", first.bind)
    try await first.sees(["n1 alive", "n2 alive"])
    let reason = "our name is in use at another address. Another process runs with our certificate; stop one of them"
    let run = try await Executable.run(cluster.flags("n2") + ["-join", first.bind])
    let line = "none of 1 join addresses accepted this node: \(first.bind): \(reason)\n"
    #expect(run.status == 1 && run.errors.contains(line), "\(run.errors)")
    let rival = try await cluster.start("n2")
    let join = try await rival.command("join", first.bind)
    #expect(join.status == 1 && join.errors.contains(reason), "\(join)")
    await rival.logs("[WARN] serf: join: \(first.bind): \(reason)")
    let own = try await rival.command("join", "n2/\(first.bind)")
    #expect(own.status == 1 && own.errors.contains("the name asked for is this node's own. Write"), "\(own)")
    rival.program.signal(SIGKILL)
    second.program.signal(SIGKILL)
    let again = try await cluster.start("n2", "-join", first.bind)
    for agent in [first, again] { try await agent.sees(["n1 alive", "n2 alive"]) }
  }
}
