internal import CGnuTLS
import SerfPrimitives

/// Issues certificates for a cluster: what `serf certs` does, and what tests use to make good and bad ones.
public struct CertificateAuthority: Sendable {
  /// A certificate with its private key, both PEM. The key is a secret: files that hold it are written with mode 0600.
  public struct Issued: Sendable {
    /// The certificate alone, without its issuers.
    public let certificatePEM: [UInt8]
    package let chain: CertificateChain
    package let key: PrivateKey

    /// A copy of the key. The caller has to keep it secret.
    public var privateKeyPEM: [UInt8] { key.pem.copy }

    /// The certificate's last valid second.
    public var expiry: UTCTime { chain.leaf.notAfter }
  }

  /// The authority's own certificate and key.
  public let issued: Issued
  private var chain: CertificateChain { issued.chain }
  private var key: PrivateKey { issued.key }

  /// The authority's certificate: what every member gets as its CA file.
  public var certificatePEM: [UInt8] { issued.certificatePEM }
  /// A copy of the authority's key. Who has it can make members, so the caller has to keep it secret.
  public var privateKeyPEM: [UInt8] { issued.privateKeyPEM }

  /// How far into the past a new certificate reaches, so that a machine whose clock is a little slow accepts it (`secure-transport.md` 3.6).
  public static let backdating = Duration.seconds(300)

  /// Makes a new self-signed authority. It issues nodes' certificates and no further authority (path length 0): with a stolen key of a node no
  /// members can be made, whatever else the node's certificate says.
  ///
  /// - Parameter cluster: goes into its common name, for people; a random part tells two authorities of one cluster apart.
  /// - Throws: ``SerfError`` with ``SerfError/Code/credentials``; its cause is an ``IssuingError``.
  public init(cluster: String = "default", validFor: Duration = .seconds(3_650 * 86_400), key kind: KeyKind = .p256, at now: UTCTime = .now)
    throws
  {
    do throws(IssuingError) {
      self.init(adopting: try Self.root(of: cluster, from: now - Self.backdating, until: now + validFor, key: kind))
    } catch {
      throw SerfError(.credentials, error)
    }
  }

  private static func root(of cluster: String, from: UTCTime, until: UTCTime, key kind: KeyKind) throws(IssuingError) -> Issued {
    var generator = SystemRandomNumberGenerator()
    let mark = String(UInt32.random(in: .min ... .max, using: &generator), radix: 16)
    var request = CertificateRequest.authority(commonName: "Serf CA \(cluster) \(mark)", from: from, until: until)
    request.pathLength = 0
    guard CertificateName.isValid(cluster.utf8) else { throw .nameNotInAlphabet }
    // For `serf certs node`, so that an operator does not have to repeat the cluster's name; verification never looks at an authority's names.
    request.names = SubjectAlternativeNames([.uri(Array((clusterPrefix + cluster).utf8))])
    return try sign(request, key: kind, issuer: nil)
  }

  private static let clusterPrefix = "serf://"

  /// The cluster that the authority was made for; nil if it was not made here. A hint for the issuer, not a limit.
  public var cluster: String? { Self.cluster(of: chain.leaf) }

  /// The cluster of the nodes that it issues for, unless the caller names one.
  package var issuingCluster: String { cluster ?? "default" }

  package static func cluster(of authority: Certificate) -> String? {
    guard let names = try? authority.alternativeNames(), case .uri(let bytes)? = names.names.first else { return nil }
    let name = bytes.dropFirst(clusterPrefix.utf8.count)
    guard bytes.starts(with: clusterPrefix.utf8), CertificateName.isValid(name) else { return nil }
    return String(decoding: name, as: UTF8.self)
  }

  /// An authority from its files' contents. The key is only compared with the certificate here.
  ///
  /// - Throws: ``SerfError`` with ``SerfError/Code/credentials``; its cause is an ``IssuingError``.
  public init(certificatePEM: [UInt8], privateKeyPEM: [UInt8]) throws {
    do throws(IssuingError) {
      try self.init(certificatePEM: certificatePEM, privateKey: SecretBytes(copying: privateKeyPEM))
    } catch {
      throw SerfError(.credentials, error)
    }
  }

  /// The same, with the key's PEM.
  package init(certificatePEM: [UInt8], privateKey: SecretBytes) throws(IssuingError) {
    let chain: CertificateChain
    let key: PrivateKey
    do { chain = try CertificateChain(pem: certificatePEM) } catch { throw .unreadableCertificate }
    do { key = try PrivateKey(pem: privateKey) } catch { throw .unreadableKey }
    guard key.matches(chain) else { throw .keyMismatch }
    guard chain.leaf.isAuthority else { throw .notAnAuthority }
    issued = Issued(certificatePEM: certificatePEM, chain: chain, key: key)
  }

