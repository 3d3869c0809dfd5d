internal import CGnuTLS
public import SerfPrimitives

/// Who a node is and which peers it accepts: its certificate and private key, the cluster's authorities and their revocation lists.
///
/// A value of this type has passed all checks: at the time of loading, any node with the same CA file would accept its certificate. Immutable;
/// rotation loads a new one and swaps it in (`secure-transport.md` 1.7). A broken file throws, and the old one stays in use.
///
/// `@unchecked Sendable`: all parts are immutable, the C ones by the contract in `CGnuTLS.h`.
public final class Credentials: @unchecked Sendable {
  /// Paths of PEM files.
  public struct Files: Hashable, Sendable {
    /// The authorities whose nodes are members; several while one replaces another.
    public var authorities: String
    /// This node's certificate, followed by intermediates if there are any.
    public var certificate: String
    /// The private key of the certificate, without a password.
    public var privateKey: String
    /// Revocation lists of the authorities.
    public var revocations: String?
    /// Accepts a private key that group or others can read. The default is off. Turn it on only where file modes mean nothing, as on some volume
    /// mounts.
    public var allowsInsecureKey: Bool

    /// The paths of a node's files.
    public init(
      authorities: String, certificate: String, privateKey: String, revocations: String? = nil, allowsInsecureKey: Bool = false
    ) {
      self.authorities = authorities
      self.certificate = certificate
      self.privateKey = privateKey
      self.revocations = revocations
      self.allowsInsecureKey = allowsInsecureKey
    }
  }

  /// The name that our own certificate proves.
  public let name: CertificateName
  /// Our own certificate as a peer would see it, with its end of validity.
  public let identity: PeerIdentity
  /// The node's name, as our own certificate proves it.
  public var node: NodeName { name.node }
  /// The cluster that peers must be of.
  public var cluster: String { policy.cluster }
  /// Where certificates state the name, ours and those of peers.
  public var mode: IdentityMode { policy.mode }
  /// When the earliest revocation list should have been replaced by a newer one. Overdue lists still count; the log should say so.
  public var revocationsNextUpdate: UTCTime? { policy.revocationsNextUpdate }

  /// Which peers we accept.
  package let policy: TrustPolicy
  /// The `cg_credentials`: a TLS session takes it with `cg_credentials_retain`, and gives it back after the session is gone.
  package let tls: OpaquePointer
  private let privateKey: PrivateKey

  /// Loads and checks everything, in the order in which an operator would look for a mistake: the settings, the files, whether they fit together,
  /// whether peers would accept us.
  ///
  /// - Parameters:
  ///   - cluster: 1–128 bytes of `[A-Za-z0-9._-]`.
  ///   - expected: the configured node name, which the certificate must carry; nil accepts the certificate's name.
  /// - Throws: ``SerfError`` with ``SerfError/Code/credentials``; its cause is a ``CredentialsError``, which names the file.
  public convenience init(
    files: Files, cluster: String = "default", mode: IdentityMode = .uri, expecting expected: String? = nil, at now: UTCTime = .now
  ) throws {
    do throws(CredentialsError) {
      let (pem, key) = try Self.read(files)
      try self.init(pem: pem, key: key, files: files, cluster: cluster, mode: mode, expecting: expected, at: now)
    } catch {
      throw SerfError(.credentials, error)
    }
  }

  /// The contents of the files, and the key, which is not among them.
  private static func read(_ files: Files) throws(CredentialsError) -> (PEM, PrivateKey) {
    let authorities = try CredentialFile.read(files.authorities, what: "CA", setting: SettingName.authorities.rawValue)
    let certificate = try CredentialFile.read(files.certificate, what: "certificate", setting: SettingName.certificate.rawValue)
    let keyText = try CredentialFile.readSecret(
      files.privateKey, what: "key", setting: SettingName.privateKey.rawValue,
      privacy: files.allowsInsecureKey ? .open : .secret(escape: .allowsInsecureKey))
    var revocations: [UInt8]?
    if let file = files.revocations {
      revocations = try CredentialFile.read(file, what: "revocation list", setting: SettingName.revocations.rawValue)
    }
    return (
      PEM(authorities: authorities, certificate: certificate, privateKey: [], revocations: revocations),
      try parseKey(keyText, file: files.privateKey)
    )
  }

