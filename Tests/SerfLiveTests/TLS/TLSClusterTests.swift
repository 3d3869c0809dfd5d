import SerfTransport
#if TLS
  import Logging
  import Serf
  import SerfIdentity
  import SerfTestSupport
  import Testing

  /// Nodes over TLS and UDP on real sockets.
  @Suite(.serialized) struct TLSClusterTests {
    typealias Adjustment = @Sendable (inout TLSTransport.Settings) throws -> Void

    private let authority: CertificateAuthority
    private let key: SecretKey

    init() throws {
      authority = try CertificateAuthority()
      key = try SecretKey(bytes: [UInt8](repeating: 9, count: 32))
    }

    // MARK: Set-up

    private func credentials(
      _ name: NodeName, by issuer: CertificateAuthority? = nil, believing authorities: [CertificateAuthority] = [],
      key kind: KeyKind = .p256
    ) throws -> Credentials {
      let issuer = issuer ?? authority
      let issued = try issuer.issue(node: name.description, key: kind)
      return try Credentials(
        pem: .init(
          authorities: (authorities.isEmpty ? [issuer] : authorities).flatMap(\.certificatePEM), certificate: issued.certificatePEM,
          privateKey: issued.privateKeyPEM))
    }

    private struct Member {
      let node: SerfNode
      let transport: TLSTransport
      let log: LineRecorder

      var address: String { get async throws { try await node.localAddress().description } }
      func counter(_ key: String) async throws -> UInt64 { try await #require(node.statistics()[key]) }
    }

    private func start(_ credentials: Credentials, _ adjust: Adjustment = { _ in }) async throws -> Member {
      var settings = TLSTransport.Settings()
      settings.keyring = Keyring(key)
      try adjust(&settings)
      let log = LineRecorder()
      let transport = try TLSTransport(credentials, bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0), settings: settings)
      let node = try SerfNode(
        transport: transport, configuration: SerfConfiguration.test(credentials.node), logger: Logger(label: "serf") { _ in log.handler })
      try await node.start()
      return Member(node: node, transport: transport, log: log)
    }

    private func see(_ members: Member..., sourceLocation: SourceLocation = #_sourceLocation) async throws {
      let names = members.map(\.node.name)
      for member in members {
        try await eventually("\(member.node.name) sees \(names)", sourceLocation: sourceLocation) {
          Set(names).isSubset(of: try await member.node.members().filter { $0.status == .alive }.map(\.name))
        }
      }
    }

    private func shutDown(_ members: Member...) async { for member in members { await member.node.shutdown() } }

    /// Two members that know each other.
    private func pair() async throws -> (a: Member, b: Member) {
      let (a, b) = (try await start(credentials("a")), try await start(credentials("b")))
      #expect(try await b.node.join([a.address]) == 1)
      try await see(a, b)
      return (a, b)
    }

    // MARK: Together

    static let alike: [(String, KeyKind, Adjustment)] = [
      ("as they come", .p256, { _ in }),
      ("Ed25519, uncompressed", .ed25519, { $0.compression = nil }),
      ("RSA, packets in the clear", .rsa(bits: 2048), { ($0.keyring, $0.allowsClearPackets) = (nil, true) }),
      ("P-384, zstd", .p384, { $0.compression = TransportCompression.zstd.isAvailable ? .zstd : nil }),
    ]

    @Test("find each other, hear events and see a leave, whatever the kind of key", arguments: alike.indices)
    func together(index: Int) async throws {
      let (_, kind, adjust) = Self.alike[index]
      let a = try await start(credentials("a", key: kind), adjust)
      let b = try await start(credentials("b", key: kind), adjust)
      let c = try await start(credentials("c", key: kind), adjust)
      let events = c.node.events()
      #expect(try await b.node.join([a.address]) == 1)
      // By name: its certificate proves it.
      #expect(try await c.node.join(["a/" + a.address]) == 1)
      try await see(a, b, c)
      try await b.node.userEvent("deploy", payload: [UInt8](repeating: 7, count: 300))
      for await case .user(let event) in events {
        #expect(event.name == "deploy" && event.payload.count == 300)
        break
      }
      #expect(try await a.counter("handshakes_completed") >= 2)
      #expect(try await a.node.statistics().isEncrypted == (index != 2))
      try await b.node.leave()
      try await eventually("b has left") { try await a.node.members().first { $0.name == "b" }?.status == .left }
      await shutDown(a, b, c)
    }

    // MARK: Strangers

    @Test(
      "a stranger is turned away when it dials and when it is dialled, with a counter and the reason in the log; it hears why; members are not affected",
      arguments: Stranger.all.filter { $0.applicationProtocol == "serf/1" })
    func strangers(stranger: Stranger) async throws {
      let (a, b) = try await pair()
      let (reason, counter) = (stranger.reason, stranger.counter)
      let mallory = try await start(
        Credentials(impostor: stranger.certificate(authority), calling: "mallory", authorities: authority.certificatePEM))
      let refusal = await #expect(throws: SerfError.self) { try await mallory.node.join([a.address]) }
      try await eventually("\(counter) counts") { try await a.counter(counter) == 1 }
      #expect(a.log.lines.contains { $0.contains("turned away 127.0.0.1") && $0.contains(reason) }, "\(stranger): \(a.log.lines)")
      if stranger.isServer {
        #expect(mallory.log.lines.contains { $0.contains("peer refused our certificate") }, "\(mallory.log.lines)")
        #expect(refusal?.attempts.map(\.reason) == [.certificateRefused(.ours)])
        let other = await #expect(throws: SerfError.self) { try await a.node.join([mallory.address]) }
        #expect(other?.attempts.map(\.reason) == [.certificateRefused(.theirs)])
        #expect(try await a.counter(counter) == 2)
        #expect(a.log.lines.contains { $0.contains("cannot reach a member at") && $0.contains(reason) }, "\(a.log.lines)")
      }
      #expect(try await mallory.node.members().map(\.name) == ["mallory"])
      #expect(Set(try await a.node.members().map(\.name)) == ["a", "b"])
      try await see(a, b)
      await shutDown(a, b, mallory)
    }

    @Test("a stranger cannot fill a log with another false name at every try")
    func manyNames() async throws {
      let a = try await start(credentials("a"))
      for other in ["one", "two", "three"] {
        let mallory = try await start(
          Credentials(
            impostor: authority.issue(node: "mallory", cluster: other), calling: "mallory", authorities: authority.certificatePEM))
        await #expect(throws: SerfError.self) { try await mallory.node.join([a.address]) }
        await shutDown(mallory)
      }
      try await eventually("all are refused") { try await a.counter("certificates_refused") == 3 }
      #expect(a.log.lines.filter { $0.contains("turned away") && $0.contains("of another cluster") }.count == 1, "\(a.log.lines)")
      await shutDown(a)
    }

    @Test("an address that proves another name is not joined under this one, nor is our own")
    func wrongName() async throws {
      let (a, b) = try await pair()
      let other = await #expect(throws: SerfError.self) { try await b.node.join(["c/" + a.address]) }
      #expect(other?.attempts.map(\.reason) == [.otherName])
      #expect(b.log.lines.contains { $0.contains("cannot reach c at") && $0.contains("proves another name: a") }, "\(b.log.lines)")
      #expect(try await a.node.join([a.address]) == 0)
      let double = try await start(credentials("a"))
      let namesake = await #expect(throws: SerfError.self) { try await double.node.join([a.address]) }
      #expect(namesake?.attempts.map(\.reason) == [.nameInUse])
      #expect(double.log.lines.contains { $0.contains("a certificate for our own name") }, "\(double.log.lines)")
      try await see(a, b)
      await shutDown(a, b, double)
    }

    @Test("a peer that does not speak TLS is told apart from one that does, and others go on")
    func plain() async throws {
      let (a, b) = try await pair()
      let plain = try SerfNode(
        transport: NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0)), configuration: SerfConfiguration.test("x"))
      try await plain.start()
      await #expect(throws: SerfError.self) { try await plain.join([a.address]) }
      #expect(a.log.lines.contains { $0.contains("no TLS 1.3 handshake") && $0.contains("the same transport") }, "\(a.log.lines)")
      #expect(try await a.counter("handshakes_failed") == 1)
      await #expect(throws: SerfError.self) { try await a.node.join([plain.localAddress().description]) }
      #expect(try await a.node.members().count == 2)
      await plain.shutdown()
      await shutDown(a, b)
    }

    @Test("connections that never begin a handshake make room for members")
    func flood() async throws {
      let a = try await start(credentials("a")) { $0.acceptedConnections = 20 }
      let address = try await a.node.localAddress()
      var silent: [RawClient] = []
      for _ in 0..<100 { silent.append(try await RawClient.connect(to: address)) }
      let b = try await start(credentials("b"))
      #expect(try await b.node.join([a.address]) == 1)
      try await eventually("those beyond 20 made room") { try await a.counter("connections_evicted") >= 80 }
      #expect(try await a.counter("connections") <= 21)
      try await eventually("the rest is given up in time", within: .seconds(30)) { try await a.counter("handshakes_failed") >= 19 }
      try await see(a, b)
      for client in silent { client.close() }
      await shutDown(a, b)
    }

    @Test("connections beyond the limit per second are reset before any handshake; a member gets in when the second is over")
    func handshakeRate() async throws {
      let a = try await start(credentials("a")) { $0.handshakesPerSecond = 5 }
      let address = try await a.node.localAddress()
      var silent: [RawClient] = []
      for _ in 0..<40 {
        if let client = try? await RawClient.connect(to: address) { silent.append(client) }
      }
      try await eventually("more than twenty at once are turned away") { try await a.counter("handshakes_over_limit") >= 10 }
      #expect(try await a.counter("connections") <= 30)
      #expect(a.log.lines.contains { $0.contains("too many handshakes in a second") })
      let b = try await start(credentials("b"))
      try await eventually("it joins") { (try? await b.node.join([a.address])) == 1 }
      try await see(a, b)
      for client in silent { client.close() }
      await shutDown(a, b)
    }

    // MARK: The key of packets

    @Test("without a key it does not start, unless packets may cross in clear text; a node without one is not heard by others")
    func missingKey() async throws {
      await #expect { try await start(credentials("a")) { $0.keyring = nil } } throws: { error in
        "\(error)".contains("serf keygen") && "\(error)".contains("allowsClearPackets")
      }
      let a = try await start(credentials("a"))
      let b = try await start(credentials("b")) { ($0.keyring, $0.allowsClearPackets) = (nil, true) }
      #expect(try await b.node.join([a.address]) == 1, "streams are another matter")
      try await eventually("packets are refused") { try await a.counter("packets_refused_not_encrypted") >= 1 }
      #expect(a.log.lines.contains { $0.contains("dropped a packet") && $0.contains("not encrypted") })
      await shutDown(a, b)
    }

    // MARK: Rotation

    @Test("a running cluster changes to another authority, node by node, and no member is lost")
    func rotation() async throws {
      let new = try CertificateAuthority()
      let both = [authority, new]
      let (a, b) = try await pair()
      // Their certificates are still the old authority's, and the new one is trusted as well.
      for member in [a, b] {
        try member.transport.replace(credentials: credentials(member.node.name, believing: both))
      }
      try await probe(a, b)
      for member in [a, b] {
        try member.transport.replace(credentials: credentials(member.node.name, by: new, believing: both))
        try await probe(a, b)
      }
      for member in [a, b] { try member.transport.replace(credentials: credentials(member.node.name, by: new)) }
      try await probe(a, b)
      let late = try await start(credentials("late"))
      await #expect(throws: SerfError.self) { try await late.node.join([a.address]) }
      let other = #expect(throws: SerfError.self) { try a.transport.replace(credentials: credentials("b", by: new)) }
      #expect(other?.code == .credentials)
      try await probe(a, b)
      await shutDown(a, b, late)
    }

    /// A handshake in each direction works.
    private func probe(_ a: Member, _ b: Member, sourceLocation: SourceLocation = #_sourceLocation) async throws {
      #expect(try await a.node.join([b.address]) == 1, sourceLocation: sourceLocation)
      #expect(try await b.node.join([a.address]) == 1, sourceLocation: sourceLocation)
    }
  }
#endif
