package import SerfIdentity
import SerfPrimitives

/// A peer without a proper certificate.
package struct Stranger: CustomStringConvertible, Sendable {
  package let description: String
  /// What the victim's log says about it.
  package let reason: String
  package var counter = "certificates_refused"
  package var applicationProtocol = "serf/1"
  /// Whether it could be a server: that needs a certificate, and with the other protocol its own side refuses.
  package var isServer: Bool { applicationProtocol == "serf/1" && description != "none" }
  package let certificate: @Sendable (CertificateAuthority) throws -> CertificateAuthority.Issued?

  init(
    _ description: String, _ reason: String, counter: String = "certificates_refused", applicationProtocol: String = "serf/1",
    certificate: @escaping @Sendable (CertificateAuthority) throws -> CertificateAuthority.Issued?
  ) {
    (self.description, self.reason, self.counter) = (description, reason, counter)
    (self.applicationProtocol, self.certificate) = (applicationProtocol, certificate)
  }

  /// A stranger with a certificate of the cluster's own authority with one thing wrong.
  init(
    _ description: String, _ reason: String, key: KeyKind = .p256, spoil: @escaping @Sendable (inout CertificateRequest) -> Void
  ) {
    self.init(description, reason) { authority in
      var request = CertificateRequest.node("mallory", from: .now - .days(1), until: .now + .days(30))
      spoil(&request)
      return try authority.issue(request, key: key)
    }
  }

  private static func uris(_ uris: String...) -> SubjectAlternativeNames {
    SubjectAlternativeNames(uris.map { .uri(Array($0.utf8)) })
  }

  /// All strangers.
  package static let all: [Stranger] = [
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
}
