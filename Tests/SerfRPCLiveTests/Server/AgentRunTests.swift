import Serf
import SerfAgent
import SerfClient
import Synchronization
import Testing
import UnixSignals

/// The agent around a ``FakeNode``: what it prints, what ends it, and with which status.
@Suite("running an agent")
struct AgentRunTests {
  @Test("an interrupt leaves the cluster and ends with 0; the banner comes first, then the log")
  func interrupt() async throws {
    let run = try await Run { configuration in configuration.join = ["h1:1", "h2"] }
    try await run.until { $0.contains { $0.contains("Log data") } }
    run.send(.sigint)
    #expect(try await run.status() == 0)
    #expect(run.node.calls == ["join h1:1,h2", "leave"])
    let text = run.lines.filter { !$0.contains("[INFO]") }.joined()
    #expect(
      text == """
        ==> Starting Serf agent...
        ==> Starting Serf agent RPC...
        ==> Serf agent running!
                              Node name: 'n1'
                              Bind addr: '127.0.0.1:7946'
                               RPC addr: '\(run.rpcAddress)'
                              Encrypted: true
                               Snapshot: false
                                Profile: lan
        ==> Joining cluster...(replay: false)
            Join completed. Synced with 1 initial agents

        ==> Log data will now stream in as it occurs:

        ==> Caught signal: interrupt
        ==> Gracefully shutting down agent...

        """)
    #expect(run.lines.contains { $0.contains("[INFO] agent: Serf agent starting") })
  }

  @Test("a termination ends at once with 1, without a leave")
  func terminate() async throws {
    let run = try await Run()
    run.send(.sigterm)
    #expect(try await run.status() == 1)
    #expect(run.node.calls == [])
  }

  @Test("a second signal while leaving ends with 1")
  func impatient() async throws {
    let run = try await Run()
    run.node.state.withLock { $0.leaveHangs = true }
    run.send(.sigint)
    run.send(.sigint)
    #expect(try await run.status() == 1)
  }

  @Test("a signal while -join waits for hosts that do not answer ends the agent at once, and the log that was held back is printed")
  func signalWhileJoining() async throws {
    for (signal, status, calls) in [(UnixSignal.sigint, Int32(0), ["join h", "leave"]), (.sigterm, 1, ["join h"])] {
      let run = try await Run(joinHangs: true) { $0.join = ["h"] }
      try await SerfRPCLiveTests.until { run.node.calls == ["join h"] }
      #expect(!run.lines.contains { $0.contains("[INFO]") })
      run.send(signal)
      #expect(try await run.status() == status)
      #expect(run.node.calls == calls)
      #expect(run.lines.contains { $0.contains("[INFO] agent: joining: [h]") })
      #expect(!run.lines.contains { $0.contains("Log data") })
    }
  }

  @Test("a leave that fails ends with 1")
  func failedLeave() async throws {
    let run = try await Run()
    run.node.state.withLock { $0.failures["leave"] = SerfError(.state, "leave in progress") }
    run.send(.sigint)
    #expect(try await run.status() == 1)
  }

  @Test("a leave by RPC ends with 0, after the client has its answer")
  func leaveByRPC() async throws {
    let run = try await Run()
    let client = try await SerfRPCClient.connect(to: run.rpcAddress)
    try await client.leave()
    #expect(try await run.status() == 0)
    await client.close()
  }

  @Test("-join that fails ends the agent with a line that says why and what to do")
  func joinFails() async throws {
    let run = try await Run(failures: ["join": SerfError(.joinFailed, "none of 1 addresses answered")]) { $0.join = ["h"] }
    let error = await #expect(throws: AgentFailure.self) { _ = try await run.status() }
    #expect(
      error?.description == "-join: none of 1 addresses answered. With -retry-join instead of -join an agent tries until a member answers")
  }

  @Test("-join under a name that is in use does not advise to try again")
  func joinRefused() async throws {
    var refused = SerfError(.joinFailed, "our name is in use")
    refused.mayPass = false
    let run = try await Run(failures: ["join": refused]) { $0.join = ["h"] }
    let error = await #expect(throws: AgentFailure.self) { _ = try await run.status() }
    #expect(error?.description == "-join: our name is in use")
  }

  @Test("-join that reaches only the agent itself starts it alone, with a warning")
  func joinsOnlyItself() async throws {
    let run = try await Run(joinCounts: [0]) { $0.join = ["h"] }
    #expect(run.lines.contains("==> Warning: of the addresses of -join only this agent's own can be reached; it starts alone\n"))
    #expect(run.lines.contains { $0.contains("Log data") })
    run.send(.sigterm)
    #expect(try await run.status() == 1)
  }

  @Test("-retry-join that reaches only the agent itself goes on until another member answers")
  func retriesWhileAlone() async throws {
    let run = try await Run(joinCounts: [0, 0, 1]) { configuration in
      configuration.retryJoin = ["h"]
      configuration.retryInterval = .milliseconds(1)
    }
    try await run.until { $0.contains { $0.contains("Join completed. Synced with 1 initial agents") } }
    try await SerfRPCLiveTests.until { run.node.calls.count == 4 }
    #expect(run.node.calls == ["join h", "join h", "join h", "keepSeeds h"])
    #expect(run.lines.count { $0.contains("only this agent's own can be reached") } == 2)
    run.send(.sigterm)
    #expect(try await run.status() == 1)
  }

  @Test("with -retry-join an agent waits for the machine to get an address; without, that is an error")
  func waitsForAddress() async throws {
    let failures = [AgentFailure("no address", mayPass: true), AgentFailure("no address", mayPass: true)]
    let run = try await Run(startFailures: failures) { $0.retryJoin = ["h"] }
    #expect(run.lines.count { $0 == "==> Waiting for an address: no address\n" } == 1)
    run.send(.sigint)
    #expect(try await run.status() == 0)
    let hasty = try await Run(startFailures: failures) { $0.join = ["h"] }
    await #expect(throws: failures[0]) { _ = try await hasty.status() }
    let other = try await Run(startFailures: [AgentFailure("the port is in use")]) { $0.retryJoin = ["h"] }
    await #expect(throws: AgentFailure("the port is in use")) { _ = try await other.status() }
  }

  @Test("a signal ends the wait for an address")
  func signalWhileWaiting() async throws {
    for (signal, status) in [(UnixSignal.sigint, Int32(0)), (.sigterm, 1)] {
      let run = try await Run(startFailures: [AgentFailure("no address", mayPass: true)], startPause: .seconds(3600), sign: "Waiting for") {
        $0.retryJoin = ["h"]
      }
      run.send(.sighup)
      run.send(signal)
      #expect(try await run.status() == status)
      #expect(run.node.calls == [])
    }
  }

  @Test("-retry-join gives up after the first attempt and -retry-max more, with 1")
  func retriesExhausted() async throws {
    let run = try await Run(failures: ["join": SerfError(.joinFailed, "nobody")]) { configuration in
      configuration.retryJoin = ["h"]
      configuration.retryMaximum = 1
      configuration.retryInterval = .milliseconds(1)
    }
    #expect(try await run.status() == 1)
    #expect(run.node.calls == ["join h", "join h"])
    #expect(run.lines.contains("==> Warning: 'RetryInterval' is too low. Setting to 1s\n"))
  }

  @Test("a hangup loads the credentials again, and touches tags and level only where the configuration changed")
  func reload() async throws {
    let run = try await Run { $0.tags = ["a": "1"] }
    run.send(.sighup)
    try await run.until { $0.contains { $0.contains("Credentials reloaded") } }
    #expect(run.node.calls == [])
    run.setNext { configuration in
      configuration.tags = ["a": "2"]
      configuration.logLevel = .debug
    }
    run.send(.sighup)
    try await SerfRPCLiveTests.until { run.node.calls == ["setTags a=2"] }
    run.failReload("truncated")
    run.send(.sighup)
    try await run.until { $0.contains { $0.contains("[ERR] agent: Credentials not reloaded, the old ones stay in use: truncated") } }
    run.send(.sigterm)
    #expect(try await run.status() == 1)
  }

  @Test("the RPC is open to other machines only with a key", arguments: ["0.0.0.0:7373", "[::]:7373", "192.0.2.1:0", "example.org:1"])
  func openRPC(address: String) async throws {
    let run = try await Run { $0.rpcAddress = address }
    let error = await #expect(throws: AgentFailure.self) { _ = try await run.status() }
    #expect(error?.description.contains("there is no key; set one with -rpc-auth, or bind to 127.0.0.1") == true)
  }

  @Test("a used RPC port is one line with cause and next step")
  func usedPort() async throws {
    let first = try await Run()
    let second = try await Run { [address = first.rpcAddress] in $0.rpcAddress = address }
    let error = await #expect(throws: AgentFailure.self) { _ = try await second.status() }
    #expect(
      error?.description
        == "cannot listen for RPC at \(first.rpcAddress): address already in use; is another agent running? Choose another -rpc-addr")
    first.send(.sigterm)
    #expect(try await first.status() == 1)
  }
}

