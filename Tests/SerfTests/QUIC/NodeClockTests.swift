#if QUIC
  import Memberlist
  import Serf
  import SerfCore
  import SerfIdentity
  import SerfPrimitives
  import SerfTestSupport
  import Testing

  /// A machine's clock is set while its node runs (`secure-transport.md` 3.6). Certificates of the tests hold for 365 days.
  @Suite struct NodeClockTests {
    static let errors: [Duration] = [.days(-20_000), .days(-1), .days(366), .days(4000)]

    @Test("a node that boots with a wrong clock joins as soon as the clock is right, without a restart", arguments: errors)
    func wrongAtStart(error: Duration) throws {
      let cluster = try EmbeddedCluster(seed: 31)
      let a = try cluster.start("a")
      let b = try cluster.start("b", clockError: error)
      let refused = b.join(a.address)
      #expect(cluster.network.advance(upTo: .seconds(30)) { refused.failures != nil })
      #expect(!refused.succeeded)
      #expect(b.lines.contains("cannot reach a member at", "refused the peer's certificate"))
      b.clock.error = .zero
      let joined = b.join(a.address)
      #expect(cluster.network.advance(upTo: .seconds(30)) { joined.failures != nil })
      #expect(joined.succeeded)
      #expect(cluster.converge(on: ["a", "b"], within: .seconds(30)))
    }

    @Test("a member whose clock goes wrong is lost, and back within one recheck after the clock is right", arguments: errors)
    func wrongForAWhile(error: Duration) throws {
      let cluster = try EmbeddedCluster(seed: 32)
      for name in ["a", "b", "c"] as [NodeName] {
        let node = try cluster.start(name)
        if node !== cluster.nodes[0] { node.join(cluster.nodes[0].address) }
      }
      #expect(cluster.converge(on: ["a", "b", "c"], within: .seconds(15)))
      let c = cluster.nodes[2]
      c.clock.error = error
      #expect(cluster.network.advance(upTo: .seconds(100)) { c.names(.alive) == ["c"] && cluster.nodes[0].names(.failed) == ["c"] })
      cluster.network.advance(by: .seconds(60))
      c.clock.error = .zero
      #expect(cluster.converge(on: ["a", "b", "c"], within: .seconds(60)))
    }
  }
#endif
