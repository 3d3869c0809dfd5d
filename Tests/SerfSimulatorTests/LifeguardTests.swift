import Memberlist
import SerfPrimitives
import SerfSimulator
import Testing

/// The figures of the Lifeguard paper (arXiv 1707.00788) and what follows from its formulas, on 128 members.
@Suite struct LifeguardTests {
  @Test("with α = 5 a crash among 128 is known everywhere after about 12 seconds")
  func detection() {
    var configuration = MembershipConfiguration.lan
    configuration.suspicion.multiplier = 5
    let cluster = GossipCluster(seed: 31, configuration)
    cluster.start(128)
    #expect(cluster.network.run(within: .seconds(30)) { cluster.agree(cluster.nodes, alive: 0..<128) })
    cluster.network.run(for: .seconds(15))
    let crashed = cluster.network.now
    cluster.network.crash(cluster.nodes[77], silently: true)
    let survivors = cluster.nodes.filter { $0 != cluster.nodes[77] }
    func someoneKnows() -> Bool { survivors.contains { cluster.view($0, of: 77)?.state == .dead } }
    #expect(cluster.network.run(within: .seconds(40)) { someoneKnows() })
    let first = cluster.network.now - crashed
    #expect(cluster.network.run(within: .seconds(5)) { survivors.allSatisfy { cluster.view($0, of: 77)?.state == .dead } })
    // 5 · log10 128 = 10.535 s at least after the first failed probe, which takes 1 s and begins within a few periods.
    #expect(first >= .milliseconds(11_535) && first <= .milliseconds(16_000), "first \(first)")
  }

  @Test("four members that stand still for seconds at a time get no healthy one declared dead")
  func slowMembers() {
    let cluster = GossipCluster(seed: 32)
    cluster.start(32)
    cluster.network.run(for: .seconds(30))
    var deaths = 0
    let slow = [3, 9, 17, 25]
    for round in 0..<10 {
      for index in slow { cluster.network.pause(cluster.nodes[index]) }
      cluster.network.run(for: .milliseconds(3_000 + 100 * Int64(round)))
      for index in slow { cluster.network.resume(cluster.nodes[index]) }
      cluster.network.run(for: .seconds(1))
    }
    cluster.network.run(for: .seconds(60))
    for node in cluster.nodes {
      deaths +=
        cluster.network.reports(of: node).filter {
          if case .left(let member) = $0.report.output { !slow.contains { GossipCluster.name($0) == member.name } } else { false }
        }.count
    }
    #expect(deaths == 0)
    #expect(cluster.agree(cluster.nodes, alive: 0..<32))
  }
}
