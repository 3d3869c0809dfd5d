import Serf

extension BenchCluster {
  /// How long it takes until a crash is known. Each crash is that of one more member, in a process of its own, which SIGKILL ends.
  func fail(count: Int) async throws {
    let seed = try await nodes[0].localAddress().description
    var firsts: [Double] = []
    var alls: [Double] = []
    var unknown = 0
    for index in 0..<count {
      let name = "victim-\(index)"
      let victim = try await ChildMember.start(name, factory.papers(name), seed: seed, conditions)
      // All know it, and the traffic of its join is over.
      let isKnown = try await wait(upTo: .seconds(60)) { self.board.receivers(seeing: name) == self.nodes.count }
      if isKnown { try await Task.sleep(for: .seconds(2)) }
      let crash = victim.kill()
      let areAllAware = try await wait(upTo: .seconds(120)) { self.board.failures(of: name).count == self.nodes.count }
      let noticed = board.failures(of: name)
      if !areAllAware { unknown += 1 }
      guard let first = noticed.min(), let last = noticed.max() else { continue }
      firsts.append((first - crash).seconds)
      alls.append((last - crash).seconds)
    }
    line("fail").adding("ok", unknown == 0).adding("count", count)
      .adding("first_detect_s", firsts.median).adding("all_detect_s", alls.median).adding("all_detect_max_s", alls.max() ?? 0).emit()
    findings.expect(unknown == 0, orFailed: "not every node noticed a crash within 120 s")
  }
}
