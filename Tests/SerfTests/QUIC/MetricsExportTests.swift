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

    @Test("the time until a probe is answered, for each probe")
    func roundTrip() throws {
      let cluster = try EmbeddedCluster(seed: 3)
      (cluster.network.latency, cluster.network.jitter) = (.milliseconds(2), .zero)
      let (a, b) = (try cluster.start("n1"), try cluster.start("n2"))
      b.join(a.address)
      #expect(cluster.converge(on: ["n1", "n2"], within: .seconds(15)))
      // A member that has just joined is not probed for ten intervals.
      cluster.network.advance(by: .seconds(20))
      let (before, probes) = (try #require(a.metrics.times("serf.probe.round_trip")).count, a.counter("probes"))
      cluster.network.advance(by: .seconds(10))
      let times = try #require(a.metrics.times("serf.probe.round_trip")).dropFirst(before)
      #expect(times.count >= 5 && abs(times.count - (a.counter("probes") - probes)) <= 1, "\(a.counter("probes") - probes) probes")
      #expect(times.allSatisfy { (4_000_000..<5_000_000).contains($0) }, "\(times)")
    }
  }
#endif
