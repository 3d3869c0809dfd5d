import Serf

extension BenchCluster {
  /// How fast many events of one node reach all nodes. They are sent as fast as the node takes them.
  ///
  /// `patience` is how long it waits for what comes late, after the last event was sent.
  func throughput(count: Int, patience: Duration) async throws {
    let flood = try await flood(count: count, patience: patience)
    line("throughput").adding(flood).adding("receiver_lost", dropped).adding("failures", failures).emit()
    findings.expect(flood.missing == 0, orFailed: "\(flood.missing) deliveries were missing 10 s after the last event was sent")
  }

  /// The same, and what it costs on the wire: until nothing of it is sent any more, less what an idle cluster sends in that time.
  ///
  /// It reads the counters of `lo`, so the process has to be alone in its network namespace.
  func wire(count: Int, patience: Duration, idle: Int, tail: Int) async throws {
    let before = try Loopback.now()
    let cpuBefore = ProcessUsage.cpuSeconds
    try await Task.sleep(for: .seconds(idle))
    let quiet = try Loopback.now() - before
    let quietCPU = (ProcessUsage.cpuSeconds - cpuBefore) / quiet.seconds
    let (begin, cpu) = (try Loopback.now(), ProcessUsage.cpuSeconds)
    let flood = try await flood(count: count, patience: patience)
    // Nodes send an event a few times more after everyone has it.
    try await Task.sleep(for: .seconds(tail))
    let used = try Loopback.now() - begin
    let cpuUsed = ProcessUsage.cpuSeconds - cpu
    let delivered = Double(max(1, flood.delivered))
    let bytes = Double(used.bytes) - used.seconds * Double(quiet.bytes) / quiet.seconds
    let packets = Double(used.packets) - used.seconds * Double(quiet.packets) / quiet.seconds
    line("wire").adding(flood)
      .adding("wire_bytes_per_delivery", bytes / delivered).adding("wire_packets_per_delivery", packets / delivered)
      .adding("idle_bytes_per_node_s", Double(quiet.bytes) / quiet.seconds / Double(nodes.count))
      .adding("cpu_us_per_delivery_all", 1e6 * (cpuUsed - used.seconds * quietCPU) / delivered).adding("window_s", used.seconds)
      .adding("receiver_lost", dropped).adding("failures", failures).emit()
    findings.expect(flood.missing == 0, orFailed: "\(flood.missing) deliveries were missing 10 s after the last event was sent")
  }

  private func flood(count: Int, patience: Duration) async throws -> Flood {
    let payload = Array("0123456789abcdef0123456789abcdef".utf8)
    let first = board.expect(count, at: nodes.count)
    let expected = count * nodes.count
    let (cpu, start) = (ProcessUsage.cpuSeconds, ContinuousClock.now)
    for index in first..<(first + count) { try await nodes[0].userEvent(Receiver.name(index), payload: payload, coalesce: false) }
    let sent = ContinuousClock.now
    _ = try await wait(upTo: patience) { self.board.deliveries == expected }
    let cpuUsed = ProcessUsage.cpuSeconds - cpu
    let batch = board.batch
    let times = batch.moments.map { ($0 - start).seconds }.sorted()
    return Flood(
      count: count, expected: expected, sent: (sent - start).seconds, times: times, cpu: cpuUsed,
      missing: expected - times.count { $0 <= (sent - start + Self.eventLimit).seconds }, duplicates: batch.duplicates)
  }
}

/// What came of a flood of events.
private struct Flood {
  var count: Int
  var expected: Int
  /// How long sending took.
  var sent: Double
  /// When each delivery came, in seconds since the first event was sent, sorted.
  var times: [Double]
  var cpu: Double
  /// How many were not there 10 s after the last event was sent.
  var missing: Int
  var duplicates: Int

  var delivered: Int { times.count }
}

extension JSONLine {
  fileprivate func adding(_ flood: Flood) -> JSONLine {
    let last = flood.times.last ?? 0
    let inTime = flood.times.prefix(flood.expected - flood.missing)
    let line = adding("ok", flood.missing == 0).adding("count", flood.count).adding("expected", flood.expected)
      .adding("delivered", flood.delivered).adding("missing_10s", flood.missing).adding("lost", flood.expected - flood.delivered)
      .adding("duplicates", flood.duplicates).adding("sent_s", flood.sent).adding("seconds", last)
      .adding("p50_s", flood.times.median).adding("p99_s", flood.times.isEmpty ? 0 : flood.times[(flood.times.count - 1) * 99 / 100])
      .adding("deliveries_per_s", last > 0 ? Double(flood.delivered) / last : 0)
    let rate = inTime.last.map { Double(inTime.count) / $0 } ?? 0
    return line.adding("deliveries_per_s_10s", rate)
      .adding("cpu_us_per_delivery", 1e6 * flood.cpu / Double(max(1, flood.delivered)))
  }
}
