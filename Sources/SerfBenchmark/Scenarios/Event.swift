import Serf

extension BenchCluster {
  /// How long one event takes to reach all nodes. They are sent one at a time, from changing nodes: the next when the last is everywhere, and after
  /// 10 s at the latest.
  func events(count: Int, interval: Duration) async throws {
    let first = board.expect(count, at: nodes.count)
    let (handshakes, began) = (try await total("handshakes_completed"), ContinuousClock.now)
    var sent: [ContinuousClock.Instant] = []
    var late = 0
    for index in 0..<count {
      try await Task.sleep(until: began + interval * index)
      sent.append(.now)
      try await nodes[index % nodes.count].userEvent(Receiver.name(first + index), payload: "payload".utf8, coalesce: false)
      if try await !wait(upTo: Self.eventLimit, until: { self.board.nodes(with: first + index) == self.nodes.count }) { late += 1 }
    }
    let elapsed = (ContinuousClock.now - began).seconds
    let met = try await total("handshakes_completed") - handshakes
    _ = try await wait(upTo: Self.eventLimit) { self.board.deliveries == count * self.nodes.count }
    let batch = board.batch
    let lost = count * nodes.count - batch.moments.count
    let latencies = zip(batch.arrivals, sent).compactMap { arrival, sent in arrival.last.map { ($0 - sent).seconds } }
    line("event")
      .adding("ok", lost == 0).adding("count", count).adding("all_nodes_p50_s", latencies.median)
      .adding("all_nodes_max_s", latencies.max() ?? 0).adding("late", late).adding("lost", lost)
      .adding("duplicates", batch.duplicates).adding("receiver_lost", dropped)
      .adding("handshakes_per_node_s", Double(met) / elapsed / Double(nodes.count))
      .adding("failures", failures).emit()
    findings.expect(lost == 0, orFailed: "\(lost) events did not arrive")
  }

  /// What has not come by then, after the last event was sent, is missing.
  static var eventLimit: Duration { .seconds(10) }
}