/// One agent in this process, with signals from the test.
private final class Run: Sendable {
  private struct Starter: NodeStarter {
    let node: FakeNode
    let nextFailure: @Sendable () -> AgentFailure?
    let problem: @Sendable () -> String?

    func start(_ configuration: AgentConfiguration, log: AgentLog) async throws(AgentFailure) -> StartedNode {
      if let failure = nextFailure() { throw failure }
      return StartedNode(
        node: node, events: node.subscription(), name: "n1", bindAddress: NodeAddress(ipv4: 127, 0, 0, 1, port: 7946), protection: "true",
        ended: {
          await Self.never()
          return nil
        },
        reloadCredentials: { (_) async throws(AgentFailure) in if let problem = problem() { throw AgentFailure(problem) } })
    }

    /// Waits until the task is cancelled.
    private static func never() async {
      for await _ in AsyncStream<Never>.makeStream().stream {}
    }
  }

  private struct State {
    var lines: [String] = []
    var next: AgentConfiguration
    var problem: String?
    /// The failures of the next starts.
    var startFailures: [AgentFailure] = []
  }

  let node = FakeNode(.local("n1", port: 7946))
  private let state: Mutex<State>
  private let signals: AsyncStream<UnixSignal>.Continuation
  private let task: Mutex<Task<Int32, any Error>?> = Mutex(nil)

