#if QUIC
  import Glibc
  import Serf
  import SerfIdentity
  import SerfPrimitives
  import SerfTestSupport
  import SerfTransport
  import Testing

  /// Large messages over QUIC on real sockets. `Tests/lossy.sh` runs it with 20 nodes, where the kernel loses 1 % of all packets.
  @Suite("Large messages on real sockets") struct LargeSocketTests {
    private static let count = getenv("SERF_NODES").flatMap { Int(String(cString: $0)) } ?? 8

    @Test("an event of 1 MiB reaches all nodes, and their answers of 64 KiB reach the one that asks; each payload crosses to each once")
    func everyNode() async throws {
      let authority = try CertificateAuthority()
      var nodes: [SerfNode] = []
      for number in 1...Self.count {
        let issued = try authority.issue(node: "n\(number)")
        let credentials = try Credentials(
          pem: .init(authorities: authority.certificatePEM, certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM))
        var configuration = SerfConfiguration.test(NodeName("n\(number)"))
        configuration.userEvents.sizeLimit = 1 << 20
        configuration.queries.answerSizeLimit = 1 << 20
        let node = try SerfNode(
          transport: QuicTransport(credentials, bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0)), configuration: configuration)
        try await node.start()
        if let first = nodes.first { try await node.join([first.localAddress().description]) }
        nodes.append(node)
      }
      for node in nodes { try await eventually("all are seen") { try await node.members().count { $0.status == .alive } == Self.count } }

      let payload = Self.noise((1 << 20) - 100, seed: 1)
      let subscriptions = nodes.map { $0.events() }
      try await nodes[4].userEvent("image", payload: payload, coalesce: false)
      for subscription in subscriptions {
        for await case .user(let event) in subscription {
          #expect(event.payload.bytes == payload)
          break
        }
      }
      for (index, node) in nodes.enumerated() {
        #expect(try await node.statistics()["bodies_fetched"] == (index == 4 ? 0 : 1))
      }

      try await withThrowingTaskGroup(of: Void.self) { group in
        for (index, node) in nodes.enumerated() {
          let queries = node.queries(named: "state")
          group.addTask {
            for await query in queries {
              try await node.respond(to: query, with: Self.noise(64 << 10, seed: UInt64(index) + 2))
              return
            }
          }
        }
        var options = SerfQuery.Options()
        options.timeout = .seconds(30)
        var answers: [NodeName: [UInt8]] = [:]
        for try await answer in try await nodes[0].query("state", options: options) { answers[answer.from] = answer.payload.bytes }
        for index in nodes.indices { #expect(answers[NodeName("n\(index + 1)")] == Self.noise(64 << 10, seed: UInt64(index) + 2)) }
        try await group.waitForAll()
      }
      #expect(try await nodes[0].statistics()["bodies_fetched"] == UInt64(Self.count))
      for node in nodes {
        let statistics = try await node.statistics()
        #expect(statistics["failed"] == 0 && statistics["bodies_given_up"] == 0)
      }
      await withTaskGroup(of: Void.self) { group in for node in nodes { group.addTask { await node.shutdown() } } }
    }

    /// Bytes that zstd cannot make smaller.
    private static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
      var random = SeededRandom(seed: seed)
      var bytes: [UInt8] = []
      bytes.reserveCapacity(count + 8)
      while bytes.count < count { withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) } }
      return Array(bytes.prefix(count))
    }
  }
#endif
