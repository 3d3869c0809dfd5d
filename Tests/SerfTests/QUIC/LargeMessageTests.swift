#if QUIC
  import Memberlist
  import Serf
  import SerfCore
  import SerfPrimitives
  import SerfTestSupport
  import SerfTransport
  import Testing

  /// Large messages between whole nodes over QUIC, in virtual time.
  @Suite("Large messages over QUIC") struct LargeMessageTests {
    private static func raise(_ configuration: inout SerfConfiguration) {
      configuration.userEvents.sizeLimit = 1 << 20
      configuration.queries.sizeLimit = 1 << 20
      configuration.queries.answerSizeLimit = 1 << 20
    }

    private func cluster(
      _ count: Int, seed: UInt64, old: Set<NodeName> = [], _ adjust: (inout SerfConfiguration) -> Void = { _ in }
    ) throws -> EmbeddedCluster {
      let cluster = try EmbeddedCluster(seed: seed)
      let names = (1...count).map { NodeName("n\($0)") }
      for name in names {
        let node = try cluster.start(name, features: old.contains(name) ? [.zstd] : .ours) { configuration in
          Self.raise(&configuration)
          adjust(&configuration)
        }
        if node !== cluster.nodes[0] { node.join(cluster.nodes[0].address) }
      }
      try #require(cluster.converge(on: names, within: .seconds(20)))
      return cluster
    }

    /// Bytes that zstd cannot make smaller.
    private static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
      var random = SeededRandom(seed: seed)
      var bytes: [UInt8] = []
      bytes.reserveCapacity(count + 8)
      while bytes.count < count { withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) } }
      return Array(bytes.prefix(count))
    }

    private static func payloads(_ node: VirtualNode) async -> [[UInt8]] {
      await node.takeEvents().compactMap { if case .user(let event) = $0 { event.payload.bytes } else { nil } }
    }

    @Test("an event of 1 MiB reaches 20 nodes at 1 % loss, each fetches it once, and probes take at most twice as long")
    func megabyte() async throws {
      let cluster = try cluster(20, seed: 41)
      cluster.network.loss = 0.01
      func roundTrips(during body: () throws -> Void) rethrows -> [Int64] {
        func times(_ node: VirtualNode) -> [Int64] { node.metrics.times("serf.probe.round_trip") ?? [] }
        let before = cluster.nodes.map { times($0).count }
        try body()
        return zip(cluster.nodes, before).flatMap { times($0).dropFirst($1) }.sorted()
      }
      let quiet = roundTrips { cluster.network.advance(by: .seconds(15)) }
      let payload = Self.noise((1 << 20) - 100, seed: 1)
      let busy = try roundTrips {
        cluster.nodes[3].userEvent("image", payload: payload)
        try #require(cluster.network.advance(upTo: .seconds(30)) { cluster.nodes.allSatisfy { $0.counter("user_events") == 1 } })
        cluster.network.advance(by: .seconds(10))
      }
      for node in cluster.nodes {
        #expect(await Self.payloads(node) == [payload], "\(node.name)")
        #expect(node.counter("bodies_fetched") == (node === cluster.nodes[3] ? 0 : 1), "\(node.name)")
      }
      #expect(cluster.nodes.allSatisfy { $0.counter("failed") == 0 })
      try #require(quiet.count > 100 && busy.count > 100)
      let (p99, quietP99) = (busy[busy.count * 99 / 100], quiet[quiet.count * 99 / 100])
      #expect(p99 <= quietP99 * 2, "p99 \(p99) ns, without the event \(quietP99) ns")
    }

    @Test("20 nodes answer one query with 64 KiB each, and the asker gets all of them, each once")
    func answers() async throws {
      let cluster = try cluster(20, seed: 42)
      let asker = cluster.nodes[0]
      let receiver = QueryReceiver()
      var options = SerfQuery.Options()
      options.timeout = .seconds(20)
      asker.driver.query(Array("state".utf8), payload: [], options: options, receiver) { result in
        #expect(throws: Never.self) { try result.get() }
      }
      for (index, node) in cluster.nodes.enumerated() {
        try #require(cluster.network.advance(upTo: .seconds(5)) { node.counter("queries_delivered") == 1 })
        let query = try #require(await node.takeEvents().compactMap { if case .query(let query) = $0 { query } else { nil } }.first)
        node.driver.respond(to: query.id, with: Self.noise(64 << 10, seed: UInt64(index))) { _ in }
      }
      #expect(cluster.network.advance(upTo: .seconds(15)) { asker.counter("queries_open") == 0 })
      var answers: [NodeName: [UInt8]] = [:]
      for try await answer in receiver.answers.stream {
        #expect(answers.updateValue(answer.payload.bytes, forKey: answer.from) == nil, "\(answer.from) answered twice")
      }
      #expect(answers.count == 20)
      for (index, node) in cluster.nodes.enumerated() {
        #expect(answers[node.name] == Self.noise(64 << 10, seed: UInt64(index)), "\(node.name)")
      }
      #expect(asker.counter("bodies_fetched") == 19)
    }

    @Test("a late joiner fetches the large events that the member that it joins still holds")
    func lateJoiner() async throws {
      let cluster = try cluster(3, seed: 43)
      let payload = Self.noise(200_000, seed: 2)
      cluster.nodes[0].userEvent("image", payload: payload)
      try #require(cluster.network.advance(upTo: .seconds(20)) { cluster.nodes.allSatisfy { $0.counter("user_events") == 1 } })
      let late = try cluster.start("late") { Self.raise(&$0) }
      late.join(cluster.nodes[2].address, ignoreOld: false)
      #expect(cluster.network.advance(upTo: .seconds(60)) { late.counter("user_events") == 1 })
      #expect(await Self.payloads(late) == [payload])
      // Another one that wants no old events gets none.
      let uninterested = try cluster.start("uninterested") { Self.raise(&$0) }
      uninterested.join(cluster.nodes[2].address, ignoreOld: true)
      cluster.network.advance(by: .seconds(60))
      #expect(uninterested.counter("user_events") == 0 && uninterested.counter("bodies_fetched") == 0)
    }

    @Test("a member of an older version is a full member, hears of small events and queries, and is sent nothing large")
    func oldMember() async throws {
      let cluster = try cluster(4, seed: 44, old: ["n2"]) { $0.pushPull.interval = .seconds(5) }
      let old = cluster.nodes[1]
      old.userEvent("from-old")
      cluster.nodes[0].userEvent("small", payload: [1])
      cluster.nodes[0].userEvent("middle", payload: Self.noise(12_000, seed: 3))
      cluster.nodes[2].userEvent("large", payload: Self.noise(100_000, seed: 4))
      cluster.network.advance(by: .seconds(60))
      for node in cluster.nodes {
        let names = Set(await node.takeEvents().compactMap { if case .user(let event) = $0 { event.name } else { nil } })
        #expect(names == (node === old ? ["from-old", "small"] : ["from-old", "small", "middle", "large"]), "\(node.name)")
        #expect(node.names(.alive) == ["n1", "n2", "n3", "n4"])
      }
      #expect(old.counter("offers") == 0 && old.counter("events_refused") == 0 && old.counter("messages_unknown") == 0)
    }
  }
#endif
