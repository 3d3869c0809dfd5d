#if QUIC
  import Serf
  import SerfIdentity
  import SerfPrimitives
  import SerfTestSupport
  import Testing

  /// A peer without a proper certificate achieves nothing, however early it sends (`secure-transport.md` 1.1–1.3, 1.8).
  @Suite struct StrangerTests {
    private static let marker = "q7marker"
    private static let mallory: NodeName = "mallory"

    /// What a member would send first: that it is alive, with a tag, and an event.
    private static func greeting(from adversary: Adversary) -> [Adversary.Move] {
      let tags = ["marker": marker]
      return [
        .packet(Forgery.alive(mallory, at: adversary.address, tags: tags)),
        .packet(Forgery.userEvent(marker, at: 5)),
        .exchange(Forgery.pushPull([.init(name: mallory, address: adversary.address, tags: tags)])),
      ]
    }

    @Test("is turned away, counted and named in the log, and nothing that it sends arrives anywhere", arguments: Stranger.all)
    func turnedAway(stranger: Stranger) async throws {
      let cluster = try EmbeddedCluster.trio(seed: 11)
      let victim = cluster.nodes[0]
      let before = victim.counter(stranger.counter)
      let credentials = try Credentials(
        impostor: stranger.certificate(cluster.authority), calling: Self.mallory, authorities: cluster.authority.certificatePEM)
      let adversary = Adversary(credentials, applicationProtocol: stranger.applicationProtocol, on: cluster.network)
      adversary.attack(victim.address, with: Self.greeting(from: adversary))
      #expect(cluster.network.advance(upTo: .seconds(12)) { adversary.end != nil })
      cluster.network.advance(by: .seconds(10))

      // It did send: its own side of the handshake was done. With another protocol not even that happens.
      #expect(adversary.isEstablished == (stranger.applicationProtocol == "serf/1"))
      #expect(!adversary.isConfirmed)
      #expect(adversary.received.isEmpty)
      #expect(victim.counter(stranger.counter) == before + 1)
      #expect(
        victim.lines.entries.contains {
          $0.text.contains("turned away") && $0.metadata["serf.address"] != nil
            && $0.metadata["serf.reason"]?.contains(stranger.reason) == true
        })
      #expect(victim.lines.contains("turned away", stranger.reason), "\(victim.lines.lines.filter { $0.contains("turned away") })")
      for node in cluster.nodes { #expect(node.member(Self.mallory) == nil) }
      await cluster.expectUnharmed(without: Self.marker)
    }

    @Test("cannot fill a log with another false name at every try")
    func manyNames() async throws {
      let cluster = try EmbeddedCluster.trio(seed: 13)
      let victim = cluster.nodes[0]
      for other in ["one", "two", "three"] {
        let credentials = try Credentials(
          impostor: cluster.authority.issue(node: "mallory", cluster: other), calling: Self.mallory,
          authorities: cluster.authority.certificatePEM)
        let adversary = Adversary(credentials, on: cluster.network)
        adversary.attack(victim.address, with: [])
        #expect(cluster.network.advance(upTo: .seconds(2)) { adversary.end != nil })
      }
      #expect(victim.counter("certificates_refused") == 3)
      #expect(victim.lines.lines.filter { $0.contains("turned away") && $0.contains("of another cluster") }.count == 1)
    }

    @Test("is refused as a server likewise: a join does not reach it, and it is told nothing", arguments: Stranger.all.filter(\.isServer))
    func refusedAsServer(stranger: Stranger) async throws {
      let cluster = try EmbeddedCluster.trio(seed: 12)
      let victim = cluster.nodes[0]
      let credentials = try Credentials(
        impostor: stranger.certificate(cluster.authority), calling: Self.mallory, authorities: cluster.authority.certificatePEM)
      let adversary = Adversary(credentials, on: cluster.network)
      adversary.answer = Forgery.pushPull([.init(name: Self.mallory, address: adversary.address, tags: ["marker": Self.marker])])
      let join = victim.join(adversary.address)
      #expect(cluster.network.advance(upTo: .seconds(15)) { join.failures != nil })
      cluster.network.advance(by: .seconds(5))

      #expect(!join.succeeded)
      #expect(adversary.received.isEmpty)
      #expect(victim.counter("certificates_refused") == 1)
      #expect(victim.lines.contains("cannot reach a member at", stranger.reason), "\(victim.lines.lines.suffix(5))")
      for node in cluster.nodes { #expect(node.member(Self.mallory) == nil) }
      await cluster.expectUnharmed(without: Self.marker)
    }

    @Test("with a proper certificate is none: what it sends reaches all nodes")
    func control() throws {
      let cluster = try EmbeddedCluster.trio(seed: 11)
      let adversary = Adversary(try cluster.credentials(Self.mallory), on: cluster.network)
      adversary.attack(cluster.nodes[0].address, with: Self.greeting(from: adversary))
      #expect(
        cluster.network.advance(upTo: .seconds(5)) {
          cluster.nodes.allSatisfy { $0.member(Self.mallory)?.tags["marker"] == Self.marker }
        })
      #expect(adversary.isConfirmed)
      #expect(!adversary.received.isEmpty)
      #expect(cluster.nodes.allSatisfy { $0.counter("certificates_refused") == 0 })
    }
  }
#endif
