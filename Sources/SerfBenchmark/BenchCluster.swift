import Logging
import Serf

/// The nodes under measurement.
final class BenchCluster {
  private var nodes: [SerfNode] = []
  private var counters: [EventCount] = []
  private let size: Int
  private let transport: BenchTransport
  private let profile: String
  private let residentBefore: Int

  init(nodes count: Int, transport: BenchTransport, profile: String) throws {
    size = count
    self.transport = transport
    self.profile = profile
    let factory = try NodeFactory(transport)
    let timings = SerfConfiguration.Profile(rawValue: profile) ?? .lan
    var logger = Logger(label: "serf")
    logger.logLevel = .critical
    residentBefore = ProcessUsage.residentKiB
    for index in 0..<count {
      nodes.append(try factory.make(SerfConfiguration(name: NodeName("node-\(index)"), profile: timings), logger: logger))
      counters.append(EventCount(nodes[index].events))
    }
  }

  /// All join the first; how long until all see all.
  ///
  /// - Parameter startedAtOnce: whether the others are started as they join.
  func converge(startedAtOnce: Bool) async throws -> [String] {
    for node in startedAtOnce ? nodes.prefix(1) : nodes[...] { try await node.start() }
    let seed = try await nodes[0].localAddress().description
    let cpu = ProcessUsage.cpuSeconds
    let start = ContinuousClock.now
    try await withThrowingTaskGroup(of: Void.self) { group in
      for node in nodes.dropFirst() { group.addTask { try await node.join([seed]) } }
      try await group.waitForAll()
    }
    let joined = ContinuousClock.now - start
    let converged = try await wait(upTo: .seconds(120)) { try await self.seeing(self.nodes.count) == self.nodes.count }
    let pairs = nodes.count * (nodes.count - 1) / 2
    let handshakes = try await total("handshakes_completed")
    let (refused, connections) = try await (totalRefused(), total("connections"))
    let suspicions = try await total("suspicions")
    emit(
      line("converge")
        .adding("started_at_once", startedAtOnce).adding("ok", converged != nil).adding("join_s", joined.seconds)
        .adding("converge_s", (converged ?? .seconds(120)).seconds)
        .adding("cpu_s", ProcessUsage.cpuSeconds - cpu).adding("handshakes", handshakes)
        .adding("connections", connections).adding("handshakes_per_pair", Double(handshakes) / Double(pairs)).adding("refused", refused)
        .adding("suspicions", suspicions))
    var violations: [String] = []
    if (converged ?? .seconds(120)) > .seconds(15) { violations.append("converged within 15 s") }
    if suspicions > 0 { violations.append("no suspicion") }
    if refused > 0 { violations.append("no handshake refused") }
    return violations
  }

  /// What a cluster costs when nothing happens.
  func idle(seconds: Int) async throws -> [String] {
    // Gossip goes on meeting new pairs for a while; they belong to convergence.
    try await Task.sleep(for: .seconds(15))
    let pairs = nodes.count * (nodes.count - 1) / 2
    let (before, suspicions, refused) = try await (total("handshakes_completed"), total("suspicions"), totalRefused())
    let (cpu, start) = (ProcessUsage.cpuSeconds, ContinuousClock.now)
    try await Task.sleep(for: .seconds(seconds))
    let elapsed = (ContinuousClock.now - start).seconds
    let cpuUsed = ProcessUsage.cpuSeconds - cpu
    let (handshakes, connections) = try await (total("handshakes_completed"), total("connections"))
    let later = try await total("suspicions") - suspicions
    let laterRefused = try await totalRefused() - refused
    let resident = ProcessUsage.residentKiB - residentBefore
    emit(
      line("idle")
        .adding("cpu_ms_per_node_s", 1000 * cpuUsed / elapsed / Double(nodes.count))
        .adding("rss_kib_per_node", Double(resident) / Double(nodes.count))
        .adding("connections", connections)
        .adding("cpu_ms_per_connection_s", 1000 * cpuUsed / elapsed / Double(max(1, connections)))
        .adding("rss_kib_per_connection", Double(resident) / Double(max(1, connections)))
        .adding("handshakes", handshakes).adding("handshakes_per_pair", Double(handshakes) / Double(pairs))
        .adding("handshakes_while_idle", handshakes - before).adding("suspicions_while_idle", later)
        .adding("refused_while_idle", laterRefused))
    var violations: [String] = []
    if Double(handshakes) > 1.3 * Double(pairs) { violations.append("at most 1.3 handshakes per pair") }
    if laterRefused > 0 { violations.append("none refused while idle") }
    if later > 0 { violations.append("no suspicion while idle") }
    return violations
  }

