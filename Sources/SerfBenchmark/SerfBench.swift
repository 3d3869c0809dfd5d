import ArgumentParser

/// Measures an in-process cluster on loopback and prints one JSON object per scenario. The Go program in Tests/bench prints the same fields, so that
/// both can be set side by side; Tests/bench/run does that.
@main
struct SerfBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serf-bench",
    abstract: "Measures an in-process cluster of Serf nodes on loopback.",
    discussion: """
      Prints one JSON object per line. Run it in release mode: swift run -c release serf-bench. Tests/bench/run measures it beside Go.

      Scenarios of a cluster begin with converge:
      \(Scenario.cluster.map(\.helpLine).joined(separator: "\n"))

      'all' runs converge, idle, event, throughput, query and fail with one cluster. Scenarios without a cluster:
      \(Scenario.bare.map(\.helpLine).joined(separator: "\n"))

      Exit status 1 means that a line says "ok": false, or that a bound of --strict is broken; standard error says which.

      \(outputFields)
      """)

  @Option(help: "How many nodes the cluster has.")
  var nodes = 20

  @Option(help: "What the nodes speak: quic, or tcp for TCP and UDP without a key.")
  var transport = BenchTransport.default

  @Option(help: "The timings: lan, wan or local.")
  var profile = "lan"

  @Option(help: "What to measure: one of the scenarios above.")
  var scenario = Scenario.all

  @Flag(help: "Let each node join as soon as it has started, instead of starting all nodes before any joins.")
  var startedAtOnce = false

  @Option(help: "How many other processes keep a processor busy during the run, at the same priority.")
  var busy = 0

  @Option(help: "Seconds that a converged cluster is left alone before anything else is measured.")
  var settle = 15

  @Option(help: "Seconds of the idle measurement, in wire too.")
  var idle = 10

  @Option(help: "How many events, queries or crashes to make. Default: 200 in event, 500 in throughput and wire, 50 in query, 1 in fail.")
  var count: Int?

  @Option(help: "Seconds from one event to the next; 0 sends the next as soon as all nodes have the last.")
  var interval = 0

  @Option(help: "Seconds to wait in throughput and wire for what comes late, after the last event was sent; at least 10.")
  var patience = 60

  @Option(help: "Seconds that wire goes on counting when everything has come, because nodes still repeat events.")
  var tail = 20

  @Option(help: "How many nodes join the running cluster, one after another.")
  var joins = 20

  @Option(help: "Seconds that each scenario without a cluster lasts.")
  var seconds = 5

  @Option(help: "Bytes of a request and of an answer in exchange.")
  var messageSize = 8_192

  @Flag(
    help: """
      Exit with 1 also if converge took more than 15 s, if idle shows more than 1.3 handshakes per pair, or if either shows a suspicion or a refused \
      handshake. Other scenarios have no further bounds.
      """)
  var strict = false

  // How it starts the member that crashes.
  @Option(help: .private) var asMember: String?
  @Option(help: .private) var seed = ""

  func validate() throws {
    // 1,000 nodes with 256 connections each take about 25 GB.
    guard (2...1000).contains(nodes) else { throw ValidationError("--nodes must be from 2 to 1000") }
    guard (0...64).contains(busy) else { throw ValidationError("--busy must be from 0 to 64") }
    guard ["lan", "wan", "local"].contains(profile) else { throw ValidationError("unknown profile '\(profile)': use lan, wan or local") }
    for (name, value) in [("settle", settle), ("interval", interval), ("tail", tail)] where value < 0 {
      throw ValidationError("--\(name) must not be negative")
    }
    for (name, value) in [("idle", idle), ("count", count ?? 1), ("joins", joins), ("seconds", seconds)] where value < 1 {
      throw ValidationError("--\(name) must be at least 1")
    }
    guard (count ?? 1) <= 100_000 else { throw ValidationError("--count must be at most 100000") }
    guard (1...1_048_576).contains(messageSize) else { throw ValidationError("--message-size must be from 1 to 1048576") }
    guard scenario != .handshakes || transport.provesNames else { throw ValidationError("handshakes needs --transport=quic") }
    guard patience >= 10 else { throw ValidationError("--patience must be at least 10") }
  }

  func run() async throws {
    if let asMember { return try await ChildMember.run(asMember, seed: seed, transport: transport, profile: profile) }
    let others = try BusyProcesses(busy)
    defer { others.end() }
    var conditions = Conditions(
      nodes: nodes, profile: profile, transport: transport, startedAtOnce: startedAtOnce, busy: busy, settle: settle)
    conditions.bufferLimit = max(conditions.bufferLimit, 2 * (count ?? 0))
    let findings = try await measure(conditions)
    let problems = findings.lines(isStrict: strict)
    for problem in problems { ProcessUsage.complain(problem) }
    if !problems.isEmpty { throw ExitCode(1) }
  }

  private func measure(_ conditions: Conditions) async throws -> Findings {
    let layers = LayerScenario(conditions: conditions)
    switch scenario {
    case .codec: return try CodecScenario(conditions: conditions).run(seconds: seconds)
    case .handshakes: return try await layers.handshakes(seconds: seconds)
    case .exchange: return try await layers.exchanges(seconds: seconds, messageSize: messageSize)
    case .datagrams: return try await layers.datagrams(seconds: seconds)
    default: break
    }
    let cluster = try BenchCluster(conditions)
    defer { cluster.close() }
    if try await cluster.converge() {
      // For a while gossip still connects new pairs; that is part of convergence.
      if scenario != .converge { try await Task.sleep(for: .seconds(settle)) }
      if wants(.idle) { try await cluster.idle(seconds: idle) }
      if wants(.event) { try await cluster.events(count: count ?? 200, interval: .seconds(interval)) }
      if wants(.throughput) { try await cluster.throughput(count: count ?? 500, patience: .seconds(patience)) }
      if scenario == .wire { try await cluster.wire(count: count ?? 500, patience: .seconds(patience), idle: idle, tail: tail) }
      if wants(.query) { try await cluster.queries(count: count ?? 50) }
      if scenario == .join { try await cluster.joins(count: joins) }
      if wants(.fail) { try await cluster.fail(count: count ?? 1) }
    }
    await cluster.shutdown()
    return cluster.findings
  }

  private func wants(_ other: Scenario) -> Bool { scenario == .all || scenario == other }
}
