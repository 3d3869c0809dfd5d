import ArgumentParser

/// Measures an in-process cluster on loopback and prints one JSON object per scenario, with the fields of the Go side (`gobench`), so that both
/// can be set side by side in one run.
@main
struct SerfBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serf-bench",
    abstract: "Measures an in-process cluster of Serf nodes on loopback.",
    discussion: """
      Prints one JSON object per line. Run it in release mode: swift run -c release serf-bench.

      Every run begins with converge. 'all' then runs idle, event and fail, but not join; any other scenario runs alone after it.

      Exit status 1 means that a line says "ok": false, or that a bound of --strict is broken; standard error says which. A line is "ok": false if \
      some node did not see all others, or a crash, within 120 s; if a node did not join; or if an event was lost.

      \(outputFields)
      """)

  @Option(help: "How many nodes the cluster has.")
  var nodes = 20

  @Option(help: "What the nodes speak: quic, or tcp for TCP and UDP without a key.")
  var transport = BenchTransport.default

  @Option(help: "The timings: lan, wan or local.")
  var profile = "lan"

  @Option(help: "converge; idle, event, join or fail, each after converge; or all, which is all of these but join.")
  var scenario = "all"

  @Flag(help: "Let each node join as soon as it has started, instead of starting all nodes before any joins.")
  var startedAtOnce = false

  @Option(help: "How many other processes keep a processor busy during the run, at the same priority.")
  var busy = 0

  @Option(help: "Seconds that a converged cluster is left alone before anything else is measured.")
  var settle = 15

  @Option(help: "Seconds of the idle measurement.")
  var idle = 10

  @Option(help: "How many events to send.")
  var count = 10

  @Option(help: "Seconds from one event to the next; 0 sends the next as soon as all nodes have the last.")
  var interval = 0

  @Option(help: "How many nodes join the running cluster, one after another.")
  var joins = 20

  @Option(help: "How many nodes crash, one after another.")
  var crashes = 1

  @Flag(
    help: """
      Exit with 1 also if converge took more than 15 s, if idle shows more than 1.3 handshakes per pair, or if either shows a suspicion or a refused \
      handshake. Event, join and fail have no further bounds.
      """)
  var strict = false

  func validate() throws {
    // 1,000 nodes with 256 connections each take about 25 GB.
    guard (2...1000).contains(nodes) else { throw ValidationError("--nodes must be from 2 to 1000") }
    guard (0...64).contains(busy) else { throw ValidationError("--busy must be from 0 to 64") }
    guard ["lan", "wan", "local"].contains(profile) else { throw ValidationError("unknown profile '\(profile)': use lan, wan or local") }
    guard ["converge", "idle", "event", "join", "fail", "all"].contains(scenario) else {
      throw ValidationError("unknown scenario '\(scenario)': use converge, idle, event, join, fail or all")
    }
    for (name, value) in [("settle", settle), ("interval", interval)] where value < 0 {
      throw ValidationError("--\(name) must not be negative")
    }
    for (name, value) in [("idle", idle), ("count", count), ("joins", joins)] where value < 1 {
      throw ValidationError("--\(name) must be at least 1")
    }
    guard (1..<nodes).contains(crashes) else { throw ValidationError("--crashes must be at least 1 and less than --nodes") }
  }

  func run() async throws {
    let others = try BusyProcesses(busy)
    defer { others.end() }
    let cluster = try BenchCluster(
      Conditions(
        nodes: nodes, profile: profile, transport: transport, startedAtOnce: startedAtOnce, busy: busy, settle: settle))
    defer { cluster.close() }
    if try await cluster.converge() {
      // For a while gossip still connects new pairs; that is part of convergence.
      if scenario != "converge" { try await Task.sleep(for: .seconds(settle)) }
      if wants("idle") { try await cluster.idle(seconds: idle) }
      if wants("event") { try await cluster.events(count: count, interval: .seconds(interval)) }
      if scenario == "join" { try await cluster.joins(count: joins) }
      if wants("fail") { try await cluster.fail(count: crashes) }
    }
    await cluster.shutdown()
    let problems = cluster.findings.lines(isStrict: strict)
    for problem in problems { ProcessUsage.complain(problem) }
    if !problems.isEmpty { throw ExitCode(1) }
  }

  private func wants(_ name: String) -> Bool { scenario == "all" || scenario == name }
}
