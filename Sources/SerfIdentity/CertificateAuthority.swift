internal import CGnuTLS

/// Issues certificates for a cluster: what `serf certs` does, and what tests use to make good and bad ones.
public struct CertificateAuthority: Sendable {
  /// A certificate with its private key, both PEM. The key is a secret: files that hold it are written with mode 0600.
  public struct Issued: Sendable {
    public let certificatePEM: [UInt8]
    public let privateKeyPEM: [UInt8]
    package let chain: CertificateChain
    package let key: PrivateKey
  }

  /// The authority's own certificate and key.
  public let issued: Issued
  private var chain: CertificateChain { issued.chain }
  private var key: PrivateKey { issued.key }

  public var certificatePEM: [UInt8] { issued.certificatePEM }
  public var privateKeyPEM: [UInt8] { issued.privateKeyPEM }

  /// How far into the past a new certificate reaches, so that a machine whose clock is a little late accepts it (`secure-transport.md` 3.6).
  public static let backdating = Duration.seconds(300)

  /// Makes a new self-signed authority.
  ///
  /// - Parameter cluster: goes into its common name, for people; a random part tells two authorities of one cluster apart.
  public init(cluster: String = "default", validFor: Duration = .days(3650), key kind: KeyKind = .p256, at now: UTCTime = .now)
    throws(IssuingError)
  {
    var generator = SystemRandomNumberGenerator()
    let mark = String(UInt32.random(in: .min ... .max, using: &generator), radix: 16)
    let request = CertificateRequest.authority(commonName: "Serf CA \(cluster) \(mark)", from: now - Self.backdating, until: now + validFor)
    self.init(adopting: try Self.sign(request, key: kind, issuer: nil))
  }

  /// An authority from its files' contents. The key is only compared with the certificate here.
  public init(certificatePEM: [UInt8], privateKeyPEM: [UInt8]) throws(IssuingError) {
    let chain: CertificateChain
    let key: PrivateKey
    do { chain = try CertificateChain(pem: certificatePEM) } catch { throw .unreadableCertificate }
    do { key = try PrivateKey(pem: privateKeyPEM) } catch { throw .unreadableKey }
    guard key.matches(chain) else { throw .keyMismatch }
    guard chain.leaf.isAuthority else { throw .notAnAuthority }
    issued = Issued(certificatePEM: certificatePEM, privateKeyPEM: privateKeyPEM, chain: chain, key: key)
  }

  /// Signs with any pair at all, an authority or not: for impostors in tests.
  package init(adopting issued: Issued) { self.issued = issued }

  /// A certificate that vouches for itself.
  package static func selfSigned(_ request: CertificateRequest, key kind: KeyKind = .p256) throws(IssuingError) -> Issued {
    try sign(request, key: kind, issuer: nil)
  }

  /// Issues what a node needs: `serf://<cluster>/<node>`, both purposes, digitalSignature.
  ///
  /// The certificate never outlives the authority: it would be refused from then on anyway.
  public func issue(
    node: String, cluster: String = "default", validFor: Duration = .days(365), key kind: KeyKind = .p256, at now: UTCTime = .now
  ) throws(IssuingError) -> Issued {
    guard CertificateName.isValid(node.utf8), CertificateName.isValid(cluster.utf8) else { throw .nameNotInAlphabet }
    guard now < expiry else { throw .authorityExpired(expiry) }
    return try issue(
      .node(node, cluster: cluster, from: now - Self.backdating, until: min(now + validFor, expiry)), key: kind)
  }

  /// Issues anything at all; good sense is the caller's.
  package func issue(_ request: CertificateRequest, key kind: KeyKind = .p256) throws(IssuingError) -> Issued {
    try Self.sign(request, key: kind, issuer: self)
  }

  /// An authority below this one.
  package func intermediate(named commonName: String, from: UTCTime, until: UTCTime) throws(IssuingError) -> CertificateAuthority {
    let issued = try issue(.authority(commonName: commonName, from: from, until: until))
    return CertificateAuthority(adopting: issued)
  }

  /// A revocation list over these certificates, PEM.
  package func revocationList(of revoked: [Issued], at now: UTCTime, nextUpdate: UTCTime) -> [UInt8] {
    var length = 0
    let lists: [OpaquePointer?] = revoked.map(\.chain.raw)
    return withExtendedLifetime(revoked) {
      cBytes(
        cg_revocations_pem(
          chain.raw, key.raw, lists, lists.count, now.secondsSinceEpoch, nextUpdate.secondsSinceEpoch, &length), length) ?? []
    }
  }

  /// The last second of the authority's own validity.
  public var expiry: UTCTime { chain.leaf.notAfter }

  private static func sign(
    _ request: CertificateRequest, key kind: KeyKind, issuer: CertificateAuthority?
  ) throws(IssuingError) -> Issued {
    let key: PrivateKey
    do { key = try PrivateKey(generate: kind) } catch { throw .refusedByLibrary("\(kind) key: \(error)") }
    let template = request.makeTemplate()
    defer { cg_template_free(template) }
    var status = CG_OK
    guard let made = cg_template_sign(template, key.raw, issuer?.chain.raw, (issuer?.key ?? key).raw, &status) else {
      throw .refusedByLibrary("signing: \(CShimError(status))")
    }
    let chain = CertificateChain(adopting: made)
    return Issued(certificatePEM: chain.leaf.pem ?? [], privateKeyPEM: key.pem, chain: chain, key: key)
  }
}

/// Why an authority cannot issue.
public enum IssuingError: Error, Hashable, Sendable {
  case unreadableCertificate, unreadableKey, keyMismatch, notAnAuthority
  case authorityExpired(UTCTime)
  case nameNotInAlphabet
  case refusedByLibrary(String)
}

extension Duration {
  /// Days of 86,400 seconds, as validity is counted.
  public static func days(_ count: Int64) -> Duration { .seconds(count.multipliedReportingOverflow(by: 86_400).partialValue) }
}
