package import SerfIdentity
import SerfPrimitives

/// The files that `serf certs check` was given, each with its role and its contents.
package struct CertificateFiles {
  struct Parsed {
    let file: String
    let pem: [UInt8]
    let chain: CertificateChain
  }

  var authorities: [Parsed] = []
  var certificates: [Parsed] = []
  var keys: [(file: String, key: PrivateKey)] = []
  var revocations: [(file: String, pem: [UInt8])] = []

  package init() {}

  var isEmpty: Bool { authorities.isEmpty && certificates.isEmpty && keys.isEmpty && revocations.isEmpty }

  /// Adds a file; its content decides its role.
  package mutating func add(_ file: String, allowsInsecureKey: Bool) throws(CredentialsError) {
    let text = try CredentialFile.readSecret(file, what: "PEM", setting: "serf certs check", privacy: .open)
    if text.contains("PRIVATE KEY-----") {
      try addKey(file, allowsInsecureKey: allowsInsecureKey)
    } else if text.contains("-----BEGIN X509 CRL-----") {
      revocations.append((file, text.copy))
    } else {
      let parsed = try parse(text.copy, file)
      if (0..<parsed.chain.count).allSatisfy({ parsed.chain[$0].isAuthority }) {
        authorities.append(parsed)
      } else {
        certificates.append(parsed)
      }
    }
  }

  mutating func addAuthorities(_ file: String) throws(CredentialsError) {
    authorities.append(try parse(try CredentialFile.read(file, what: "CA", setting: "-tls-ca"), file, .authorities))
  }

  mutating func addCertificate(_ file: String) throws(CredentialsError) {
    certificates.append(try parse(try CredentialFile.read(file, what: "certificate", setting: "-tls-cert"), file))
  }

  mutating func addKey(_ file: String, allowsInsecureKey: Bool) throws(CredentialsError) {
    let privacy: CredentialFile.Privacy = allowsInsecureKey ? .open : .secret(escape: .allowsInsecureKey)
    let pem = try CredentialFile.readSecret(file, what: "key", setting: "-tls-key", privacy: privacy)
    keys.append((file, try Credentials.parseKey(pem, file: file)))
  }

  mutating func addRevocations(_ file: String) throws(CredentialsError) {
    revocations.append((file, try CredentialFile.read(file, what: "revocation list", setting: "-tls-crl")))
  }

  private func parse(_ pem: [UInt8], _ file: String, _ setting: SettingName = .certificate) throws(CredentialsError) -> Parsed {
    Parsed(file: file, pem: pem, chain: try Credentials.parseCertificates(pem, file: file, setting: setting))
  }
}
