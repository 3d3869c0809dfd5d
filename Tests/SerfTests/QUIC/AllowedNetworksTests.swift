#if QUIC
  import Serf
  import SerfPrimitives
  import SerfTestSupport
  import SerfTransport
  import Testing

  @Suite struct AllowedNetworksTests {
    @Test("a datagram from outside the allowed networks costs a counter and one warning, and no handshake")
    func outside() throws {
      let cluster = try EmbeddedCluster(seed: 71)
      let blocks = [try #require(CIDRBlock(parsing: "10.0.0.0/8")), try #require(CIDRBlock(parsing: "127.0.0.2/32"))]
      let strict = try cluster.start("strict") { $0.allowedNetworks = AllowedNetworks(blocks) }
      let other = try cluster.start("other")
      let outcome = other.join(strict.address)
      cluster.network.advance(by: .seconds(9))
      #expect(strict.names(.alive) == ["strict"] && other.names(.alive) == ["other"])
      #expect(strict.counter("datagrams_not_allowed") > 1)
      #expect(strict.counter("datagrams_received") == 0)
      #expect(strict.counter("handshakes_started") == 0 && strict.counter("connections") == 0)
      let warnings = strict.lines.lines.filter { $0.contains("allowed networks") }
      #expect(warnings.count == 1)
      #expect(strict.lines.contains("warning", other.address.description, "SerfConfiguration.allowedNetworks"))
      cluster.network.advance(by: .seconds(10))
      #expect(outcome.succeeded == false)
    }

    @Test("members of the allowed networks find each other")
    func inside() throws {
      let cluster = try EmbeddedCluster(seed: 72)
      let loopback = AllowedNetworks([try #require(CIDRBlock(parsing: "127.0.0.0/8"))])
      for name in ["n1", "n2", "n3"] as [NodeName] {
        let node = try cluster.start(name) { $0.allowedNetworks = loopback }
        if node !== cluster.nodes[0] { node.join(cluster.nodes[0].address) }
      }
      #expect(cluster.converge(on: ["n1", "n2", "n3"], within: .seconds(15)))
      for node in cluster.nodes { #expect(node.counter("datagrams_not_allowed") == 0) }
    }
  }
#endif
