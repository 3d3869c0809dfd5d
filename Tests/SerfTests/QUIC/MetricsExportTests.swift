#if QUIC
  import Serf
  import SerfPrimitives
  import SerfTestSupport
  import Testing

  /// When a node's figures go to swift-metrics.
  @Suite struct MetricsExportTests {
    @Test("at every interval, and what happened since then when the node stops")
    func interval() throws {
      let cluster = try EmbeddedCluster(seed: 1)
      let node = try cluster.start("n1") { $0.metricsInterval = .seconds(3) }
      #expect(node.metrics.gauge("serf.members") == 1 && node.metrics.total("serf.transport.datagrams_received") == 0)
      node.userEvent("first")
      cluster.network.advance(by: .milliseconds(2_900))
      #expect(node.metrics.total("serf.events") == 0)
      cluster.network.advance(by: .milliseconds(200))
      #expect(node.metrics.total("serf.events") == 1)
      cluster.network.advance(by: .seconds(6))
      #expect(node.metrics.total("serf.events") == 1)
      node.userEvent("second")
      _ = node.driver.shutdown()
      cluster.network.advance(by: .milliseconds(500))
      #expect(node.metrics.total("serf.events") == 2)
    }

    @Test("only at the start and at the end, with an interval of zero")
    func zero() throws {
      let cluster = try EmbeddedCluster(seed: 2)
      let node = try cluster.start("n1") { $0.metricsInterval = .zero }
      #expect(node.metrics.gauge("serf.members") == 1)
      node.userEvent("first")
      cluster.network.advance(by: .seconds(60))
      #expect(node.metrics.total("serf.events") == 0)
      _ = node.driver.shutdown()
      cluster.network.advance(by: .milliseconds(500))
      #expect(node.metrics.total("serf.events") == 1)
    }
  }
#endif