  /// Starts an agent and waits until it runs or has failed.
  init(
    failures: [String: SerfError] = [:], joinCounts: [Int] = [], joinHangs: Bool = false, startFailures: [AgentFailure] = [],
    startPause: Duration = .milliseconds(1), sign: String? = nil, _ configure: @Sendable (inout AgentConfiguration) -> Void = { _ in }
  ) async throws {
    var configuration = AgentConfiguration()
    configuration.rpcAddress = "127.0.0.1:0"
    configure(&configuration)
    node.state.withLock { state in
      state.failures = failures
      state.joinHangs = joinHangs
      state.joinCounts = joinCounts
    }
    state = Mutex(State(next: configuration, startFailures: startFailures))
    let (stream, feed) = AsyncStream.makeStream(of: UnixSignal.self)
    signals = feed
    let console = Console { [self] line in self.state.withLock { $0.lines.append(line) } }
    let starter = Starter(
      node: node,
      nextFailure: { [self] in self.state.withLock { $0.startFailures.isEmpty ? nil : $0.startFailures.removeFirst() } },
      problem: { [self] in self.state.withLock { $0.problem } })
    let agent = Agent(configuration, console: console, starter: starter, startPause: startPause) { [self] () throws(AgentFailure) in
      self.state.withLock { $0.next }
    }
    let task = Task {
      defer { console.flush() }
      do {
        let status = try await agent.run(stream)
        self.state.withLock { $0.lines.append("ended\n") }
        return status
      } catch {
        self.state.withLock { $0.lines.append("ended\n") }
        throw error
      }
    }
    self.task.withLock { $0 = task }
    let sign = sign ?? (joinHangs ? "Joining cluster" : "Log data")
    try await until { $0.contains { $0.contains(sign) || $0 == "ended\n" } }
  }

  var lines: [String] { state.withLock { $0.lines }.filter { $0 != "ended\n" } }

  var rpcAddress: String {
    lines.joined().split(separator: "\n").first { $0.contains("RPC addr") }?.split(separator: "'").dropFirst().first.map(String.init) ?? ""
  }

  func send(_ signal: UnixSignal) { signals.yield(signal) }

  /// Sets what the next reload reads.
  func setNext(_ change: (inout AgentConfiguration) -> Void) { state.withLock { change(&$0.next) } }

  func failReload(_ problem: String) { state.withLock { $0.problem = problem } }

  func until(_ condition: @Sendable ([String]) -> Bool) async throws {
    try await SerfRPCLiveTests.until { condition(self.state.withLock { $0.lines }) }
  }

  func status() async throws -> Int32 {
    guard let task = task.withLock({ $0 }) else { return -1 }
    return try await task.value
  }
}
