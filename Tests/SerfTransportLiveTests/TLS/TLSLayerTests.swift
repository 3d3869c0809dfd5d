#if TLS
  import MemoryTransport
  import NIOCore
  import NIOPosix
  import NIOSSL
  import SerfIdentity
  import SerfPrimitives
  import SerfTestSupport
  import SerfTransport
  import Testing

  /// What a `TLSTransport` does beyond the contract of `StreamLayer`.
  @Suite(.serialized) struct TLSLayerTests {
    private let hub = MemoryHub()

    private func counter(_ name: String, of end: TestEnd) async throws -> UInt64? {
      try await end.call { layer, _ in layer.figures.first { $0.name == name }?.value }
    }

    @Test("another cluster of the same authority with the same key is kept out, packets and streams")
    func otherCluster() async throws {
      let a = try await TestEnd.bind(.tls(), "a", on: hub)
      let b = try await TestEnd.bind(.tls(cluster: "other"), "b", on: hub)
      try await b.send([8, 1, 2, 3], to: a.destination)
      try await eventually("the packet is dropped") { try await counter("packets_refused_label", of: a) == 1 }
      try await b.open(StreamID(2), to: a.destination)
      try await b.waits(for: "the refusal") { $0.failed[StreamID(2)] == .peerCertificateRefused }
      #expect(try await a.read { $0.packets.isEmpty && $0.accepted.isEmpty && $0.failed.isEmpty })
      for end in [a, b] { try await end.shutdown() }
    }

    @Test("a name that the address does not prove is a failure of its own, and the acceptor never hears of the stream")
    func wrongName() async throws {
      let a = try await TestEnd.bind(.tls(), "a", on: hub)
      let b = try await TestEnd.bind(.tls(), "b", on: hub)
      try await b.open(StreamID(2), to: .member("c", a.address))
      try await b.waits(for: "the refusal") { $0.failed[StreamID(2)] == .identityMismatch }
      try await b.open(StreamID(4), to: .anyMember(b.address))
      try await b.waits(for: "the refusal of itself") { $0.failed[StreamID(4)] == .ownName }
      #expect(try await a.read { $0.accepted.isEmpty && $0.failed.isEmpty })
      try await eventually("nothing is left") { try await counter("connections", of: a) == 0 }
      for end in [a, b] { try await end.shutdown() }
    }

    @Test("a member whose TLS speaks another protocol inside, or none that it names, is turned away", arguments: [["h2"], []])
    func otherProtocol(protocols: [String]) async throws {
      let a = try await TestEnd.bind(.tls(), "a", on: hub)
      let credentials = try Conformer.credentials(for: "b")
      var configuration = TLSConfiguration.makeClientConfiguration()
      configuration.certificateVerification = .none
      configuration.applicationProtocols = protocols
      configuration.certificateChain = try credentials.identity.chain.map { .certificate(try NIOSSLCertificate(bytes: $0, format: .der)) }
      configuration.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: credentials.privateKeyPEM.copy, format: .pem))
      let context = try NIOSSLContext(configuration: configuration)
      let client = try await connect(to: a.address) { try NIOSSLClientHandler(context: context, serverHostname: nil) }
      try await eventually("it is turned away") { try await counter("handshakes_failed", of: a) == 1 }
      try await eventually("its connection is closed") { !client.isActive }
      #expect(try await a.read { $0.accepted.isEmpty && $0.failed.isEmpty })
      try await a.shutdown()
    }

    @Test("a peer that accepts the connection and never sends a byte is given up at the deadline")
    func silentPeer() async throws {
      let a = try await TestEnd.bind(.tls(), "a", on: hub)
      let hole = try BlackHole(answersDials: true)
      let start = ContinuousClock.now
      try await a.open(StreamID(2), to: .member("c", hole.address), within: .seconds(1))
      try await a.write([1, 2, 3], on: StreamID(2), finish: true)
      try await a.waits(for: "the failure") { $0.failed[StreamID(2)] == .deadline }
      #expect(ContinuousClock.now - start < .seconds(2))
      #expect(try await a.read { $0.opened.isEmpty })
      try await eventually("nothing is left") { try await counter("connections", of: a) == 0 }
      try await a.shutdown()
    }

    @Test("peers that have proven nothing make room before a member does whose request is in progress")
    func room() async throws {
      let a = try await TestEnd.bind(.tls(acceptedConnections: 5), "a", on: hub)
      let b = try await TestEnd.bind(.tls(), "b", on: hub)
      try await b.open(StreamID(2), to: a.destination)
      try await b.write([1, 2, 3], on: StreamID(2))
      try await a.waits(for: "the beginning") { $0.received.values.first == [1, 2, 3] }
      var silent: [any Channel] = []
      for _ in 0..<20 { silent.append(try await connect(to: a.address)) }
      try await eventually("those beyond five made room") { try await counter("connections_evicted", of: a) == 16 }
      try await b.write([4, 5, 6], on: StreamID(2), finish: true)
      try await a.waits(for: "the rest") { $0.received.values.first == [1, 2, 3, 4, 5, 6] }
      #expect(try await a.read { $0.failed.isEmpty })
      for channel in silent { try? await channel.close() }
      for end in [a, b] { try await end.shutdown() }
    }

    /// A TCP connection with the test's own TLS on it.
    private func connect(
      to address: NodeAddress, _ handler: @escaping @Sendable () throws -> NIOSSLClientHandler? = { nil }
    ) async throws -> any Channel {
      try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            if let handler = try handler() { try channel.pipeline.syncOperations.addHandler(handler) }
          }
        }
        .connect(host: address.host, port: Int(address.port)).get()
    }
  }
#endif
