import SerfIdentity
import SerfPrimitives
import Synchronization

/// The certificates of the tests: one cluster, one authority, issued once per run, because making keys takes time.
final class TestAuthority: Sendable {
  static let shared = TestAuthority()
  /// The civil time at the tests' `Instant.zero`.
  static let origin = UTCTime(secondsSinceEpoch: 1_800_000_000)

  let authority: CertificateAuthority
  private let issued = Mutex<[String: Credentials]>([:])

  init() { authority = Self.made { try CertificateAuthority(at: Self.origin - .days(1)) } }

  /// The credentials of a well configured node of the cluster; the same each time, as after a restart.
  func credentials(_ node: String) -> Credentials {
    issued.withLock { issued in
      if let known = issued[node] { return known }
      let pair = Self.made {
        try authority.issue(node: node, validFor: .days(30), at: Self.origin - .days(1))
      }
      let credentials = Self.made {
        try Credentials(
          pem: .init(authorities: authority.certificatePEM, certificate: pair.certificatePEM, privateKey: pair.privateKeyPEM),
          at: Self.origin)
      }
      issued[node] = credentials
      return credentials
    }
  }

  /// Making certificates for a test must not fail: otherwise the test means nothing.
  static func made<Value, Failure: Error>(_ body: () throws(Failure) -> Value) -> Value {
    do { return try body() } catch { fatalError("cannot make the test's certificates: \(error)") }
  }
}
