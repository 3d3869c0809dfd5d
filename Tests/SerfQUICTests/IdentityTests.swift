import SerfIdentity
import SerfPrimitives
import SerfQUIC
import Testing

/// Which peers are accepted and which are not, over real handshakes: `secure-transport.md` section 1.
@Suite struct IdentityTests {
  private static let origin = TestAuthority.origin
  private static var authority: CertificateAuthority { TestAuthority.shared.authority }

  /// A certificate that a member does not accept, the reason that the member gives, and the alert that its holder gets.
  struct Impostor: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let label: String
    let alert: UInt8
    let make: @Sendable () throws -> CertificateAuthority.Issued?
  }

  private static func node(_ change: @escaping @Sendable (inout CertificateRequest) -> Void)
    -> @Sendable () throws -> CertificateAuthority.Issued?
  {
    {
      var request = CertificateRequest.node("mallory", from: origin - .days(1), until: origin + .days(30))
      change(&request)
      return try authority.issue(request)
    }
  }

  private static func uris(_ uris: String...) -> SubjectAlternativeNames { SubjectAlternativeNames(uris.map { .uri(Array($0.utf8)) }) }

  static let impostors: [Impostor] = [
    Impostor(testDescription: "none", label: "noCertificate", alert: 116) { nil },
    Impostor(testDescription: "wrong CA", label: "unknownIssuer", alert: 48) {
      try CertificateAuthority(at: origin - .days(1)).issue(node: "mallory", validFor: .days(30), at: origin - .days(1))
    },
    Impostor(testDescription: "self-signed", label: "unknownIssuer", alert: 48) {
      try CertificateAuthority.selfSigned(.node("mallory", from: origin - .days(1), until: origin + .days(30)))
    },
    Impostor(testDescription: "expired", label: "expired", alert: 45, make: node { $0.notAfter = origin - .seconds(3600) }),
    Impostor(testDescription: "not yet valid", label: "notYetValid", alert: 45, make: node { $0.notBefore = origin + .seconds(3600) }),
    Impostor(testDescription: "other cluster", label: "wrongCluster", alert: 49, make: node { $0.names = uris("serf://other/mallory") }),
    Impostor(testDescription: "CN only", label: "noName", alert: 49, make: node { $0.names = SubjectAlternativeNames([]) }),
    Impostor(
      testDescription: "wildcard", label: "malformedName", alert: 49, make: node { $0.names = uris("serf://default/*") }),
    Impostor(
      testDescription: "upper case scheme", label: "malformedName", alert: 49, make: node { $0.names = uris("SERF://default/mallory") }),
    Impostor(
      testDescription: "two names", label: "severalNames", alert: 49,
      make: node { $0.names = uris("serf://default/mallory", "serf://default/b") }),
    Impostor(testDescription: "serverAuth only", label: "missingClientAuth", alert: 43, make: node { $0.purposes = .serverAuth }),
    Impostor(testDescription: "clientAuth only", label: "missingServerAuth", alert: 43, make: node { $0.purposes = .clientAuth }),
    Impostor(testDescription: "CA as leaf", label: "isAuthority", alert: 43, make: node { $0.isAuthority = true }),
    Impostor(testDescription: "SHA-1", label: "weakSignature", alert: 43, make: node { $0.hash = .sha1 }),
    Impostor(testDescription: "RSA 1024", label: "weakKey", alert: 43) {
      try authority.issue(.node("mallory", from: origin - .days(1), until: origin + .days(30)), key: .rsa(bits: 1024))
    },
    Impostor(
      testDescription: "10,000 names", label: "chainTooLarge", alert: 42,
      make: node { request in
        request.names = SubjectAlternativeNames(
          (0..<10_000).map { _ in .dns([0x61]) } + [.uri(Array("serf://default/mallory".utf8))])
      }),
  ]

  @Test("a client without a proper certificate is told why, gets nothing and has no effect", arguments: impostors)
  func clients(impostor: Impostor) throws {
    let network = EndpointNetwork()
    let b = network.node("b", number: 2)
    let credentials = try Credentials(impostor: try impostor.make(), calling: "mallory", authorities: Self.authority.certificatePEM)
    let mallory = network.node("mallory", number: 66, credentials: credentials) { $0.handshakeMessageLimit = 1 << 20 }
    let id = mallory.dial(b)
    // It sends as much as it can as early as it can, before it can know that it is refused.
    mallory.onEvent = { event in
      guard case .established = event else { return }
      mallory.send([1, 2, 3], on: id)
      if let stream = mallory.endpoint.openStream(on: id) { mallory.endpoint.write(SendChunk(copying: [1]), on: stream, finish: true) }
    }
    #expect(network.run(for: .seconds(15)) { mallory.closed[id] != nil && b.turnedAway.count == 1 })
    #expect(mallory.closed[id] == .refusedOurCertificate(alert: impostor.alert))
    #expect(b.turnedAway.first?.failureLabel == impostor.label)
    #expect(b.endpoint.counters.certificatesRefused == 1)
    #expect(!mallory.confirmed.contains(id))
    #expect(b.established.isEmpty && b.packets.isEmpty && b.opened.isEmpty && b.hellos.isEmpty)
    #expect(mallory.packets.isEmpty && mallory.hellos.isEmpty && mallory.opened.isEmpty && mallory.received.isEmpty)
    network.run(for: .seconds(20))
    #expect(b.endpoint.connectionCount == 0)
  }

  @Test("a server without a proper certificate is refused in the same way", arguments: impostors)
  func servers(impostor: Impostor) throws {
    guard let certificate = try impostor.make() else { return }
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let credentials = try Credentials(impostor: certificate, calling: "mallory", authorities: Self.authority.certificatePEM)
    let mallory = network.node("mallory", number: 66, credentials: credentials) { $0.handshakeMessageLimit = 1 << 20 }
    let id = a.dial(mallory)
    #expect(network.run(for: .seconds(15)) { a.closed[id] != nil })
    #expect(a.closed[id]?.failureLabel == impostor.label)
    #expect(a.established.isEmpty && mallory.established.isEmpty && mallory.packets.isEmpty)
    #expect(a.endpoint.counters.certificatesRefused == 1)
  }

  @Test("another application protocol is refused on either side")
  func protocols() {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1) { $0.applicationProtocol = "h3" }
    let b = network.node("b", number: 2)
    let id = a.dial(b)
    let back = b.dial(a)
    #expect(network.run(for: .seconds(15)) { a.closed[id] != nil && b.closed[back] != nil })
    #expect(a.established.isEmpty && b.established.isEmpty)
    // no_application_protocol
    #expect(a.closed[id] == .errorAtPeer(0x178))
    #expect(b.closed[back] == .errorAtPeer(0x178))
  }

  @Test("a peer that names no application protocol is refused on either side, though its certificate is good")
  func noProtocol() {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1) { $0.applicationProtocol = "" }
    let b = network.node("b", number: 2)
    let id = a.dial(b)
    let back = b.dial(a)
    #expect(
      network.run(for: .seconds(15)) { a.closed[id] != nil && b.closed[back] != nil && !b.turnedAway.isEmpty && !a.turnedAway.isEmpty })
    // no_application_protocol
    #expect(b.turnedAway == [.error(0x178)])
    #expect(a.closed[id] == .errorAtPeer(0x178))
    #expect(b.closed[back] == .error(0x178))
    #expect(a.turnedAway == [.errorAtPeer(0x178)])
    #expect(b.established.isEmpty && b.packets.isEmpty && b.hellos.isEmpty)
    #expect(b.endpoint.counters.handshakesFailed == 1)
  }

  @Test("a dial that reaches another name than it meant says so, and accuses no member")
  func wrongName() {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2)
    let id = a.dial(b, expecting: .name("c"))
    #expect(network.run(for: .seconds(5)) { a.closed[id] != nil && !b.closed.isEmpty })
    #expect(a.closed[id] == .wrongName("b"))
    #expect(a.established.isEmpty)
    #expect(b.closed.values.first == .closedByPeer(.wrongName))
    #expect(b.packets.isEmpty && a.hellos.isEmpty)
  }

  @Test("a peer that is not the one that was meant, and never confirms the handshake, is closed when its time is over")
  func wrongNameWithoutEnd() {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2)
    let id = a.dial(b, expecting: .name("c"))
    network.intercept = { datagram in datagram.source == b.address && a.closed[id] != nil ? [] : [datagram] }
    #expect(network.run(for: .seconds(5)) { a.closed[id] != nil })
    #expect(a.endpoint.connectionCount == 1)
    network.run(for: .seconds(20))
    #expect(a.endpoint.connectionCount == 0)
    #expect(b.closed.values.first == .closedByPeer(.wrongName))
  }

  @Test("a node does not talk to its own name: neither to itself nor to a second process with its certificate")
  func ownName() {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let twin = network.node("a", number: 2)
    let id = twin.dial(a)
    #expect(network.run(for: .seconds(5)) { twin.closed[id] != nil && a.turnedAway.count == 1 })
    #expect(twin.closed[id] == .ownName)
    #expect(a.turnedAway == [.closed(.nameInUse)])
    #expect(a.established.isEmpty && twin.established.isEmpty)
  }

  @Test("a node that dials itself, at whatever address, finds that out, and turns no member away for it")
  func ourselves() {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let id = a.dial(a)
    #expect(network.run(for: .seconds(1)) { a.closed[id] != nil })
    #expect(a.closed[id] == .ourselves)
    network.run(for: .seconds(5))
    #expect(a.turnedAway.isEmpty && a.established.isEmpty && a.closed.count == 1)
    #expect(a.endpoint.connectionCount == 0)
  }

  @Test("an expired certificate ends a live connection")
  func recheckExpiry() throws {
    let network = EndpointNetwork()
    let short = try Self.authority.issue(node: "b", validFor: .seconds(600), at: Self.origin)
    let credentials = try Credentials(
      pem: .init(authorities: Self.authority.certificatePEM, certificate: short.certificatePEM, privateKey: short.privateKeyPEM),
      at: Self.origin)
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2, credentials: credentials)
    let id = a.dial(b)
    network.run(for: .seconds(599))
    a.endpoint.recheckCredentials(at: network.now)
    network.run(for: .seconds(2))
    #expect(a.closed.isEmpty)
    a.endpoint.recheckCredentials(at: network.now)
    #expect(network.run(for: .seconds(1)) { a.closed[id] != nil && !b.closed.isEmpty })
    if case .peerNotAuthorised(.expired)? = a.closed[id] {} else { #expect(Bool(false), "\(String(describing: a.closed[id]))") }
    #expect(b.closed.values.first == .closedByPeer(.notAuthorised))
  }

  /// Credentials of node `name` which revoke `revoked`.
  private static func credentials(_ name: String, revoking revoked: CertificateAuthority.Issued) throws -> Credentials {
    let own = try authority.issue(node: name, validFor: .days(30), at: origin)
    return try Credentials(
      pem: .init(
        authorities: authority.certificatePEM, certificate: own.certificatePEM, privateKey: own.privateKeyPEM,
        revocations: authority.revocationList(of: [revoked], at: origin, nextUpdate: origin + .days(1))),
      at: origin)
  }

  @Test(
    "a handshake that began before a peer was revoked is refused when it ends after it, on either side",
    arguments: [QUICRole.client, .server])
  func revokedMeanwhile(role: QUICRole) throws {
    let network = EndpointNetwork()
    let revoked = try Self.authority.issue(node: "b", validFor: .days(30), at: Self.origin)
    let a = network.node("a", number: 1)
    let b = network.node(
      "b", number: 2,
      credentials: try Credentials(
        pem: .init(authorities: Self.authority.certificatePEM, certificate: revoked.certificatePEM, privateKey: revoked.privateKeyPEM),
        at: Self.origin))
    let new = try Self.credentials("a", revoking: revoked)
    let id = role == .client ? a.dial(b) : b.dial(a)
    network.run(for: .seconds(1)) { role == .client || a.endpoint.counters.handshakesAccepted == 1 }
    a.endpoint.replace(credentials: new)
    #expect(network.run(for: .seconds(15)) { role == .client ? a.closed[id] != nil && !b.turnedAway.isEmpty : b.closed[id] != nil })
    #expect(role == .client ? a.closed[id] == .peerNotAuthorised(.revoked) : a.turnedAway == [.peerNotAuthorised(.revoked)])
    #expect(role == .client ? b.turnedAway == [.refusedOurCertificate(alert: 44)] : b.closed[id] == .refusedOurCertificate(alert: 44))
    #expect(a.established.isEmpty && a.endpoint.counters.certificatesRefused == 1)
  }

  @Test("new credentials apply to old connections: a revoked peer is closed, the others stay; new handshakes use the new certificate")
  func rotation() throws {
    let network = EndpointNetwork()
    let revoked = try Self.authority.issue(node: "b", validFor: .days(30), at: Self.origin)
    let credentials = try Credentials(
      pem: .init(authorities: Self.authority.certificatePEM, certificate: revoked.certificatePEM, privateKey: revoked.privateKeyPEM),
      at: Self.origin)
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2, credentials: credentials)
    let c = network.node("c", number: 3)
    let toB = a.dial(b)
    let toC = a.dial(c)
    network.run(for: .seconds(1)) { a.confirmed.count == 2 }
    let own = try Self.authority.issue(node: "a", validFor: .days(30), at: Self.origin)
    a.endpoint.replace(
      credentials: try Credentials(
        pem: .init(
          authorities: Self.authority.certificatePEM, certificate: own.certificatePEM, privateKey: own.privateKeyPEM,
          revocations: Self.authority.revocationList(of: [revoked], at: Self.origin, nextUpdate: Self.origin + .days(1))),
        at: Self.origin))
    a.endpoint.recheckCredentials(at: network.now)
    network.run(for: .seconds(1))
    #expect(a.closed[toB] == .peerNotAuthorised(.revoked))
    #expect(a.closed[toC] == nil)
    let again = a.dial(b)
    let toCAgain = a.dial(c)
    network.run(for: .seconds(1))
    #expect(a.closed[again] == .peerNotAuthorised(.revoked))
    #expect(a.confirmed.contains(toCAgain))
  }
}

extension QUICEnd {
  /// Why a certificate was refused, if that was the end.
  fileprivate var failureLabel: String? {
    if case .peerNotAuthorised(let failure) = self { failure.label } else { nil }
  }
}
