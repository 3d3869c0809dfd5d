import Serf

extension BenchCluster {
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
      line("converge").adding("ok", false).adding("join_s", joined.seconds).adding("joined", nodes.count - 1 - problems.count)
        .adding("reason", reason).adding("failures", failures).emit()
      findings.expect(false, orFailed: "\(problems.count) of \(nodes.count - 1) nodes did not join: \(reason)")
      return false
    }
    let isConverged = try await wait(upTo: .seconds(120)) { self.board.allSaw(self.nodes.count) != nil }
    let cpuUsed = ProcessUsage.cpuSeconds - cpu
    let converged = isConverged ? board.allSaw(nodes.count).map { $0 - start } : nil
    let handshakes = try await total("handshakes_completed")
    let (refused, connections) = try await (totalRefused(), total("connections"))
    let suspicions = try await total("suspicions")
    let dials = try await total("handshakes_started")
    line("converge")
      .adding("ok", converged != nil).adding("join_s", joined.seconds)
      .adding("converge_s", (converged ?? .seconds(120)).seconds)
      .adding("cpu_s", cpuUsed).adding("handshakes", handshakes)
      .adding("connections", connections).adding("handshakes_per_pair", Double(handshakes) / Double(pairs))
      .adding("handshakes_per_connected_pair", Double(handshakes) / Double(max(1, connections / 2)))
      .adding("dials_per_s", Double(dials) / (converged ?? .seconds(120)).seconds).adding("refused", refused)
      .adding("lateness_s", try await lateness().seconds).adding("suspicions", suspicions).adding("failures", failures).emit()
    findings.expect(converged != nil, orFailed: "not every node saw all others within 120 s")
    findings.bound((converged ?? .seconds(120)) <= .seconds(15), "converged within 15 s")
    findings.bound(suspicions == 0, "no suspicion")
    findings.bound(refused == 0, "no handshake refused")
    return true
  }
}
