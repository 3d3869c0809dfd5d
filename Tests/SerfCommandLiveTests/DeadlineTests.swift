import Foundation
import RPCTestSupport
import Testing

/// The built command line against an agent that exists but does not answer.
@Suite("serf and an agent that is suspended", .serialized)
struct DeadlineTests {
  private static let verbs = [
    ["members"], ["info"], ["event", "x"], ["join", "127.0.0.1:1"], ["leave"], ["force-leave", "x"], ["tags", "-set", "a=1"], ["monitor"],
  ]

  @Test("every verb ends with one line and 1, and the agent is not affected")
  func suspended() async throws {
    let cluster = try await AgentCluster("n1")
    let agent = try await cluster.start("n1")
    agent.program.signal(SIGSTOP)
    for verb in Self.verbs {
      let words = [verb[0], "-rpc-timeout=300ms"] + verb.dropFirst()
      let run = try await Executable.run(words, environment: ["SERF_RPC_ADDR": agent.rpc])
      #expect(run.status == 1 && run.output.isEmpty, "\(verb)")
      #expect(
        run.errors.hasPrefix("serf \(verb[0]): ")
          && run.errors.hasSuffix(
            "the agent at '\(agent.rpc)' did not answer within 300ms; it may be stopped, or busy. Look at its process, or wait longer with "
              + "-rpc-timeout\n")
          && run.errors.filter(\.isNewline).count == 1, "\(verb): \(run.errors)")
    }
    agent.program.signal(SIGCONT)
    try await agent.sees(["n1 alive"])
  }

  @Test("an invalid time is refused")
  func noTime() async throws {
    let run = try await Executable.run(["members", "-rpc-timeout=0"])
    #expect(run == (1, "", "serf members: -rpc-timeout must be more than 0\n"))
  }
}
