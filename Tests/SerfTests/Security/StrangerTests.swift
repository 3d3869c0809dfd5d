#if QUIC
  import Serf
  import SerfIdentity
  import SerfPrimitives
  import SerfTestSupport
  import Testing

  /// Whoever has no proper certificate gets nowhere, however early it speaks (`secure-transport.md` 1.1–1.3, 1.8).
  @Suite struct StrangerTests {
    private static let marker = "q7marker"
    private static let mallory: NodeName = "mallory"

    struct Stranger: CustomTestStringConvertible, Sendable {
      let testDescription: String
      /// What the victim's log says about it.
      let reason: String
      var counter = "certificates_refused"
      var applicationProtocol = "serf/1"
      /// Whether it could be a server: that takes a certificate, and the other protocol is refused by its own side.
      var isServer: Bool { applicationProtocol == "serf/1" && testDescription != "none" }
      let certificate: @Sendable (CertificateAuthority) throws -> CertificateAuthority.Issued?

      init(
        _ description: String, _ reason: String, counter: String = "certificates_refused", applicationProtocol: String = "serf/1",
        certificate: @escaping @Sendable (CertificateAuthority) throws -> CertificateAuthority.Issued?
      ) {
        (testDescription, self.reason, self.counter) = (description, reason, counter)
        (self.applicationProtocol, self.certificate) = (applicationProtocol, certificate)
      }

      /// One that holds a certificate of the cluster's own authority with one thing wrong.
      init(
        _ description: String, _ reason: String, key: KeyKind = .p256, spoil: @escaping @Sendable (inout CertificateRequest) -> Void
      ) {
        self.init(description, reason) { authority in
          var request = CertificateRequest.node("mallory", from: .now - .days(1), until: .now + .days(30))
          spoil(&request)
          return try authority.issue(request, key: key)
        }
      }
    }

    private static func uris(_ uris: String...) -> SubjectAlternativeNames {
      SubjectAlternativeNames(uris.map { .uri(Array($0.utf8)) })
    }

    static let strangers: [Stranger] = [
      Stranger("wrong CA", "issued by an authority that is not in the CA file") { _ in
        try CertificateAuthority().issue(node: "mallory")
      },
      Stranger("expired", "the certificate expired on", spoil: { $0.notAfter = .now - .seconds(3600) }),
      Stranger("not yet valid", "the certificate is not valid before", spoil: { $0.notBefore = .now + .seconds(3600) }),
      Stranger("none", "no certificate was sent") { _ in nil },
      Stranger("wrong ALPN", "TLS alert no_application_protocol", counter: "handshakes_failed", applicationProtocol: "h3") {
        try $0.issue(node: "mallory")
      },
      Stranger("other cluster", "the certificate is of another cluster (other)", spoil: { $0.names = uris("serf://other/mallory") }),
      Stranger("CN only", "the certificate carries no node name", spoil: { $0.names = uris() }),
      Stranger("wildcard", "the certificate's node name is malformed", spoil: { $0.names = uris("serf://default/*") }),
      Stranger("upper case scheme", "the certificate's node name is malformed", spoil: { $0.names = uris("SERF://default/mallory") }),
      Stranger("upper case cluster", "of another cluster (DEFAULT)", spoil: { $0.names = uris("serf://DEFAULT/mallory") }),
      Stranger(
        "two serf: URIs", "the certificate carries more than one node name",
        spoil: { $0.names = uris("serf://default/mallory", "serf://default/n3") }),
      Stranger("serverAuth only", "extended key usage lacks clientAuth", spoil: { $0.purposes = .serverAuth }),
      Stranger("CA as leaf", "an authority's, not a node's", spoil: { $0.isAuthority = true }),
      Stranger("RSA-1024", "the key is too weak or of a kind not allowed (RSA 1024)", key: .rsa(bits: 1024), spoil: { _ in }),
      Stranger(
        "10,000 SANs", "the certificate chain is larger than 16 KiB",
        spoil: { request in
          request.names = SubjectAlternativeNames(
            (0..<10_000).map { _ in .dns([0x61]) } + [.uri(Array("serf://default/mallory".utf8))])
        }),
    ]

    /// What a member would say first: that it is alive, with a tag, and an event.
    private static func greeting(from adversary: Adversary) -> [Adversary.Move] {
      let tags = ["marker": marker]
      return [
        .packet(Forgery.alive(mallory, at: adversary.address, tags: tags)),
        .packet(Forgery.userEvent(marker, at: 5)),
        .exchange(Forgery.pushPull([.init(name: mallory, address: adversary.address, tags: tags)])),
      ]
    }

    @Test("is turned away, counted and named in the log, and nothing of what it says arrives anywhere", arguments: strangers)
    func turnedAway(stranger: Stranger) async throws {
      let cluster = try VirtualCluster.trio(seed: 11)
      let victim = cluster.nodes[0]
      let before = victim.driver.statistics.counter(stranger.counter)
      let credentials = try Credentials(
        impostor: stranger.certificate(cluster.authority), calling: Self.mallory, authorities: cluster.authority.certificatePEM)
      let adversary = Adversary(credentials, applicationProtocol: stranger.applicationProtocol, on: cluster.network)
      adversary.attack(victim.address, with: Self.greeting(from: adversary))
      #expect(cluster.network.advance(upTo: .seconds(12)) { adversary.end != nil })
      cluster.network.advance(by: .seconds(10))

      // It did speak: its own side of the handshake was done. With another protocol there is not even that.
      #expect(adversary.isEstablished == (stranger.applicationProtocol == "serf/1"))
      #expect(!adversary.isConfirmed)
      #expect(adversary.received.isEmpty)
      #expect(victim.driver.statistics.counter(stranger.counter) == before + 1)
      #expect(victim.lines.contains("turned away", stranger.reason), "\(victim.lines.lines.filter { $0.contains("turned away") })")
      for node in cluster.nodes { #expect(node.member(Self.mallory) == nil) }
      await cluster.expectUnharmed(without: Self.marker)
    }

    @Test("is refused as a server just so: a join does not reach it, and it is told nothing", arguments: strangers.filter(\.isServer))
    func refusedAsServer(stranger: Stranger) async throws {
      let cluster = try VirtualCluster.trio(seed: 12)
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
      #expect(victim.driver.statistics.counter("certificates_refused") == 1)
      #expect(victim.lines.contains("cannot reach a member at", stranger.reason), "\(victim.lines.lines.suffix(5))")
      for node in cluster.nodes { #expect(node.member(Self.mallory) == nil) }
      await cluster.expectUnharmed(without: Self.marker)
    }

    @Test("with a proper certificate is none: what it says is everywhere")
    func control() throws {
      let cluster = try VirtualCluster.trio(seed: 11)
      let adversary = Adversary(try cluster.credentials(Self.mallory), on: cluster.network)
      adversary.attack(cluster.nodes[0].address, with: Self.greeting(from: adversary))
      #expect(
        cluster.network.advance(upTo: .seconds(5)) {
          cluster.nodes.allSatisfy { $0.member(Self.mallory)?.tags["marker"] == Self.marker }
        })
      #expect(adversary.isConfirmed)
      #expect(!adversary.received.isEmpty)
      #expect(cluster.nodes.allSatisfy { $0.driver.statistics.counter("certificates_refused") == 0 })
    }
  }
#endif
