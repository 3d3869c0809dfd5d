import Serf

extension BenchCluster {
  /// What a cluster costs when nothing happens.
  func idle(seconds: Int) async throws {
    let (before, suspicions, refused) = try await (total("handshakes_completed"), total("suspicions"), totalRefused())
    let (cpu, start) = (ProcessUsage.cpuSeconds, ContinuousClock.now)
    try await Task.sleep(for: .seconds(seconds))
    let elapsed = (ContinuousClock.now - start).seconds
    let cpuUsed = ProcessUsage.cpuSeconds - cpu
    let (handshakes, connections) = try await (total("handshakes_completed"), total("connections"))
    let later = try await total("suspicions") - suspicions
    let laterRefused = try await totalRefused() - refused
    let resident = ProcessUsage.residentKiB - residentBefore
    line("idle")
      .adding("cpu_ms_per_node_s", 1000 * cpuUsed / elapsed / Double(nodes.count))
      .adding("rss_kib_per_node", Double(resident) / Double(nodes.count))
      .adding("connections", connections)
      .adding("cpu_ms_per_connection_s", 1000 * cpuUsed / elapsed / Double(max(1, connections)))
      .adding("rss_kib_per_connection", Double(resident) / Double(max(1, connections)))
      .adding("handshakes", handshakes).adding("handshakes_per_pair", Double(handshakes) / Double(pairs))
      .adding("handshakes_while_idle", handshakes - before)
      .adding("handshakes_per_node_s", Double(handshakes - before) / elapsed / Double(nodes.count)).adding("suspicions_while_idle", later)
      .adding("refused_while_idle", laterRefused).adding("lateness_s", try await lateness().seconds).adding("failures", failures).emit()
    findings.bound(Double(handshakes) <= 1.3 * Double(pairs), "at most 1.3 handshakes per pair")
    findings.bound(laterRefused == 0, "none refused while idle")
    findings.bound(later == 0, "no suspicion while idle")
  }
}
