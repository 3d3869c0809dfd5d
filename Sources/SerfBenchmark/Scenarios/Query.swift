import Serf

extension BenchCluster {
  /// How long it takes until all nodes have answered a query, the asker included. One at a time, from changing nodes.
  func queries(count: Int) async throws {
    var latencies: [Double] = []
    var (answers, unanswered) = (0, 0)
    var options = SerfQuery.Options()
    options.timeout = .seconds(15)
    let cpu = ProcessUsage.cpuSeconds
    for index in 0..<count {
      let sent = ContinuousClock.now
      var last: ContinuousClock.Instant?
      var got = 0
      for try await _ in try await nodes[index % nodes.count].query("bench-\(index)", payload: "q".utf8, options: options) {
        last = .now
        got += 1
        if got == nodes.count { break }
      }
      answers += got
      if got < nodes.count { unanswered += 1 }
      if let last { latencies.append((last - sent).seconds) }
    }
    let expected = count * nodes.count
    line("query")
      .adding("ok", unanswered == 0).adding("count", count).adding("all_answers_p50_s", latencies.median)
      .adding("all_answers_max_s", latencies.max() ?? 0).adding("answers", answers).adding("expected", expected)
      .adding("unanswered", unanswered).adding("cpu_us_per_answer", 1e6 * (ProcessUsage.cpuSeconds - cpu) / Double(max(1, answers)))
      .adding("receiver_lost", dropped).adding("failures", failures).emit()
    findings.expect(unanswered == 0, orFailed: "\(unanswered) queries were not answered by all, \(expected - answers) answers are missing")
  }
}
