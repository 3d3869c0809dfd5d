import Serf

extension BenchCluster {
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
    line("join")
      .adding("ok", times.count == count).adding("count", count).adding("joined", times.count).adding("join_p50_s", times.median)
      .adding("join_max_s", times.max() ?? 0).adding("suspicions", try await total("suspicions")).adding("failures", failures).emit()
    findings.expect(times.count == count, orFailed: "\(count - times.count) of \(count) nodes did not join")
  }
}
