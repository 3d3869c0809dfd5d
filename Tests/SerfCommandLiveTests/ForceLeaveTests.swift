import Foundation
import RPCTestSupport
import SerfCommand
import SerfPrimitives
import Testing

@Suite("serf force-leave", .serialized)
struct ForceLeaveTests {
  @Test("a name that the agent does not know is one line and 1, and the order is sent nevertheless")
  func unknown() async throws {
    let cluster = try await AgentCluster("n1", "n2")
    let first = try await cluster.start("n1")
    let second = try await cluster.start("n2", "-join", first.bind)
    try await first.sees(["n1 alive", "n2 alive"])
    for flags in [[], ["-prune"]] {
      let run = try await Executable.run(["force-leave"] + flags + ["n."], environment: ["SERF_RPC_ADDR": first.rpc])
      #expect(
        run == (
          1, "",
          "serf force-leave: the agent knows no member 'n.'; it has told the other members anyway, because they may know it. 'serf members' "
            + "lists the names\n"
        ))
    }
    second.program.signal(SIGKILL)
    try await first.sees(["n1 alive", "n2 failed"])
    #expect(try await first.command("force-leave", "-prune", "n2") == (0, "", ""))
    try await first.sees(["n1 alive"])
  }

  @Test(
    "a name is looked up as it is meant, whatever it means in a pattern, and whatever is escaped where it is printed",
    arguments: [
      ("n1", "n1"), ("a.b", #"a\.b"#), (#"(x|y)*[^z]{2}?+$\"#, #"\(x\|y\)\*\[\^z\]\{2\}\?\+\$\\"#), ("ü", "ü"), (#"a\\b"#, #"a\\b"#),
      (#"\u{1b}"#, "\u{1b}"),
    ])
  func patterns(name: String, pattern: String) {
    #expect(quotedPattern(NodeName(name)) == pattern)
  }
}
