import Serf
import SerfIdentity
import SerfTransport
import Testing

@Suite("What a node is made of")
struct SetupErrorTests {
  /// The error, which must be a `SerfError` with this code.
  private func refusal(
    _ code: SerfError.Code, _ body: () throws -> Any, sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> SerfError {
    let error = try #require(throws: SerfError.self, sourceLocation: sourceLocation) { _ = try body() }
    #expect(error.code == code, sourceLocation: sourceLocation)
    return error
  }

  private func credentials(_ node: String = "n1") throws -> Credentials {
    let authority = try CertificateAuthority()
    let issued = try authority.issue(node: node)
    return try Credentials(
      pem: .init(authorities: authority.certificatePEM, certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM))
  }

  @Test(
    "refuses an address that is none with the configuration's code",
    arguments: ["nowhere", "10.0.0.1:x", "[fe80::1%no-such-interface]:1"])
  func address(_ text: String) throws {
    _ = try refusal(.configuration) { try NetTransport(bind: text) }
    #if QUIC
      _ = try refusal(.configuration) { try QuicTransport(credentials(), bind: text) }
    #endif
    #if TLS
      _ = try refusal(.configuration) { try TLSTransport(credentials(), bind: text) }
    #endif
  }

  @Test("refuses certificates and authorities with the credentials' code, and the reason is the cause")
  func certificates() throws {
    let files = try refusal(.credentials) { try Credentials(files: .init(authorities: "/no/ca.pem", certificate: "", privateKey: "")) }
    #expect((files.cause as? CredentialsError)?.code == .missing)
    let texts = try refusal(.credentials) { try Credentials(pem: .init(authorities: [], certificate: [], privateKey: [])) }
    #expect(texts.cause is CredentialsError)
    let name = try refusal(.credentials) { try CertificateAuthority(cluster: "a b") }
    #expect(name.cause as? IssuingError == .nameNotInAlphabet)
    #expect(name.description == IssuingError.nameNotInAlphabet.description)
  }

  @Test("refuses keys with the configuration's code, and the reason is the cause")
  func keys() throws {
    let short = try refusal(.configuration) { try SecretKey(bytes: [1, 2, 3]) }
    #expect(short.cause as? KeyringError == .keyLength(3))
    let text = try refusal(.configuration) { try SecretKey(base64: "?") }
    #expect(text.cause as? KeyringError == .notBase64)
    let none = try refusal(.configuration) { try Keyring([]) }
    #expect(none.cause as? KeyringError == .empty)
  }

  @Test("refuses the credentials of another node with the credentials' code")
  func rotation() throws {
    #if QUIC
      let quic = QuicTransport(try credentials(), bind: .init(ipv4: 127, 0, 0, 1, port: 0))
      _ = try refusal(.credentials) { try quic.replace(credentials: credentials("n2")) }
    #endif
    #if TLS
      let tls = try TLSTransport(credentials(), bind: .init(ipv4: 127, 0, 0, 1, port: 0))
      _ = try refusal(.credentials) { try tls.replace(credentials: credentials("n2")) }
    #endif
  }
}
