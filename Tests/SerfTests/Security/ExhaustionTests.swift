#if QUIC
  import Serf
  import SerfCore
  import SerfPrimitives
  import SerfQUIC
  import SerfTestSupport
  import SerfTransport
  import SerfWire
  import Testing

  /// One member with a good certificate that uses up all it can: others are not affected (`secure-transport.md` 3.2).
  @Suite struct ExhaustionTests {
    private static let mallory: NodeName = "mallory"

    /// One member with this many connections.
    private func adversaries(
      _ count: Int, in cluster: EmbeddedCluster, _ adjust: (inout QUICConfiguration) -> Void = { _ in }
    ) throws -> [Adversary] {
      let credentials = try cluster.credentials(Self.mallory)
      return (0..<count).map { _ in Adversary(credentials, on: cluster.network, adjust) }
    }

    /// Ten nodes join `node`, one after the other. Returns how long each took.
    private func joins(_ cluster: EmbeddedCluster, to node: VirtualNode, while attack: () -> Void = {}) throws -> [Duration?] {
      try (0..<10).map { number in
        attack()
        let joiner = try cluster.start(NodeName("joiner-\(number)"))
        let outcome = joiner.join(node.address)
        var passed = Duration.zero
        while !outcome.succeeded, passed < .seconds(20) {
          cluster.network.advance(by: .milliseconds(10))
          passed += .milliseconds(10)
        }
        return outcome.succeeded ? passed : nil
      }
    }

    @Test("a member that occupies every stream with half a request keeps no node from joining, and no reliable ping from its answer")
    func occupied() async throws {
      let cluster = try EmbeddedCluster.trio(seed: 17)
      let node = cluster.nodes[0]
      let greedy = try adversaries(4, in: cluster)
      let half = Array(Forgery.pushPull([.init(name: Self.mallory, address: greedy[0].address)]).dropLast())
      for adversary in greedy { adversary.attack(node.address, with: [.occupy(half)]) }
      cluster.network.advance(by: .seconds(2))
      #expect(greedy.map(\.streamsOpened).reduce(0, +) >= 256)
      let times = try joins(cluster, to: node)
      #expect(times.allSatisfy { $0.map { $0 <= .seconds(1) } ?? false }, "\(times)")
      let pinger = Adversary(try cluster.credentials("pinger"), on: cluster.network)
      pinger.attack(node.address, with: [])
      for _ in 0..<10 {
        let before = pinger.received.count
        pinger.go(on: node.address, with: [.exchange(Forgery.ping(of: "n1", as: "pinger"))])
        cluster.network.advance(by: .milliseconds(200))
        #expect(pinger.received.dropFirst(before).contains { $0.first == MessageType.ack.rawValue })
      }
      #expect(node.counter("exchanges_too_many") > 0)
      #expect(
        node.lines.entries.contains {
          $0.text.contains("gave up a request from mallory") && $0.text.contains("too many") && $0.metadata["serf.member"] == "mallory"
            && $0.metadata["serf.reason"] == "too many requests at once"
        })
      #expect(cluster.suspicions == 0)
    }

    @Test("a member that reads no answer makes a node keep no more than its budget, and not for long; others are not affected")
    func unread() async throws {
      let budget = 16 << 10
      let cluster = try EmbeddedCluster.trio(seed: 27) {
        $0.exchanges.bytesInProgress = budget
        // This is before dials of probes replace the silent member's connections, of which it has at most four.
        $0.exchanges.replyDeadline = .seconds(1)
      }
      let node = cluster.nodes[0]
      let deaf = try adversaries(2, in: cluster) { $0.streamWindow = 1 }
      for adversary in deaf { adversary.reads = false }
      let request = Forgery.pushPull([.init(name: Self.mallory, address: deaf[0].address)], isJoin: false)
      for adversary in deaf { adversary.attack(node.address, with: [.everywhere(request)]) }
      var most = 0
      _ = cluster.network.advance(upTo: .milliseconds(500), step: .milliseconds(10)) {
        most = max(most, node.counter("exchanges_bytes_held"))
        return false
      }
      #expect(deaf.map(\.streamsOpened).reduce(0, +) >= 128)
      #expect(most > budget / 2)
      #expect(most <= budget)
      let kept = node.layer.keptStreamBytes
      #expect(kept <= budget + (4 << 10), "what the peers granted is one byte a stream")
      cluster.network.advance(by: .seconds(1))
      #expect(node.counter("exchanges_unread") > 0)
      #expect(node.lines.lines.contains { $0.contains("gave up a request from mallory") && $0.contains("did not read our answer") })
      let times = try joins(cluster, to: node) {
        for adversary in deaf { adversary.go(on: node.address, with: [.everywhere(request)]) }
      }
      #expect(times.allSatisfy { $0.map { $0 <= .seconds(1) } ?? false }, "\(times)")
      cluster.network.advance(by: .seconds(3))
      #expect(node.counter("exchanges_bytes_held") == 0)
      #expect(node.layer.keptStreamBytes == 0)
      #expect(node.counter("exchanges_over_budget") > 0)
      for node in cluster.nodes {
        #expect(!node.lines.lines.contains { $0.contains("EventMemberFailed: n") || $0.contains("EventMemberFailed: joiner") })
      }
    }
  }
#endif
