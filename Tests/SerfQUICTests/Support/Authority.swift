import SerfIdentity
import SerfPrimitives

/// The certificates of the tests: one cluster, one authority, issued once per run since keys cost time.
struct TestAuthority: Sendable {
  static let shared = TestAuthority()
  /// The civil time at the tests' `Instant.zero`.
  static let origin = UTCTime(secondsSinceEpoch: 1_800_000_000)

  let authority: CertificateAuthority

  init() { authority = Self.made { () throws(IssuingError) in try CertificateAuthority(at: Self.origin - .days(1)) } }

  /// What a well configured node of the cluster holds.
  func credentials(_ node: String, cluster: String = "default") -> Credentials {
    let issued = Self.made { () throws(IssuingError) in
      try authority.issue(node: node, cluster: cluster, validFor: .days(30), at: Self.origin - .days(1))
    }
    return Self.made { () throws(CredentialsError) in
      try Credentials(
        pem: .init(authorities: authority.certificatePEM, certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM),
        cluster: cluster, at: Self.origin)
    }
  }

  /// Making certificates for a test does not fail, or the test cannot say anything.
  static func made<Value, Failure: Error>(_ body: () throws(Failure) -> Value) -> Value {
    do { return try body() } catch { fatalError("cannot make the test's certificates: \(error)") }
  }
}