  /// Signs with any certificate and key, whether they are an authority's or not: for impostors in tests.
  package init(adopting issued: Issued) { self.issued = issued }

  /// A self-signed certificate.
  package static func selfSigned(_ request: CertificateRequest, key kind: KeyKind = .p256) throws(IssuingError) -> Issued {
    try sign(request, key: kind, issuer: nil)
  }

  /// Issues what a node needs: `serf://<cluster>/<node>`, both purposes, digitalSignature.
  ///
  /// The certificate never outlives the authority: after the authority's end it would be refused anyway.
  ///
  /// - Parameters:
  ///   - node: the node's name, which the certificate proves.
  ///   - cluster: the cluster that it belongs to. Default nil: the authority's own ``cluster``, or `default` if it has none.
  ///   - validFor: how long it is valid. Default one year.
  ///   - kind: the kind of its key. Default P-256.
  ///   - now: when it is issued. Default: the system's clock.
  /// - Throws: ``SerfError`` with ``SerfError/Code/credentials``; its cause is an ``IssuingError``.
  public func issue(
    node: String, cluster: String? = nil, validFor: Duration = .seconds(365 * 86_400), key kind: KeyKind = .p256,
    at now: UTCTime = .now
  ) throws -> Issued {
    let cluster = cluster ?? issuingCluster
    do throws(IssuingError) {
      guard CertificateName.isValid(node.utf8), CertificateName.isValid(cluster.utf8) else { throw .nameNotInAlphabet }
      guard now < expiry else { throw .authorityExpired(expiry) }
      return try issue(
        .node(node, cluster: cluster, from: now - Self.backdating, until: min(now + validFor, expiry)), key: kind)
    } catch {
      throw SerfError(.credentials, error)
    }
  }

  /// Issues what is requested without checking it: the caller decides.
  package func issue(_ request: CertificateRequest, key kind: KeyKind = .p256) throws(IssuingError) -> Issued {
    try Self.sign(request, key: kind, issuer: self)
  }

  /// An authority below this one.
  package func intermediate(named commonName: String, from: UTCTime, until: UTCTime) throws(IssuingError) -> CertificateAuthority {
    let issued = try issue(.authority(commonName: commonName, from: from, until: until))
    return CertificateAuthority(adopting: issued)
  }

  /// A revocation list of these certificates, PEM.
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
  public var expiry: UTCTime { issued.expiry }

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
    return Issued(certificatePEM: chain.leaf.pem ?? [], chain: chain, key: key)
  }
}

/// Why an authority cannot issue: the cause of a ``SerfError`` with ``SerfError/Code/credentials``.
@nonexhaustive
public enum IssuingError: Error, Hashable, Sendable {
  /// The authority's certificate is no PEM, or no certificate.
  case unreadableCertificate
  /// The authority's key is no PEM, or no private key without a password.
  case unreadableKey
  /// The key does not belong to the certificate.
  case keyMismatch
  /// The certificate may not issue others.
  case notAnAuthority
  /// The authority's certificate ended at this time.
  case authorityExpired(UTCTime)
  /// The name of the node or the cluster is not 1 to 128 characters of `A-Z a-z 0-9 . _ -`.
  case nameNotInAlphabet
  /// GnuTLS refuses, with its reason: an unsupported kind of key, for example.
  case refusedByLibrary(String)
}

extension IssuingError: CustomStringConvertible {
  /// The cause and the next step, on one line.
  public var description: String {
    switch self {
    case .unreadableCertificate: "the CA file holds no readable PEM certificate; give the file that 'serf certs ca' made"
    case .unreadableKey: "the CA's key file holds no readable, unencrypted PEM key; give the file that 'serf certs ca' made"
    case .keyMismatch: "the CA's key does not belong to the CA's certificate; give the pair that was made together"
    case .notAnAuthority: "the CA file's first certificate is not an authority's; give the one that 'serf certs ca' made"
    case .authorityExpired(let time): "the CA expired on \(time); make a new one with 'serf certs ca'"
    case .nameNotInAlphabet: "names of nodes and clusters are 1 to 128 characters of A-Z a-z 0-9 . _ -; choose another"
    case .refusedByLibrary(let reason): "the TLS library refuses (\(reason)); choose another kind of key"
    }
  }
}

extension Duration {
  /// Days of 86,400 seconds, as validity is counted.
  package static func days(_ count: Int64) -> Duration { .seconds(count.multipliedReportingOverflow(by: 86_400).partialValue) }
}
