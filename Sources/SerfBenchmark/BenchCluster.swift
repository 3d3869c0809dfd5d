import Logging
import Serf

/// The nodes that are measured.
final class BenchCluster {
  private var nodes: [SerfNode] = []
  private var counters: [EventCount] = []
  private let conditions: Conditions
  /// What went wrong so far.
  private(set) var findings = Findings()
  private let factory: NodeFactory
  private let residentBefore: Int

  init(_ conditions: Conditions) throws {
    self.conditions = conditions
    factory = try NodeFactory(conditions.transport)
    residentBefore = ProcessUsage.residentKiB
    for _ in 0..<conditions.nodes { _ = try addNode() }
  }

  private func addNode() throws -> SerfNode {
    var logger = Logger(label: "serf")
    logger.logLevel = .critical
    let timings = SerfConfiguration.Profile(rawValue: conditions.profile) ?? .lan
    let node = try factory.make("node-\(counters.count)", profile: timings, logger: logger)
    nodes.append(node)
    counters.append(EventCount(node.events(bufferLimit: 4_096)))
    return node
  }

  /// All nodes join the first one; measures how long it takes until all see all. Returns whether all have joined, so that further scenarios can be
  /// measured.
  func converge() async throws -> Bool {
    for node in conditions.startedAtOnce ? nodes.prefix(1) : nodes[...] { try await node.start() }
    let seed = try await nodes[0].localAddress().description
    let cpu = ProcessUsage.cpuSeconds
    let start = ContinuousClock.now
    let problems = await withTaskGroup(of: String?.self, returning: [String].self) { group in
      for node in nodes.dropFirst() {
        group.addTask {
          do { return try await node.join([seed]) > 0 ? nil : "no other member answered" } catch { return "\(error)" }
        }
      }
      return await group.reduce(into: []) { if let problem = $1 { $0.append(problem) } }
    }
    let joined = ContinuousClock.now - start
    if let reason = problems.first {
      emit(
        line("converge").adding("ok", false).adding("join_s", joined.seconds).adding("joined", nodes.count - 1 - problems.count)
          .adding("reason", reason).adding("failures", failures))
      findings.expect(false, orFailed: "\(problems.count) of \(nodes.count - 1) nodes did not join: \(reason)")
      return false
    }
    let converged = try await allSeeAll(within: .seconds(120)) ? ContinuousClock.now - start : nil
    let pairs = nodes.count * (nodes.count - 1) / 2
    let handshakes = try await total("handshakes_completed")
    let (refused, connections) = try await (totalRefused(), total("connections"))
    let suspicions = try await total("suspicions")
    let dials = try await total("handshakes_started")
    emit(
      line("converge")
        .adding("ok", converged != nil).adding("join_s", joined.seconds)
        .adding("converge_s", (converged ?? .seconds(120)).seconds)
        .adding("cpu_s", ProcessUsage.cpuSeconds - cpu).adding("handshakes", handshakes)
        .adding("connections", connections).adding("handshakes_per_pair", Double(handshakes) / Double(pairs))
        .adding("handshakes_per_connected_pair", Double(handshakes) / Double(max(1, connections / 2)))
        .adding("dials_per_s", Double(dials) / (converged ?? .seconds(120)).seconds).adding("refused", refused)
        .adding("lateness_s", try await lateness().seconds).adding("suspicions", suspicions).adding("failures", failures))
    findings.expect(converged != nil, orFailed: "not every node saw all others within 120 s")
    findings.bound((converged ?? .seconds(120)) <= .seconds(15), "converged within 15 s")
    findings.bound(suspicions == 0, "no suspicion")
    findings.bound(refused == 0, "no handshake refused")
    return true
  }

