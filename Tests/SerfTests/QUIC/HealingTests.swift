#if QUIC
  import Serf
  import SerfCore
  import SerfPrimitives
  import SerfTestSupport
  import Testing

  /// Whole nodes over QUIC whose cluster has come apart for longer than they remember each other.
  @Suite("over QUIC, a cluster that has come apart") struct HealingTests {
    private static let halves: [[NodeName]] = [["n1", "n2"], ["n3", "n4"]]
    private static let interval = Duration.seconds(5)

    /// Four nodes that know each other, then cut in two until each half has forgotten the other.
    private func cluster(seed: UInt64) throws -> EmbeddedCluster {
      let cluster = try EmbeddedCluster(seed: seed)
      for (index, name) in Self.halves.joined().enumerated() {
        let node = try cluster.start(name, port: 7_001 + UInt16(index), profile: .local) {
          $0.reaping.interval = .seconds(1)
          $0.reaping.failedTimeout = .seconds(20)
          $0.reconnecting.interval = Self.interval
        }
        if node !== cluster.nodes[0] { node.join(cluster.nodes[0].address) }
      }
      try #require(cluster.converge(on: Self.halves.flatMap { $0 }, within: .seconds(15)))
      cluster.network.admits = { _, source, destination in (source.port < 7_003) == (destination.port < 7_003) }
      try #require(cluster.network.advance(upTo: .seconds(90)) { areForgotten(cluster) })
      return cluster
    }

    private func areForgotten(_ cluster: EmbeddedCluster) -> Bool {
      cluster.nodes.allSatisfy { node in Self.halves.contains(node.driver.members.map(\.name)) && node.counter("remembered") == 2 }
    }

    @Test("is one again within two reconnect intervals", arguments: [1, 2])
    func heals(seed: UInt64) throws {
      let cluster = try cluster(seed: seed)
      cluster.network.admits = nil
      #expect(cluster.converge(on: Self.halves.flatMap { $0 }, within: Self.interval * 2))
      #expect(cluster.nodes.contains { $0.counter("cluster_heals") > 0 })
      #expect(cluster.nodes.contains { $0.lines.contains("info", "found another part of the cluster through n") })
    }

    @Test("takes in no other node at an address that a member had")
    func reused() throws {
      let cluster = try cluster(seed: 3)
      for node in cluster.nodes.suffix(2) { cluster.kill(node) }
      cluster.network.admits = nil
      let strangers = try [7_003, 7_004].map { try cluster.start(NodeName("x\($0)"), port: UInt16($0), profile: .local) }
      cluster.network.advance(by: Self.interval * 6)
      for node in cluster.nodes.prefix(2) { #expect(node.driver.members.map(\.name) == Self.halves[0]) }
      for node in strangers { #expect(node.driver.members.map(\.name) == [node.name]) }
      #expect(cluster.nodes.prefix(2).allSatisfy { $0.counter("addresses_reused") > 0 })
    }
  }
#endif
