#if QUIC
  import Memberlist
  import Serf
  import SerfCore
  import SerfIdentity
  import SerfPrimitives
  import SerfTestSupport
  import Testing

  /// Nodes that are killed without a leave and come back, and processes that claim a name in use.
  @Suite struct RestartTests {
    private static let names: [NodeName] = ["n1", "n2", "n3", "n4", "n5"]
    private let mortal: NodeName = "n5"

    private func cluster(seed: UInt64) throws -> EmbeddedCluster {
      let cluster = try EmbeddedCluster(seed: seed)
      for name in Self.names {
        let node = try cluster.start(name) { $0.userEvents.bufferSize = 4096 }
        if node !== cluster.nodes[0] { node.join(cluster.nodes[0].address) }
      }
      try #require(cluster.converge(on: Self.names, within: .seconds(15)))
      return cluster
    }

    @Test("killed and restarted 20 times on the same port, a node is alive everywhere within 5 s")
    func samePort() async throws { try await restart(onSamePort: true, within: .seconds(5)) }

    @Test("killed and restarted 20 times, each time on another port, a node is alive there everywhere within 10 s")
    func otherPort() async throws { try await restart(onSamePort: false, within: .seconds(10)) }

    private func restart(onSamePort: Bool, within limit: Duration) async throws {
      let cluster = try cluster(seed: onSamePort ? 1 : 2)
      let survivors = cluster.nodes.filter { $0.name != mortal }
      let stream = EventStream(every: .milliseconds(200))
      let journal = Journal()
      for round in 1...20 {
        let old = try #require(cluster.nodes.first { $0.name == mortal })
        await journal.read(cluster.nodes)
        cluster.kill(old)
        // Down for 50 ms to 3 s: sometimes no member has noticed, sometimes it is being suspected.
        stream.run(on: cluster.network, for: .milliseconds(50 + 155 * (round % 20)), from: { survivors })
        // Every life has its own tag.
        let life = ["life": "\(round)"]
        let new = try cluster.start(mortal, port: onSamePort ? old.address.port : 0, credentials: old.credentials) {
          $0.tags = life
          $0.userEvents.bufferSize = 4096
        }
        new.join(survivors[round % survivors.count].address)
        let isBack = stream.run(on: cluster.network, for: limit, from: { survivors }) {
          cluster.nodes.allSatisfy { $0.names(.alive) == Self.names && $0.member(mortal)?.address == new.address }
        }
        #expect(isBack, "round \(round)")
        // All members have to notice: a push/pull tells those that the gossip of its return has missed.
        let isKnown = stream.run(on: cluster.network, for: .seconds(45), from: { survivors }) {
          cluster.nodes.allSatisfy { $0.member(mortal)?.tags == life }
        }
        #expect(isKnown, "round \(round)")
        // Events reach it as they reach all members: more than one, besides the five joins.
        let isServed = stream.run(on: cluster.network, for: .seconds(5), from: { survivors }, until: { new.events.waiting > 6 })
        #expect(isServed, "round \(round)")
      }
      #expect(await journal.settle(cluster, survivors.map(\.name), stream.sent, within: .seconds(120)) != nil)
      #expect(journal.haveSeen(stream.sent, survivors.map(\.name)))
      #expect(journal.all(.failed) == [])
    }

    @Test("a second process with the certificate of a living node is refused, and the first is never suspected")
    func secondProcess() async throws {
      let cluster = try cluster(seed: 3)
      let first = try #require(cluster.nodes.first { $0.name == mortal })
      let members = cluster.nodes
      let before = cluster.suspicions
      let journal = Journal()
      await journal.read(members)
      let second = try cluster.start(mortal, credentials: first.credentials)
      let stream = EventStream(every: .milliseconds(200))
      // It tries again and again, each time through another member, as -retry-join does.
      for round in 0..<12 {
        second.join(members[round % members.count].address)
        stream.run(on: cluster.network, for: .seconds(5), from: { members })
        for node in members {
          #expect(node.names(.alive) == Self.names, "round \(round): \(node.name)")
          #expect(node.member(mortal)?.address == first.address, "round \(round): \(node.name)")
        }
      }
      #expect(second.lines.contains("error", "Another process runs with our certificate"))
      #expect(members.map { $0.counter("suspicions") }.reduce(0, +) == before)
      cluster.kill(second)
      #expect(await journal.settle(cluster, Self.names, stream.sent, within: .seconds(120)) != nil)
      #expect(journal.all(.failed) == [])
      #expect(journal.all(.leave) == [])
      #expect(journal.haveSeen(stream.sent, Self.names))
    }
  }
#endif
