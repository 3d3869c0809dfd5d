import RPCTestSupport
import Testing

/// `serf rtt`, ours and Debian's, in a cluster of agents of both.
@Suite("serf rtt", .serialized)
struct RTTTests {
  @Test("gives an estimate at either agent by either command line: each kind learns the other's coordinates")
  func mixed() async throws {
    let theirs = try await DebianAgent.start("d1", [])
    let ours = try await LiveAgent(
      Executable([
        "agent", "-transport=tcp", "-node", "n1", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-profile=local", "-join", theirs.bind,
      ]), ready: "Log data will now stream")
    for agent in [ours, theirs] {
      // Each probes its only peer once a second.
      for path in [Executable.serf, debianSerf] { try await estimates(agent, ["d1", "n1"], path: path) }
    }
    try await estimates(ours, ["d1"], path: debianSerf, line: #/Estimated d1 <-> n1 rtt: \d+\.\d{3} ms\n/#)
    try await estimates(theirs, ["n1"], path: Executable.serf, line: #/Estimated n1 <-> d1 rtt: \d+\.\d{3} ms\n/#)
    let json = try await ours.command("rtt", "-format=json", "d1")
    #expect(json.status == 0 && json.output.wholeMatch(of: #/\{\n  "from": "d1",\n  "to": "n1",\n  "rtt_ns": \d+\n\}\n/#) != nil, "\(json)")
    let info = try await ours.command("info", path: debianSerf).output
    #expect(info.contains("\tcoordinate_resets = 0\n") && info.contains("\tcoordinates_rejected = 0\n"), "\(info)")
  }

  @Test("says of whom the agent knows nothing, with exit status 1")
  func unknown() async throws {
    let agent = try await LiveAgent(
      Executable(["agent", "-transport=tcp", "-node", "n1", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-profile=local"]),
      ready: "Log data will now stream")
    let run = try await agent.command("rtt", "no\npe")
    #expect(
      run == (
        1, "",
        "serf rtt: the agent has no coordinate of 'no\\u{a}pe': it is no member, keeps none, or has not been probed yet; 'serf members' lists "
          + "the names\n"
      ))
    let debian = try await agent.command("rtt", "nope", path: debianSerf)
    #expect(debian.status == 1 && debian.output.contains("Could not find a coordinate for node \"nope\""), "\(debian)")
    #expect(try await agent.command("rtt", "n1") == (0, "Estimated n1 <-> n1 rtt: 0.020 ms\n", ""), "two heights from itself")
    #expect(try await agent.command("rtt", "n1", path: debianSerf) == (0, "Estimated n1 <-> n1 rtt: 0.020 ms\n", ""))
  }

  /// Waits until the estimate is there.
  private func estimates(
    _ agent: LiveAgent, _ names: [String], path: String, line: Regex<Substring> = #/Estimated d1 <-> n1 rtt: \d+\.\d{3} ms\n/#,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    var run = (status: Int32(1), output: "", errors: "")
    while run.status != 0, ContinuousClock.now < deadline {
      run = try await Executable.run(["rtt"] + names, environment: ["SERF_RPC_ADDR": agent.rpc], path: path)
    }
    let isEstimate = run.status == 0 && run.output.wholeMatch(of: line) != nil
    #expect(isEstimate, "\(run) \(agent.program.standardOutput)", sourceLocation: sourceLocation)
  }
}
