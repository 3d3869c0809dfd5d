import SerfIdentity
import SerfPrimitives
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The current time in all these tests. It is long past, so that a verdict by the system's clock would be noticed.
let noon = UTCTime(secondsSinceEpoch: 1_600_000_000)

/// One authority for all tests: making keys is the slow part.
let authority = Result { try CertificateAuthority(cluster: "default", at: noon) }

/// A correct request for a node's certificate, which tests then change.
func goodRequest(_ node: String = "node-1", cluster: String = "default") -> CertificateRequest {
  .node(node, cluster: cluster, from: noon - .seconds(300), until: noon + .days(30))
}

/// The verdict of a node of cluster `default` with only our authority about a chain.
func verdict(
  on chain: [CertificateAuthority.Issued], authority other: CertificateAuthority? = nil, mode: IdentityMode = .uri,
  revocations: [UInt8]? = nil, at time: UTCTime = noon
) throws -> Result<CertificateName, VerificationFailure> {
  let authorities = try CertificateChain(pem: (other ?? authority.get()).certificatePEM)
  let policy = try TrustPolicy(authorities: authorities, revocationsPEM: revocations, cluster: "default", mode: mode)
  return Result { () throws(VerificationFailure) in
    try policy.verify(CertificateChain(der: chain.flatMap(\.chain.der)), at: time).name
  }
}

func names(_ uris: String..., dns: [String] = []) -> SubjectAlternativeNames {
  SubjectAlternativeNames(uris.map { .uri(Array($0.utf8)) } + dns.map { .dns(Array($0.utf8)) })
}

/// A directory that is removed after the test.
final class TemporaryDirectory {
  let path: String

  init() throws {
    var template = Array("/tmp/serf-identity-XXXXXX".utf8CString)
    path = try #require(mkdtemp(&template).map { String(cString: $0) })
  }

  deinit {
    if let directory = opendir(path) {
      while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        unlink("\(path)/\(name)")
      }
      closedir(directory)
    }
    rmdir(path)
  }

  func write(_ name: String, _ bytes: [UInt8], mode: UInt32 = 0o600) throws -> String {
    let file = "\(path)/\(name)"
    try CredentialFile.write(bytes, to: file, mode: mode, overwrite: true)
    return file
  }
}
