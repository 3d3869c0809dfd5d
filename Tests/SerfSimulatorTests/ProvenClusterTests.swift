import Memberlist
import SerfPrimitives
import SerfSimulator
import Testing

/// Clusters on connections that prove names: restarts, duplicates, connections that swallow (`secure-transport.md` 1.6 and 2).
@Suite struct ProvenClusterTests {
  @Test("a connection that swallows everything while new dials pass makes no member suspected")
  func stalledConnection() {
    let cluster = GossipCluster(seed: 21, provesNames: true)
    cluster.start(5)
    cluster.network.run(for: .seconds(10))
    let handshakes = cluster.network.counters.handshakes
    for other in cluster.nodes.dropFirst() { cluster.network.stallConnections(between: cluster.nodes[0], and: other) }
    cluster.network.run(for: .seconds(120))
    #expect(cluster.network.counters.handshakes > handshakes, "the second ping of a probe goes on a fresh connection")
    for node in cluster.nodes {
      #expect(cluster.counters(node).suspicions == 0)
      let lastResorts = cluster.network.reports(of: node).filter {
        if case .diagnostic(.onlyReliablyReachable) = $0.report.output { true } else { false }
      }
      #expect(lastResorts.isEmpty, "not the reliable ping, which would come much later")
    }
    #expect(cluster.agree(cluster.nodes, alive: 0..<5))
  }

  @Test("killed and started again at once, again and again: alive at the right address within seconds", arguments: [true, false])
  func restarts(samePort: Bool) {
    let cluster = GossipCluster(seed: samePort ? 22 : 23, provesNames: true)
    cluster.start(5)
    cluster.network.run(for: .seconds(10))
    let others = Array(cluster.nodes[..<4])
    var current = cluster.nodes[4]
    for round in 1...20 as ClosedRange<UInt16> {
      cluster.network.crash(current)
      let port = samePort ? 7946 : 8000 + round
      current = cluster.start(index: 4, port: port)
      cluster.join(current, cluster.nodes[0])
      let isAgreed = cluster.network.run(within: .seconds(samePort ? 5 : 10)) {
        (others + [current]).allSatisfy { node in
          let view = cluster.view(node, of: 4)
          return view?.state == .alive && view?.address.port == port
        }
          && cluster.agree(others + [current], alive: 0..<5)
      }
      #expect(isAgreed, "round \(round)")
      // A pause, of another length in each round.
      cluster.network.run(for: .milliseconds(Int64(round) * 137))
    }
    for node in others { #expect(cluster.counters(node).conflicts == 0) }
  }

  @Test("a second process of one name is refused, and the first is never suspected")
  func duplicate() {
    let cluster = GossipCluster(seed: 24, provesNames: true)
    cluster.start(5)
    cluster.network.run(for: .seconds(10))
    let rival = cluster.start(index: 2, port: 9999)
    cluster.join(rival, cluster.nodes[0])
    cluster.network.run(for: .seconds(60))
    for node in cluster.nodes[..<5] where node != cluster.nodes[2] {
      #expect(cluster.view(node, of: 2)?.address == GossipCluster.address(2))
      #expect(cluster.view(node, of: 2)?.state == .alive)
      #expect(cluster.counters(node).suspicions == 0)
    }
    #expect(
      cluster.network.reports(of: rival).contains { if case .nameRefused = $0.report.output { true } else { false } },
      "the second is told why")
    #expect(cluster.counters(cluster.nodes[0]).conflicts > 0)
  }

  @Test("fifty started together find each other, whatever the seed", arguments: 0..<8 as Range<UInt64>)
  func fiftyTogether(seed: UInt64) {
    let cluster = GossipCluster(seed: seed, provesNames: seed.isMultiple(of: 2))
    cluster.start(50)
    #expect(cluster.network.run(within: .seconds(8)) { cluster.agree(cluster.nodes, alive: 0..<50) })
  }

  @Test("fifty started together need few handshakes, and then no more dials")
  func fifty() {
    let cluster = GossipCluster(seed: 25, provesNames: true)
    cluster.start(50)
    cluster.network.run(for: .seconds(120))
    let handshakes = cluster.network.counters.handshakes
    #expect(handshakes <= 50 * 49 / 2 * 13 / 10)
    for node in cluster.nodes { #expect(cluster.counters(node).suspicions == 0) }
    cluster.network.run(for: .seconds(60))
    #expect(cluster.network.counters.handshakes - handshakes <= 50)
  }

  @Test("all but lost for long, then back: dead everywhere, and alive again when it is reached")
  func longLoss() {
    let cluster = GossipCluster(seed: 26, provesNames: true)
    cluster.start(5)
    cluster.network.run(for: .seconds(10))
    cluster.network.setLoss(1, at: cluster.nodes[3])
    let others = cluster.nodes.filter { $0 != cluster.nodes[3] }
    #expect(cluster.network.run(within: .seconds(60)) { others.allSatisfy { cluster.view($0, of: 3)?.state == .dead } })
    cluster.network.run(for: .seconds(10))
    cluster.network.heal()
    #expect(cluster.network.run(within: .seconds(20)) { cluster.agree(cluster.nodes, alive: 0..<5) })
  }
}
