#if QUIC
  import Memberlist
  import Serf
  import SerfCore
  import SerfPrimitives
  import SerfTestSupport
  import Testing

  /// Whole nodes over QUIC on a network that loses datagrams.
  @Suite struct LossTests {
    private static let names: [NodeName] = ["n1", "n2", "n3", "n4", "n5"]

    /// Five nodes, started one after the other on a network that already loses datagrams, joining through the first.
    private func cluster(
      seed: UInt64, loss: Double = 0, _ adjust: (inout SerfConfiguration) -> Void = { _ in }
    ) throws -> EmbeddedCluster {
      let cluster = try EmbeddedCluster(seed: seed)
      cluster.network.loss = loss
      for name in Self.names {
        let node = try cluster.start(name) {
          $0.userEvents.bufferSize = 4096
          adjust(&$0)
        }
        if node !== cluster.nodes[0] { node.join(cluster.nodes[0].address) }
      }
      try #require(cluster.converge(on: Self.names, within: .seconds(30)))
      return cluster
    }

    /// Sends 20 events a second in total for a minute, then waits until all nodes have them.
    private func live(loss: Double, seed: UInt64) async throws -> Journal {
      let cluster = try cluster(seed: seed, loss: loss)
      let stream = EventStream(every: .milliseconds(50))
      let journal = Journal()
      for _ in 0..<60 {
        stream.run(on: cluster.network, for: .seconds(1), from: { cluster.nodes })
        await journal.read(cluster.nodes)
      }
      #expect(stream.sent.count >= 1200)
      #expect(await journal.settle(cluster, Self.names, stream.sent, within: .seconds(45)) != nil)
      #expect(journal.haveSeen(stream.sent, Self.names))
      #expect(cluster.network.lost > 0)
      return journal
    }

    @Test("at 1 % loss from the start no member fails, and every event reaches every node once", arguments: 1...2 as ClosedRange<UInt64>)
    func onePercent(seed: UInt64) async throws {
      let journal = try await live(loss: 0.01, seed: seed)
      #expect(journal.all(.failed) == [])
    }

    @Test("at 5 % loss from the start every event reaches every node once", arguments: 1...2 as ClosedRange<UInt64>)
    func fivePercent(seed: UInt64) async throws {
      let journal = try await live(loss: 0.05, seed: seed)
      #expect(journal.all(.failed) == [])
    }

    @Test("a node that was cut off until all called it failed, and longer, is alive everywhere within 30 s", arguments: [0.0, 0.01])
    func cutOff(loss: Double) throws {
      let cluster = try cluster(seed: 7, loss: loss) { $0.reconnecting.interval = .seconds(5) }
      let victim = cluster.nodes[2]
      let others = cluster.nodes.filter { $0 !== victim }
      cluster.network.admits = { _, source, destination in source != victim.address && destination != victim.address }
      let failed = cluster.network.advance(upTo: .seconds(90)) {
        others.allSatisfy { $0.names(.failed) == [victim.name] } && victim.names(.alive) == [victim.name]
      }
      #expect(failed)
      cluster.network.advance(by: .seconds(40))
      cluster.network.admits = nil
      #expect(cluster.converge(on: Self.names, within: .seconds(30)))
    }
  }
#endif