  /// How long one event takes to everybody.
  func events(count: Int) async throws {
    var latencies: [Double] = []
    var lost = 0
    for index in 0..<count {
      let before = counters.map(\.value)
      let start = ContinuousClock.now
      try await nodes[index % nodes.count].userEvent("bench-\(index)", payload: Array("payload".utf8), coalesce: false)
      let done = try await wait(upTo: .seconds(20)) { zip(self.counters, before).allSatisfy { $0.value > $1 } }
      if done == nil { lost += 1 }
      latencies.append((ContinuousClock.now - start).seconds)
    }
    latencies.sort()
    emit(
      line("event").adding("count", count)
        .adding("all_nodes_p50_s", latencies.isEmpty ? 0 : latencies[(latencies.count - 1) / 2])
        .adding("all_nodes_max_s", latencies.last ?? 0).adding("lost", lost))
  }

  /// How long until a crash is known.
  func fail() async throws {
    let start = ContinuousClock.now
    await nodes.removeLast().shutdown()
    var first: Duration?
    let all = try await wait(upTo: .seconds(120)) {
      let seen = try await self.seeing(self.nodes.count)
      if seen > 0, first == nil { first = ContinuousClock.now - start }
      return seen == self.nodes.count
    }
    emit(
      line("fail").adding("ok", all != nil)
        .adding("first_detect_s", (first ?? .zero).seconds).adding("all_detect_s", (ContinuousClock.now - start).seconds))
  }

  func shutdown() async {
    for node in nodes { await node.shutdown() }
  }

  func close() {
    for counter in counters { counter.close() }
  }

  // MARK: Private parts

  private func line(_ scenario: String) -> JSONLine {
    JSONLine(scenario: scenario, nodes: size, profile: profile).adding("transport", transport.rawValue)
  }

  /// A line as soon as it is known, also into a pipe.
  private func emit(_ line: JSONLine) {
    print(line)
    ProcessUsage.flush()
  }

  /// How many nodes see exactly `count` members alive.
  private func seeing(_ count: Int) async throws -> Int {
    var seen = 0
    for node in nodes where try await node.members().filter({ $0.status == .alive }).count == count { seen += 1 }
    return seen
  }

  private func totalRefused() async throws -> Int { try await total("certificates_refused") + total("refused_for_load") }

  private func total(_ name: String) async throws -> Int {
    var sum = 0
    for node in nodes { sum += try await node.statistics().counter(name) }
    return sum
  }

  private func wait(upTo limit: Duration, until condition: () async throws -> Bool) async throws -> Duration? {
    let start = ContinuousClock.now
    while ContinuousClock.now - start < limit {
      if try await condition() { return ContinuousClock.now - start }
      try await Task.sleep(for: .milliseconds(5))
    }
    return nil
  }
}

/// Counts the user events that one node sees.
private final class EventCount: Sendable {
  private let events: SerfEvents
  private let counter: Counter

  init(_ events: SerfEvents) {
    self.events = events
    let counter = Counter()
    self.counter = counter
    Task { for await case .user in events { counter.increment() } }
  }

  var value: Int { counter.value }
  func close() { events.cancel() }
}