  /// The contents of the files of ``Files``.
  public struct PEM: Sendable {
    /// The authorities whose nodes are members, one or more certificates.
    public var authorities: [UInt8]
    /// This node's certificate, followed by intermediates if there are any.
    public var certificate: [UInt8]
    /// The private key of the certificate, without a password.
    public var privateKey: [UInt8]
    /// Revocation lists of the authorities; nil if there are none.
    public var revocations: [UInt8]?

    /// The contents of a node's files.
    public init(authorities: [UInt8], certificate: [UInt8], privateKey: [UInt8], revocations: [UInt8]? = nil) {
      self.authorities = authorities
      self.certificate = certificate
      self.privateKey = privateKey
      self.revocations = revocations
    }
  }

  /// As ``init(files:cluster:mode:expecting:at:)``, from memory; `files` is what errors call the parts.
  ///
  /// - Throws: ``SerfError`` with ``SerfError/Code/credentials``; its cause is a ``CredentialsError``, which names the part.
  public convenience init(
    pem: PEM, files: Files = Files(authorities: "CA", certificate: "certificate", privateKey: "key", revocations: "CRL"),
    cluster: String = "default", mode: IdentityMode = .uri, expecting expected: String? = nil, at now: UTCTime = .now
  ) throws {
    do throws(CredentialsError) {
      let key = try Self.parseKey(SecretBytes(copying: pem.privateKey), file: files.privateKey)
      try self.init(pem: pem, key: key, files: files, cluster: cluster, mode: mode, expecting: expected, at: now)
    } catch {
      throw SerfError(.credentials, error)
    }
  }

  /// From the texts and the key, which is given separately.
  private init(
    pem: PEM, key: PrivateKey, files: Files, cluster: String, mode: IdentityMode, expecting expected: String?, at now: UTCTime
  ) throws(CredentialsError) {
    let (chain, policy, identity) = try Self.check(
      pem: pem, privateKey: key, files: files, cluster: cluster, mode: mode, expecting: expected, at: now)
    privateKey = key
    self.policy = policy
    self.identity = identity
    name = identity.name
    var status = CG_OK
    guard let made = cg_credentials_new(chain.raw, key.raw, &status) else {
      throw CredentialsError(
        .internalFailure, file: files.certificate, cause: "the TLS library refuses this pair (\(CShimError(status)))",
        nextStep: "issue a new pair with 'serf certs node'")
    }
    tls = made
  }

  /// Presents what it is given, or no certificate at all, unchecked: for attackers in tests. What *it* believes is `authorities`, as usual.
  package init(
    impostor issued: CertificateAuthority.Issued?, calling name: NodeName, authorities: [UInt8], cluster: String = "default"
  ) throws(CShimError) {
    if let issued { privateKey = issued.key } else { privateKey = try PrivateKey(generate: .p256) }
    policy = try TrustPolicy(authorities: CertificateChain(pem: authorities), revocationsPEM: nil, cluster: cluster, mode: .uri)
    self.name = CertificateName(impostor: name, cluster: cluster)
    identity = PeerIdentity(
      name: self.name, chain: issued?.chain.der ?? [], validity: UTCTime(secondsSinceEpoch: .min)..<UTCTime(secondsSinceEpoch: .max),
      policyDigest: [])
    var status = CG_OK
    guard let made = cg_credentials_new(issued?.chain.raw, privateKey.raw, &status) else { throw CShimError(status) }
    tls = made
  }

  /// Presents what a `gnutls_certificate_credentials_t` that a test made holds, and takes it over.
  package init(
    impostor tls: UnsafeMutableRawPointer, calling name: NodeName, authorities: [UInt8], cluster: String = "default"
  ) throws(CShimError) {
    privateKey = try PrivateKey(generate: .p256)
    policy = try TrustPolicy(authorities: CertificateChain(pem: authorities), revocationsPEM: nil, cluster: cluster, mode: .uri)
    self.name = CertificateName(impostor: name, cluster: cluster)
    identity = PeerIdentity(
      name: self.name, chain: [], validity: UTCTime(secondsSinceEpoch: .min)..<UTCTime(secondsSinceEpoch: .max), policyDigest: [])
    guard let adopted = cg_credentials_adopt(tls) else { throw .outOfMemory }
    self.tls = adopted
  }

  deinit { cg_credentials_release(tls) }

