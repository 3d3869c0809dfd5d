#if QUIC
  import Memberlist
  import Serf
  import SerfCore
  import SerfPrimitives
  import SerfTestSupport
  import SerfTransport
  import Testing

  /// What must never count as a failure: connections that died unnoticed, were not kept, or were made all at once, and readers that do not read.
  @Suite struct BadPathTests {
    private func names(_ count: Int) -> [NodeName] { (1...count).map { NodeName(String($0 < 10 ? "n0\($0)" : "n\($0)")) } }

    private func cluster(seed: UInt64, nodes: Int, settings: QuicTransport.Settings = .init()) throws -> EmbeddedCluster {
      let cluster = try EmbeddedCluster(seed: seed)
      for name in names(nodes) {
        let node = try cluster.start(name, transport: settings) { $0.userEvents.bufferSize = 4096 }
        if node !== cluster.nodes[0] { node.join(cluster.nodes[0].address) }
      }
      try #require(cluster.converge(on: names(nodes), within: .seconds(15)))
      return cluster
    }

    /// No member was accused since the suspicions were counted.
    private func expectCalm(
      _ cluster: EmbeddedCluster, since suspicions: Int = 0, sourceLocation: SourceLocation = #_sourceLocation
    ) async {
      let journal = Journal()
      await journal.read(cluster.nodes)
      #expect(journal.all(.failed) == [], sourceLocation: sourceLocation)
      #expect(cluster.suspicions == suspicions, sourceLocation: sourceLocation)
    }

    /// Swallows packets of all connections that existed at one moment. Nodes have one socket each, so a connection is recognised by its ID: the eight
    /// bytes at the beginning of each short packet (RFC 9000 section 17.3). New dials pass.
    private final class Swallower {
      private struct Flow: Hashable {
        let destination: NodeAddress
        let id: [UInt8]
      }

      private var seen: Set<Flow> = []
      private var doomed: Set<Flow> = []
      private(set) var swallowed = 0
      private let concerns: (NodeAddress, NodeAddress) -> Bool

      init(_ network: EmbeddedUDP, _ concerns: @escaping (NodeAddress, NodeAddress) -> Bool) {
        self.concerns = concerns
        network.admits = { self.admits($0, $1, $2) }
      }

      /// From now on no packet gets through on the current connections.
      func swallow() { doomed = seen }

      private func admits(_ bytes: [UInt8], _ source: NodeAddress, _ destination: NodeAddress) -> Bool {
        guard concerns(source, destination), bytes[0] & 0x80 == 0, bytes.count > 8 else { return true }
        let flow = Flow(destination: destination, id: Array(bytes[1..<9]))
        seen.insert(flow)
        guard doomed.contains(flow) else { return true }
        swallowed += 1
        return false
      }
    }

    /// Which connections die.
    enum Extent: CaseIterable { case onePair, oneNode, all }

    @Test("connections swallowed every ten seconds while new dials pass cause no suspicion", arguments: Extent.allCases)
    func swallowed(extent: Extent) async throws {
      let cluster = try cluster(seed: 21, nodes: 5)
      let (a, b) = (cluster.nodes[1].address, cluster.nodes[3].address)
      let swallower = Swallower(cluster.network) { source, destination in
        switch extent {
        case .onePair: source == a && destination == b || source == b && destination == a
        case .oneNode: source == a || destination == a
        case .all: true
        }
      }
      let stream = EventStream(every: .milliseconds(200))
      let journal = Journal()
      stream.run(on: cluster.network, for: .seconds(10), from: { cluster.nodes })
      for _ in 0..<6 {
        swallower.swallow()
        stream.run(on: cluster.network, for: .seconds(10), from: { cluster.nodes })
      }
      #expect(swallower.swallowed > 20)
      #expect(await journal.settle(cluster, names(5), stream.sent, within: .seconds(120)) != nil)
      #expect(journal.haveSeen(stream.sent, names(5)))
      #expect(journal.all(.failed) == [])
      #expect(cluster.suspicions == 0)
      for node in cluster.nodes {
        #expect(node.names(.alive) == names(5))
        #expect(node.counter("connections") <= 4 * 4)
      }
    }

    @Test("connections that are closed after two idle seconds, for a minute, are no failure")
    func idleOut() async throws {
      var settings = QuicTransport.Settings()
      settings.idleTime = .seconds(2) ... .seconds(2)
      let cluster = try cluster(seed: 22, nodes: 12, settings: settings)
      let before = cluster.nodes.map { $0.counter("handshakes_completed") }.reduce(0, +)
      cluster.network.advance(by: .seconds(60))
      let dials = cluster.nodes.map { $0.counter("handshakes_completed") }.reduce(0, +) - before
      #expect(dials > 200)
      await expectCalm(cluster)
      for node in cluster.nodes {
        #expect(node.names(.alive) == names(12))
        #expect(node.counter("connections") <= 11)
      }
    }

    @Test("when every node dials every other at once, the cluster forms, with few connections for each pair")
    func allAtOnce() async throws {
      let names = names(12)
      let cluster = try EmbeddedCluster(seed: 23)
      for name in names { try cluster.start(name) }
      for node in cluster.nodes {
        for other in cluster.nodes where other !== node { node.join(other.address) }
      }
      func most() -> Int {
        cluster.nodes.flatMap { node in names.map { node.layer.connectionCount(to: $0) } }.max() ?? 0
      }
      var peak = 0
      let isFormed = cluster.network.advance(upTo: .seconds(10), step: .milliseconds(1)) {
        peak = max(peak, most())
        return cluster.nodes.allSatisfy { $0.names(.alive) == names }
      }
      #expect(isFormed)
      for _ in 0..<1000 {
        cluster.network.advance(by: .milliseconds(5))
        peak = max(peak, most())
      }
      #expect(peak <= 4)
      cluster.network.advance(by: .seconds(70))
      #expect(most() <= 2)
      await expectCalm(cluster)
    }

    @Test("a subscriber that never reads delays no node and keeps no more than its limit")
    func idleSubscriber() async throws {
      let cluster = try cluster(seed: 24, nodes: 3)
      let idle: SerfSubscription<SerfEvent> = cluster.nodes[0].subscribers.subscribe(bufferLimit: 256)
      let stream = EventStream(every: .milliseconds(20))
      for _ in 0..<60 {
        stream.run(on: cluster.network, for: .seconds(1), from: { cluster.nodes })
        #expect(idle.waiting <= 256)
      }
      let journal = Journal()
      #expect(await journal.settle(cluster, names(3), stream.sent, within: .seconds(45)) != nil)
      #expect(stream.sent.count >= 3000)
      #expect(idle.waiting <= 256)
      #expect(idle.waiting + idle.dropped == stream.sent.count)
      #expect(journal.haveSeen(stream.sent, names(3)))
      #expect(journal.all(.failed) == [])
      #expect(cluster.suspicions == 0)
    }
  }
#endif
