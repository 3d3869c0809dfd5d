internal import CGnuTLS

/// Decides whether a certificate chain is a node of our cluster: the rules of `secure-transport.md` 1.1 and 1.2, in one order.
///
/// 1. size, depth and keys, when the chain is made of a peer's bytes (``CertificateChain/screen(_:)``), before GnuTLS parses it; 2. algorithms,
///    before any of its signatures is checked; 3. the path to one of our authorities, and revocation; 4. time; 5. purpose; 6. name. There is no
///    "role": a node dials and accepts, so its certificate must serve both.
///
/// `@unchecked Sendable`: the C trust list is not changed after `init`, and verification only reads it.
package final class TrustPolicy: @unchecked Sendable {
  package let cluster: String
  package let mode: IdentityMode
  /// SHA-256 over all that a verdict depends on apart from the chain and the time: equal digests give equal verdicts.
  package let digest: [UInt8]
  /// When the earliest revocation list should have been replaced; an overdue list still counts.
  package let revocationsNextUpdate: UTCTime?

  private let raw: OpaquePointer

  package init(
    authorities: CertificateChain, revocationsPEM: [UInt8]?, cluster: String, mode: IdentityMode
  ) throws(CShimError) {
    var status = CG_OK
    guard let made = cg_trust_new(authorities.raw, &status) else { throw CShimError(status) }
    var nextUpdate: Int64 = -1
    if let revocationsPEM {
      status = cg_trust_add_revocations_pem(made, authorities.raw, revocationsPEM, revocationsPEM.count, &nextUpdate)
      guard status == CG_OK else {
        cg_trust_free(made)
        throw CShimError(status)
      }
    }
    raw = made
    self.cluster = cluster
    self.mode = mode
    revocationsNextUpdate = nextUpdate < 0 ? nil : UTCTime(secondsSinceEpoch: nextUpdate)
    var parts = authorities.der.flatMap(sha256) + sha256(revocationsPEM ?? []) + sha256(Array(cluster.utf8))
    parts.append(mode == .uri ? 0 : 1)
    digest = sha256(parts)
  }

  deinit { cg_trust_free(raw) }

  /// The node whose identity this chain proves, at this time.
  package func verify(_ chain: CertificateChain, at now: UTCTime) throws(VerificationFailure) -> PeerIdentity {
    try checkSignatures(chain)
    let validity = try checkPath(chain, at: now)
    try checkPurpose(chain)
    let name = try CertificateName(chain.leaf.alternativeNames(), cluster: cluster, mode: mode)
    return PeerIdentity(name: name, chain: chain.der, validity: validity, policyDigest: digest)
  }

  /// Verifies again a chain that has passed before. If the same policy judged it then, only the time can have changed.
  package func reverify(_ identity: PeerIdentity, at now: UTCTime) throws(VerificationFailure) {
    if identity.policyDigest == digest, identity.validity.contains(now) { return }
    let again = try verify(CertificateChain(der: identity.chain), at: now)
    precondition(again.name.node == identity.name.node, "a chain proves one name")
  }

  private func checkSignatures(_ chain: CertificateChain) throws(VerificationFailure) {
    for index in 0..<chain.count {
      let certificate = chain[index]
      // A root's signature of itself proves nothing and is not relied on.
      guard certificate.isSignatureStrong || (index > 0 && certificate.isSelfIssued) else {
        throw .weakSignature(certificate.signatureAlgorithm)
      }
    }
  }

  /// Returns the time in which the whole path is valid.
  private func checkPath(_ chain: CertificateChain, at now: UTCTime) throws(VerificationFailure) -> Range<UTCTime> {
    var used = 0
    var anchorNotBefore: Int64 = 0
    var anchorNotAfter: Int64 = 0
    switch cg_trust_verify(raw, chain.raw, &used, &anchorNotBefore, &anchorNotAfter) {
    case CG_TRUST_OK: break
    case CG_TRUST_UNKNOWN_ISSUER: throw .unknownIssuer(chain[chain.count - 1].issuer)
    case CG_TRUST_BAD_SIGNATURE: throw .badSignature
    case CG_TRUST_REVOKED: throw .revoked
    case CG_TRUST_ISSUER_NOT_AUTHORITY, CG_TRUST_CONSTRAINT: throw .issuerNotAllowed
    case CG_TRUST_CRITICAL_EXTENSION: throw .unknownCriticalExtension
    case CG_TRUST_WEAK: throw .weakSignature(chain.leaf.signatureAlgorithm)
    default: throw .badSignature
    }
    let leaf = chain.leaf
    // notAfter is the last valid second (RFC 5280, 4.1.2.5).
    guard now >= leaf.notBefore else { throw .notYetValid(leaf.notBefore) }
    guard now <= leaf.notAfter else { throw .expired(leaf.notAfter) }
    var from = leaf.notBefore
    var through = leaf.notAfter
    var issuers = (1..<max(used, 1)).map { (chain[$0].notBefore, chain[$0].notAfter) }
    issuers.append((UTCTime(secondsSinceEpoch: anchorNotBefore), UTCTime(secondsSinceEpoch: anchorNotAfter)))
    for (notBefore, notAfter) in issuers {
      guard now >= notBefore else { throw .issuerNotYetValid(notBefore) }
      guard now <= notAfter else { throw .issuerExpired(notAfter) }
      from = max(from, notBefore)
      through = min(through, notAfter)
    }
    return from..<(through + .seconds(1))
  }

  private func checkPurpose(_ chain: CertificateChain) throws(VerificationFailure) {
    let leaf = chain.leaf
    guard !leaf.isAuthority else { throw .isAuthority }
    guard leaf.keyUsage.contains(.digitalSignature) else { throw .missingDigitalSignature }
    // anyExtendedKeyUsage does not replace these two: the absence of a limit is not a permission.
    guard leaf.purposes.contains(.clientAuth) else { throw .missingClientAuth }
    guard leaf.purposes.contains(.serverAuth) else { throw .missingServerAuth }
    for index in 1..<max(chain.count, 1) {
      let purposes = chain[index].purposes
      guard purposes.contains(.absent) || purposes.contains(.any) || purposes.isSuperset(of: .both) else { throw .issuerNotAllowed }
    }
  }
}