  /// The identity of the peer of a TLS session: the session's verify callback calls this. `session` is a `gnutls_session_t`.
  package func verifyPeer(ofSession session: UnsafeMutableRawPointer, at now: UTCTime) throws(VerificationFailure) -> PeerIdentity {
    try policy.verify(CertificateChain(peerOfSession: session), at: now)
  }

  /// The identity that this chain proves: DER certificates, leaf first. There is no role: every node's certificate must serve both.
  package func verify(chain: [[UInt8]], at now: UTCTime) throws(VerificationFailure) -> PeerIdentity {
    try policy.verify(CertificateChain(der: chain), at: now)
  }

  /// Checks that a peer that was verified before, perhaps with other credentials, is still acceptable: at each reload and every 60 s
  /// (`secure-transport.md` 1.7). This costs a comparison of two times, unless authorities or revocation lists have changed since.
  package func reverify(_ identity: PeerIdentity, at now: UTCTime) throws(VerificationFailure) {
    try policy.reverify(identity, at: now)
  }

  /// The private key, PKCS #8, for a TLS library that is not GnuTLS.
  package var privateKeyPEM: SecretBytes { privateKey.pem }

  /// The key of QUIC's stateless resets, the same after every restart with the same private key (`secure-transport.md` 2.4).
  package var statelessResetSecret: SecretBytes { privateKey.derive("serf/1 stateless reset", count: 32) }
}

extension Credentials {
  /// All the checks of loading, apart from reading the private key: also for certificates whose key is elsewhere.
  package static func check(
    pem: PEM, privateKey: PrivateKey?, files: Files, cluster: String, mode: IdentityMode, expecting expected: String?, at now: UTCTime
  ) throws(CredentialsError) -> (chain: CertificateChain, policy: TrustPolicy, identity: PeerIdentity) {
    try checkSettings(cluster: cluster, expected: expected)
    let chain = try parseCertificates(pem.certificate, file: files.certificate, setting: .certificate)
    if let privateKey, !privateKey.matches(chain) {
      throw CredentialsError(
        .keyMismatch, file: files.privateKey, cause: "the private key does not belong to the certificate \(files.certificate)",
        nextStep: "give the pair that was issued together (\(SettingName.certificate) and \(SettingName.privateKey))")
    }
    let policy = try makePolicy(pem: pem, files: files, cluster: cluster, mode: mode)
    let identity = try checkOurselves(chain, policy: policy, files: files, at: now)
    if let expected, NodeName(expected) != identity.node {
      throw CredentialsError(
        .nameNotCarried, file: files.certificate, cause: "the certificate is for node '\(identity.node)', not '\(expected)'",
        nextStep: "give the node that name (\(SettingName.name)), or issue a certificate with 'serf certs node \(expected)'")
    }
    return (chain, policy, identity)
  }

  private static func checkSettings(cluster: String, expected: String?) throws(CredentialsError) {
    guard CertificateName.isValid(cluster.utf8) else {
      throw CredentialsError(
        .clusterNotInAlphabet, file: nil,
        cause: "the cluster name '\(escaped(Array(cluster.utf8)))' is not 1 to 128 characters of A-Z a-z 0-9 . _ -",
        nextStep: "choose another (\(SettingName.cluster))")
    }
    if let expected, !CertificateName.isValid(expected.utf8) {
      throw CredentialsError(
        .nameNotInAlphabet, file: nil,
        cause: "the node name '\(escaped(Array(expected.utf8)))' is not 1 to 128 characters of A-Z a-z 0-9 . _ -",
        nextStep: "choose another (\(SettingName.name))")
    }
  }

  package static func parseCertificates(_ pem: [UInt8], file: String, setting: SettingName) throws(CredentialsError) -> CertificateChain {
    do {
      return try CertificateChain(pem: pem)
    } catch .tooMany {
      throw CredentialsError(
        .tooLarge, file: file, cause: "the file holds more than \(CG_BUNDLE_COUNT_MAX) certificates",
        nextStep: "name a smaller file (\(setting))")
    } catch {
      throw CredentialsError(
        .notPEM, file: file, cause: "the file holds no readable PEM certificate",
        nextStep: "give a file that begins with '-----BEGIN CERTIFICATE-----' (\(setting))")
    }
  }

