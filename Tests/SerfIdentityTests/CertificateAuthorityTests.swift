import SerfIdentity
import SerfPrimitives
import Testing

@Suite("A certificate authority")
struct CertificateAuthorityTests {
  @Test("remembers its cluster, and can be read back from its files")
  func files() throws {
    let made = try CertificateAuthority(cluster: "prod", at: noon)
    let read = try CertificateAuthority(certificatePEM: made.certificatePEM, privateKeyPEM: made.privateKeyPEM)
    #expect(read.cluster == "prod")
    #expect(read.expiry == noon + .days(3650))
    func credentials(_ node: CertificateAuthority.Issued, cluster: String) throws -> Credentials {
      try Credentials(
        pem: .init(authorities: made.certificatePEM, certificate: node.certificatePEM, privateKey: node.privateKeyPEM), cluster: cluster,
        expecting: "n1", at: noon)
    }
    #expect(try credentials(read.issue(node: "n1", at: noon), cluster: "prod").node == "n1", "the authority's cluster is the default")
    #expect(try credentials(made.issue(node: "n1", cluster: "test", at: noon), cluster: "test").node == "n1")
  }

  @Test("has path length 0: it issues nodes' certificates, and no peer accepts an authority below it")
  func pathLength() throws {
    let root = try authority.get()
    #expect(root.issued.chain.leaf.isAuthority)
    #expect(root.issued.chain.leaf.pathLength == 0)
    #expect(try CertificateChain(pem: root.certificatePEM).leaf.pathLength == 0)
    let below = try root.intermediate(named: "below", from: noon - .days(1), until: noon + .days(10))
    #expect(try verdict(on: [below.issue(goodRequest()), below.issued]) == .failure(.issuerNotAllowed))
    #expect(try verdict(on: [root.issue(goodRequest())]).get().node == "node-1")
  }

  @Test("issues certificates that reach five minutes back and never outlive it")
  func validity() throws {
    let authority = try CertificateAuthority(validFor: .days(10), at: noon)
    let leaf = try authority.issue(node: "n1", validFor: .days(30), at: noon).chain.leaf
    #expect(leaf.notBefore == noon - .seconds(300))
    #expect(leaf.notAfter == noon + .days(10))
    let late = #expect(throws: SerfError.self) { try authority.issue(node: "n1", at: noon + .days(11)) }
    #expect(late?.code == .credentials && late?.cause as? IssuingError == .authorityExpired(noon + .days(10)))
  }

  @Test("gives every certificate a serial and every authority its own name")
  func unique() throws {
    let authority = try authority.get()
    let issued = try (0..<8).map { _ in try authority.issue(node: "n1", at: noon).chain.leaf }
    #expect(Set(issued.map(\.serial)).count == 8)
    #expect(issued.allSatisfy { $0.serial.utf8.count == 40 })
    #expect(try CertificateAuthority(at: noon).issued.chain.leaf.subject != authority.issued.chain.leaf.subject)
  }

  @Test("is refused when its parts do not fit")
  func broken() throws {
    let made = try authority.get()
    let other = try CertificateAuthority(at: noon)
    let node = try made.issue(node: "n1", at: noon)
    func refusal(_ body: () throws -> Any) throws -> IssuingError? {
      let error = try #require(throws: SerfError.self) { _ = try body() }
      #expect(error.code == .credentials)
      return error.cause as? IssuingError
    }
    func load(_ certificate: [UInt8], _ key: [UInt8]) throws -> IssuingError? {
      try refusal { try CertificateAuthority(certificatePEM: certificate, privateKeyPEM: key) }
    }
    #expect(throws: Never.self) { try CertificateAuthority(certificatePEM: made.certificatePEM, privateKeyPEM: made.privateKeyPEM) }
    #expect(try load(made.certificatePEM, other.privateKeyPEM) == .keyMismatch)
    #expect(try load(node.certificatePEM, node.privateKeyPEM) == .notAnAuthority)
    #expect(try load([], made.privateKeyPEM) == .unreadableCertificate)
    #expect(try load(made.certificatePEM, made.certificatePEM) == .unreadableKey)
    #expect(try refusal { try made.issue(node: "a/b") } == .nameNotInAlphabet)
    #expect(try refusal { try CertificateAuthority(cluster: "a b") } == .nameNotInAlphabet)
  }
}