  /// What a cluster costs when nothing happens.
  func idle(seconds: Int) async throws {
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
        .adding("handshakes_while_idle", handshakes - before)
        .adding("handshakes_per_node_s", Double(handshakes - before) / elapsed / Double(nodes.count)).adding("suspicions_while_idle", later)
        .adding("refused_while_idle", laterRefused).adding("lateness_s", try await lateness().seconds).adding("failures", failures))
    findings.bound(Double(handshakes) <= 1.3 * Double(pairs), "at most 1.3 handshakes per pair")
    findings.bound(laterRefused == 0, "none refused while idle")
    findings.bound(later == 0, "no suspicion while idle")
  }

  /// How long one event takes to reach all nodes. An event that gossip has not brought within twenty seconds is late. The exchanges of state bring it
  /// in the next minutes, or it is lost.
  func events(count: Int, interval: Duration) async throws {
    var latencies: [Double] = []
    var late = 0
    let first = counters.map(\.users)
    let (handshakes, began) = (try await total("handshakes_completed"), ContinuousClock.now)
    for index in 0..<count {
      try await Task.sleep(until: began + interval * index)
      let before = counters.map(\.users)
      let start = ContinuousClock.now
      try await nodes[index % nodes.count].userEvent("bench-\(index)", payload: Array("payload".utf8), coalesce: false)
      let done = try await wait(upTo: .seconds(20)) { zip(self.counters, before).allSatisfy { $0.users > $1 } }
      if done == nil { late += 1 }
      latencies.append((ContinuousClock.now - start).seconds)
    }
    let elapsed = (ContinuousClock.now - began).seconds
    let met = try await total("handshakes_completed") - handshakes
    _ = try await wait(upTo: .seconds(late > 0 ? 180 : 5)) { zip(self.counters, first).allSatisfy { $0.users - $1 >= count } }
    let lost = zip(counters, first).reduce(0) { $0 + max(0, count - ($1.0.users - $1.1)) }
    emit(
      line("event")
        .adding("ok", lost == 0).adding("count", count).adding("all_nodes_p50_s", latencies.median)
        .adding("all_nodes_max_s", latencies.max() ?? 0).adding("late", late).adding("lost", lost)
        .adding("handshakes_per_node_s", Double(met) / elapsed / Double(nodes.count))
        .adding("failures", failures))
    findings.expect(lost == 0, orFailed: "\(lost) events did not arrive")
  }

  /// How long the join of a newcomer takes.
  func joins(count: Int) async throws {
    let seed = try await nodes[0].localAddress().description
    var times: [Double] = []
    for _ in 0..<count {
      let node = try addNode()
      try await node.start()
      let start = ContinuousClock.now
      guard let joined = try? await node.join([seed]), joined > 0 else { continue }
      times.append((ContinuousClock.now - start).seconds)
    }
    emit(
      line("join")
        .adding("ok", times.count == count).adding("count", count).adding("joined", times.count).adding("join_p50_s", times.median)
        .adding("join_max_s", times.max() ?? 0).adding("suspicions", try await total("suspicions")).adding("failures", failures))
    findings.expect(times.count == count, orFailed: "\(count - times.count) of \(count) nodes did not join")
  }

  /// How long it takes until a crash is known.
  func fail(count: Int) async throws {
    var firsts: [Double] = []
    var alls: [Double] = []
    var isKnown = true
    for _ in 0..<count {
      let start = ContinuousClock.now
      await nodes.removeLast().shutdown()
      counters.removeLast().close()
      var first: Duration?
      let areAllAware = try await wait(upTo: .seconds(120)) {
        let seen = try await self.seeing(self.nodes.count)
        if seen > 0, first == nil { first = ContinuousClock.now - start }
        return seen == self.nodes.count
      }
      // Both count from the moment before the crash, so that the time of the first is never longer than that of all.
      let all = ContinuousClock.now - start
      isKnown = isKnown && areAllAware != nil
      firsts.append((first ?? all).seconds)
      alls.append(all.seconds)
    }
    emit(
      line("fail").adding("ok", isKnown).adding("count", count)
        .adding("first_detect_s", firsts.median).adding("all_detect_s", alls.median).adding("all_detect_max_s", alls.max() ?? 0))
    findings.expect(isKnown, orFailed: "not every node noticed a crash within 120 s")
  }

  func shutdown() async {
    for node in nodes { await node.shutdown() }
  }

  func close() {
    for counter in counters { counter.close() }
  }

  // MARK: Private parts

  private func line(_ scenario: String) -> JSONLine { conditions.line(scenario) }

  /// Prints a line as soon as it is known, also into a pipe.
  private func emit(_ line: JSONLine) {
    print(line)
    ProcessUsage.flush()
  }

  /// Whether all nodes see all others alive in time. It asks one node at a time, and all nodes again when the last one does, so that the questions
  /// cost the nodes almost nothing.
  private func allSeeAll(within limit: Duration) async throws -> Bool {
    let end = ContinuousClock.now + limit
    for node in nodes + nodes {
      let left = max(.zero, end - .now)
      guard try await wait(upTo: left, until: { try await self.aliveCount(at: node) == self.nodes.count }) != nil else { return false }
    }
    return true
  }

  /// How many nodes see exactly `count` members alive.
  private func seeing(_ count: Int) async throws -> Int {
    var seen = 0
    for node in nodes where try await aliveCount(at: node) == count { seen += 1 }
    return seen
  }

  private func aliveCount(at node: SerfNode) async throws -> Int { try await node.members().count { $0.status == .alive } }

  /// The latest node's lateness.
  private func lateness() async throws -> Duration {
    var latest = Duration.zero
    for node in nodes { latest = max(latest, try await node.statistics().lateness) }
    return latest
  }

  /// How often a node has seen another fail.
  private var failures: Int { counters.reduce(0) { $0 + $1.failures } }

  private func totalRefused() async throws -> Int { try await total("certificates_refused") + total("refused_for_load") }

  /// The sum of one figure over all nodes; a transport without it counts as 0.
  private func total(_ key: String) async throws -> Int {
    var sum = 0
    for node in nodes { sum += Int(try await node.statistics()[key] ?? 0) }
    return sum
  }

  private func wait(upTo limit: Duration, until condition: () async throws -> Bool) async throws -> Duration? {
    let start = ContinuousClock.now
    while true {
      if try await condition() { return ContinuousClock.now - start }
      guard ContinuousClock.now - start < limit else { return nil }
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}

/// Counts the events that one node sees.
private final class EventCount: Sendable {
  private let events: SerfSubscription<SerfEvent>
  private let userEvents = Counter()
  private let failedMembers = Counter()

  init(_ events: SerfSubscription<SerfEvent>) {
    self.events = events
    Task { [userEvents, failedMembers] in
      for await event in events {
        switch event {
        case .user: userEvents.increment()
        case .query: break
        case .member(let change) where change.kind == .failed: for _ in change.members { failedMembers.increment() }
        case .member: break
        }
      }
    }
  }

  var users: Int { userEvents.value }
  var failures: Int { failedMembers.value }
  func close() { events.cancel() }
}

extension [Double] {
  /// The middle value, or the lower of the two middle ones; 0 if there are none.
  fileprivate var median: Double { isEmpty ? 0 : sorted()[(count - 1) / 2] }
}