  package static func parseKey(_ pem: SecretBytes, file: String) throws(CredentialsError) -> PrivateKey {
    // Both ways of writing an encrypted key say so in clear text: "ENCRYPTED PRIVATE KEY", or a header "Proc-Type: 4,ENCRYPTED".
    if pem.contains("ENCRYPTED") {
      throw CredentialsError(
        .keyEncrypted, file: file, cause: "the private key is encrypted",
        nextStep: "decrypt it, for example with 'openssl pkey -in \(file) -out node.key', and keep it at mode 600")
    }
    do {
      return try PrivateKey(pem: pem)
    } catch .unsupported {
      throw CredentialsError(
        .keyUnsupported, file: file, cause: "the private key is of a kind that is not supported",
        nextStep: "use P-256, P-384, Ed25519 or RSA of 2048 bits or more")
    } catch {
      throw CredentialsError(
        .notPEM, file: file, cause: "the file holds no readable PEM private key",
        nextStep: "give a file that begins with '-----BEGIN PRIVATE KEY-----' (\(SettingName.privateKey))")
    }
  }

  private static func makePolicy(pem: PEM, files: Files, cluster: String, mode: IdentityMode) throws(CredentialsError) -> TrustPolicy {
    let authorities = try parseCertificates(pem.authorities, file: files.authorities, setting: .authorities)
    for index in 0..<authorities.count {
      let certificate = authorities[index]
      guard certificate.isAuthority else {
        throw CredentialsError(
          .notAnAuthority, file: files.authorities,
          cause: "the certificate of \(certificate.subject) is not an authority's (basicConstraints CA)",
          nextStep: "give the certificate of the CA itself (\(SettingName.authorities))")
      }
      if case .rsa(let bits) = certificate.key.kind, bits < 2048 {
        throw CredentialsError(
          .notAnAuthority, file: files.authorities, cause: "the authority \(certificate.subject) has a weak key (RSA \(bits))",
          nextStep: "make a new CA with 'serf certs ca'")
      }
    }
    do {
      return try TrustPolicy(authorities: authorities, revocationsPEM: pem.revocations, cluster: cluster, mode: mode)
    } catch {
      guard pem.revocations != nil else {
        throw CredentialsError(
          .internalFailure, file: files.authorities, cause: "the TLS library refuses these authorities (\(error))",
          nextStep: "check that file (\(SettingName.authorities))")
      }
      throw CredentialsError(
        .revocationsUnusable, file: files.revocations,
        cause: error == .notOurs
          ? "the revocation list is not signed by an authority in \(files.authorities)" : "the file holds no readable PEM revocation list",
        nextStep: "give a list that begins with '-----BEGIN X509 CRL-----', issued by that authority (\(SettingName.revocations))")
    }
  }

  /// Checks our own certificate by our own rules: all that a peer would refuse is found here, before the first packet.
  private static func checkOurselves(
    _ chain: CertificateChain, policy: TrustPolicy, files: Files, at now: UTCTime
  ) throws(CredentialsError) -> PeerIdentity {
    do {
      // Through DER, so that the limits for peers apply to us too.
      return try policy.verify(CertificateChain(der: chain.der), at: now)
    } catch {
      throw CredentialsError(
        .refused(error), file: files.certificate, cause: error.description, nextStep: error.nextStep(cluster: policy.cluster, files: files))
    }
  }
}

extension VerificationFailure {
  fileprivate func nextStep(cluster: String, files: Credentials.Files) -> String {
    switch self {
    case .expired, .issuerExpired: "issue a new one with 'serf certs node'"
    case .notYetValid, .issuerNotYetValid: "check this machine's clock, or wait until then"
    case .unknownIssuer, .badSignature: "give the CA that issued it (\(SettingName.authorities), now \(files.authorities))"
    case .wrongCluster(let found): "set \(SettingName.cluster) to '\(found)', or issue a certificate for cluster '\(cluster)'"
    case .noName, .malformedName, .severalNames, .tooManyNames:
      "issue one with exactly one URI name 'serf://\(cluster)/<node>', as 'serf certs node' does"
    case .isAuthority: "give a node's certificate (\(SettingName.certificate)); 'serf certs node' issues one"
    case .revoked: "issue a new certificate with a new key"
    default: "issue one as certs/README.md describes, for example with 'serf certs node'"
    }
  }
}
