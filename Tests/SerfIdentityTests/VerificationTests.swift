import SerfIdentity
import SerfPrimitives
import Testing

@Suite("A peer's certificate chain")
struct VerificationTests {
  @Test("that is correct proves its node's name", arguments: [KeyKind.p256, .p384, .ed25519, .rsa(bits: 2048)])
  func good(kind: KeyKind) throws {
    let issued = try authority.get().issue(goodRequest("Node_1.example-x"), key: kind)
    let name = try verdict(on: [issued]).get()
    #expect(name.node == "Node_1.example-x")
    #expect(name.cluster == "default")
  }

  struct Bad: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let failure: VerificationFailure
    var key = KeyKind.p256
    let spoil: @Sendable (inout CertificateRequest) -> Void

    init(
      _ description: String, _ failure: VerificationFailure, key: KeyKind = .p256,
      _ spoil: @escaping @Sendable (inout CertificateRequest) -> Void
    ) {
      (testDescription, self.failure, self.key, self.spoil) = (description, failure, key, spoil)
    }
  }

  static let uri = "serf://default/node-1"
  static let bad: [Bad] = [
    Bad("expired", .expired(noon - .seconds(1))) { $0.notAfter = noon - .seconds(1) },
    Bad("not yet valid", .notYetValid(noon + .seconds(1))) { $0.notBefore = noon + .seconds(1) },
    Bad("CN only", .noName) { $0.names = SubjectAlternativeNames([]) },
    Bad("DNS name only", .noName) { $0.names = names(dns: ["node-1"]) },
    Bad("another URI only", .noName) { $0.names = names("spiffe://default/node-1") },
    Bad("wildcard", .malformedName("serf://default/*")) { $0.names = names("serf://default/*") },
    Bad("upper-case scheme", .malformedName("SERF://default/node-1")) { $0.names = names("SERF://default/node-1") },
    Bad("upper-case cluster", .wrongCluster("DEFAULT")) { $0.names = names("serf://DEFAULT/node-1") },
    Bad("two of our URIs", .severalNames) { $0.names = names(uri, "serf://default/node-2") },
    Bad("the same URI twice", .severalNames) { $0.names = names(uri, uri) },
    Bad("two URIs, one in another case", .severalNames) { $0.names = names(uri, "Serf:whatever") },
    Bad("other cluster", .wrongCluster("other")) { $0.names = names("serf://other/node-1") },
    Bad("no cluster", .malformedName("serf:///node-1")) { $0.names = names("serf:///node-1") },
    Bad("no node", .malformedName("serf://default/")) { $0.names = names("serf://default/") },
    Bad("second slash", .malformedName("serf://default/node-1/x")) { $0.names = names("serf://default/node-1/x") },
    Bad("port", .malformedName("serf://default:1/node-1")) { $0.names = names("serf://default:1/node-1") },
    Bad("user", .malformedName("serf://me@default/node-1")) { $0.names = names("serf://me@default/node-1") },
    Bad("query", .malformedName("serf://default/node-1?x")) { $0.names = names("serf://default/node-1?x") },
    Bad("fragment", .malformedName("serf://default/node-1#x")) { $0.names = names("serf://default/node-1#x") },
    Bad("percent sign", .malformedName("serf://default/node%2d1")) { $0.names = names("serf://default/node%2d1") },
    Bad("NUL", .malformedName("serf://default/node-1\\u{0}x")) { $0.names = names("serf://default/node-1\0x") },
    Bad("129 bytes", .malformedName("serf://default/" + String(repeating: "x", count: 129))) {
      $0.names = names("serf://default/" + String(repeating: "x", count: 129))
    },
    Bad("serverAuth only", .missingClientAuth) { $0.purposes = .serverAuth },
    Bad("clientAuth only", .missingServerAuth) { $0.purposes = .clientAuth },
    Bad("no purpose", .missingClientAuth) { $0.purposes = .absent },
    Bad("any purpose", .missingClientAuth) { $0.purposes = .any },
    Bad("no key usage", .missingDigitalSignature) { $0.keyUsage = .absent },
    Bad("other key usage", .missingDigitalSignature) { $0.keyUsage = .certificateSign },
    Bad("CA as leaf", .isAuthority) {
      $0.isAuthority = true; $0.keyUsage = [.digitalSignature, .certificateSign]
    },
    Bad("RSA-1024", .weakKey("RSA 1024"), key: .rsa(bits: 1024)) { _ in },
    Bad("P-521", .weakKey("P-521"), key: .p521) { _ in },
    Bad("SHA-1", .weakSignature("ECDSA-SHA1")) { $0.hash = .sha1 },
    Bad("65 names", .tooManyNames) { $0.names = names(uri, dns: (0..<64).map { "a\($0)" }) },
    Bad("4,000 names", .tooManyNames) { $0.names = names(uri, dns: Array(repeating: "a", count: 4_000)) },
    Bad("10,000 names", .chainTooLarge) { $0.names = names(uri, dns: (0..<10_000).map { "a\($0)" }) },
  ]

  @Test("with one thing wrong has its own reason", arguments: bad)
  func refused(bad: Bad) throws {
    var request = goodRequest()
    bad.spoil(&request)
    let issued = try authority.get().issue(request, key: bad.key)
    #expect(try verdict(on: [issued]) == .failure(bad.failure))
  }

  @Test("with 64 names, one of them ours, is accepted")
  func manyNames() throws {
    var request = goodRequest()
    request.names = names(Self.uri, "https://example.org/", dns: (0..<62).map { "a\($0)" })
    #expect(try verdict(on: [authority.get().issue(request)]).get().node == "node-1")
  }

  @Test("that is empty, too deep or no certificate is refused before anything is verified")
  func shape() throws {
    let issued = try authority.get().issue(goodRequest())
    #expect(try verdict(on: []) == .failure(.noCertificate))
    #expect(try verdict(on: Array(repeating: issued, count: 5)) == .failure(.chainTooDeep))
    #expect(throws: VerificationFailure.unreadable) { try CertificateChain(der: [[0x30, 0x03, 1, 2, 3]]) }
    #expect(throws: VerificationFailure.unreadable) { try CertificateChain(der: [[]]) }
    #expect(throws: VerificationFailure.unreadable) { try CertificateChain(der: [issued.chain.leaf.der.dropLast()]) }
  }

  @Test("of another authority is refused, also when the authority has the same name")
  func otherAuthority() throws {
    let other = try CertificateAuthority(at: noon)
    guard case .failure(.unknownIssuer) = try verdict(on: [other.issue(goodRequest())]) else {
      Issue.record("accepted or refused for another reason")
      return
    }
    let subject = try #require(try authority.get().issued.chain.leaf.subject.split(separator: "=").last.map(String.init))
    let twin = try authority.get().issued.chain.leaf
    let impostor = try Impostor.authority(named: subject, from: twin.notBefore, until: twin.notAfter)
    let forged = try impostor.issue(goodRequest())
    #expect(forged.chain.leaf.issuer == twin.subject)
    #expect(try verdict(on: [forged]).isRefusedAsForeign)
    #expect(try verdict(on: [forged, impostor.issued]).isRefusedAsForeign)
  }

  @Test("signed by itself is refused")
  func selfSigned() throws {
    let own = try CertificateAuthority.selfSigned(goodRequest())
    #expect(try verdict(on: [own]).isRefusedAsForeign)
  }

  /// An authority that may have other authorities below it, unlike those that `serf certs ca` makes.
  private static func rootWithoutLimit() throws -> CertificateAuthority {
    CertificateAuthority(
      adopting: try CertificateAuthority.selfSigned(.authority(commonName: "root", from: noon - .days(2), until: noon + .days(100))))
  }

  @Test("through intermediates is accepted as long as every link holds")
  func intermediates() throws {
    let root = try Self.rootWithoutLimit()
    func verdict(on chain: [CertificateAuthority.Issued], at time: UTCTime = noon) throws -> Result<CertificateName, VerificationFailure> {
      try SerfIdentityTests.verdict(on: chain, authority: root, at: time)
    }
    let middle = try root.intermediate(named: "middle", from: noon - .days(1), until: noon + .days(10))
    let lower = try middle.intermediate(named: "lower", from: noon - .days(1), until: noon + .days(9))
    let leaf = try lower.issue(goodRequest())
    #expect(try verdict(on: [leaf, lower.issued, middle.issued]).get().node == "node-1")
    #expect(try verdict(on: [leaf, lower.issued, middle.issued, root.issued]).get().node == "node-1")
    #expect(try verdict(on: [leaf, middle.issued]).isRefusedAsForeign)
    #expect(try verdict(on: [leaf]).isRefusedAsForeign)
    #expect(
      try verdict(on: [leaf, lower.issued, middle.issued], at: noon + .days(9) + .seconds(1))
        == .failure(.issuerExpired(noon + .days(9))))
  }

  @Test("may end at an intermediate, if that is the authority that we were given")
  func intermediateAsAnchor() throws {
    let root = try Self.rootWithoutLimit()
    let middle = try root.intermediate(named: "middle", from: noon - .days(1), until: noon + .days(10))
    let policy = try TrustPolicy(
      authorities: CertificateChain(pem: middle.certificatePEM), revocationsPEM: nil, cluster: "default", mode: .uri)
    func verify(_ chain: CertificateAuthority.Issued..., at time: UTCTime = noon) throws(VerificationFailure) -> PeerIdentity {
      try policy.verify(CertificateChain(der: chain.flatMap(\.chain.der)), at: time)
    }
    let leaf = try middle.issue(goodRequest())
    #expect(try verify(leaf).node == "node-1")
    #expect(try verify(leaf, middle.issued, root.issued).expiry == noon + .days(10))
    #expect(throws: VerificationFailure.issuerExpired(noon + .days(10))) { try verify(leaf, at: noon + .days(11)) }
    let sibling = try root.issue(goodRequest())
    #expect(throws: VerificationFailure.self) { try verify(sibling) }
    #expect(throws: VerificationFailure.self) { try verify(sibling, root.issued) }
  }

  @Test("issued by a node is refused")
  func issuedByNode() throws {
    let node = try authority.get().issue(goodRequest())
    let rogue = Impostor.authority(of: node)
    let forged = try rogue.issue(goodRequest("node-2"))
    guard case .failure(let failure) = try verdict(on: [forged, node]) else {
      Issue.record("accepted")
      return
    }
    #expect(failure == .issuerNotAllowed || failure.label == "unknownIssuer")
  }

  @Test("is valid through its last second")
  func lastSecond() throws {
    let issued = try authority.get().issue(goodRequest())
    let (first, last) = (noon - .seconds(300), noon + .days(30))
    #expect(try verdict(on: [issued], at: first).get().node == "node-1")
    #expect(try verdict(on: [issued], at: last).get().node == "node-1")
    #expect(try verdict(on: [issued], at: first - .seconds(1)) == .failure(.notYetValid(first)))
    #expect(try verdict(on: [issued], at: last + .seconds(1)) == .failure(.expired(last)))
  }

  @Test("is refused when it is revoked, and only then")
  func revoked() throws {
    let root = try authority.get()
    let (good, bad) = (try root.issue(goodRequest("good")), try root.issue(goodRequest("bad")))
    let list = root.revocationList(of: [bad], at: noon, nextUpdate: noon + .days(1))
    #expect(try verdict(on: [good], revocations: list).get().node == "good")
    #expect(try verdict(on: [bad], revocations: list) == .failure(.revoked))
    // Overdue lists still revoke.
    #expect(try verdict(on: [bad], revocations: list, at: noon + .days(2)) == .failure(.revoked))
    let foreign = try CertificateAuthority(at: noon).revocationList(of: [bad], at: noon, nextUpdate: noon + .days(1))
    #expect(throws: CShimError.notOurs) { try verdict(on: [bad], revocations: foreign) }
    #expect(throws: CShimError.self) { try verdict(on: [bad], revocations: Array("junk".utf8)) }
  }

  @Test("with a DNS name counts only in that mode, and only if it is plain and the only one")
  func dnsMode() throws {
    func verdictOnNames(_ names: SubjectAlternativeNames) throws -> Result<CertificateName, VerificationFailure> {
      var request = goodRequest()
      request.names = names
      return try verdict(on: [authority.get().issue(request)], mode: .dns)
    }
    let name = try verdictOnNames(names(dns: ["node-1.example.org"])).get()
    #expect(name.node == "node-1.example.org")
    #expect(name.cluster == nil)
    #expect(try verdictOnNames(names()) == .failure(.noName))
    #expect(try verdictOnNames(names(dns: ["a", "b"])) == .failure(.severalNames))
    #expect(try verdictOnNames(names("serf://default/a", dns: ["a"])) == .failure(.severalNames))
    #expect(try verdictOnNames(names(dns: ["Node"])) == .failure(.malformedName("Node")))
    #expect(try verdictOnNames(names(dns: ["*.example.org"])) == .failure(.malformedName("*.example.org")))
  }

  @Test("is verified again by the clock alone while the policy is the same, in full when it changed")
  func reverification() throws {
    let root = try authority.get()
    let issued = try root.issue(goodRequest())
    let authorities = try CertificateChain(pem: root.certificatePEM)
    let policy = try TrustPolicy(authorities: authorities, revocationsPEM: nil, cluster: "default", mode: .uri)
    let identity = try policy.verify(CertificateChain(der: issued.chain.der), at: noon)
    #expect(identity.expiry == noon + .days(30))
    try policy.reverify(identity, at: noon + .days(30))
    #expect(throws: VerificationFailure.expired(noon + .days(30))) { try policy.reverify(identity, at: noon + .days(31)) }

    let list = root.revocationList(of: [issued], at: noon, nextUpdate: noon + .days(1))
    let stricter = try TrustPolicy(authorities: authorities, revocationsPEM: list, cluster: "default", mode: .uri)
    #expect(throws: VerificationFailure.revoked) { try stricter.reverify(identity, at: noon) }

    // Rotation: the old authority beside the new one, then the new one alone.
    let next = try CertificateAuthority(at: noon)
    let both = try TrustPolicy(
      authorities: CertificateChain(pem: root.certificatePEM + next.certificatePEM), revocationsPEM: nil, cluster: "default", mode: .uri)
    try both.reverify(identity, at: noon)
    let only = try TrustPolicy(
      authorities: CertificateChain(pem: next.certificatePEM), revocationsPEM: nil, cluster: "default", mode: .uri)
    #expect(throws: VerificationFailure.self) { try only.reverify(identity, at: noon) }
  }

  @Test("says what is wrong in words, with the date")
  func words() {
    #expect(VerificationFailure.expired(noon).description == "the certificate expired on 2020-09-13 12:26:40 UTC")
    for bad in Self.bad {
      #expect(VerificationFailure.meaning(ofTLSAlert: bad.failure.tlsAlert) != nil)
    }
  }
}

/// Authorities that no peer should accept.
enum Impostor {
  static func authority(named name: String, from: UTCTime, until: UTCTime) throws -> CertificateAuthority {
    try CertificateAuthority(adopting: CertificateAuthority.selfSigned(.authority(commonName: name, from: from, until: until)))
  }

  static func authority(of node: CertificateAuthority.Issued) -> CertificateAuthority { CertificateAuthority(adopting: node) }
}

extension Result<CertificateName, VerificationFailure> {
  /// Refused because none of our authorities issued it.
  var isRefusedAsForeign: Bool {
    switch self {
    case .failure(.unknownIssuer), .failure(.badSignature): true
    default: false
    }
  }
}
