/// Why a certificate chain is refused, precise enough to act on.
///
/// The checks run in one order, from the cheap to the expensive and from the general to the particular, so that one certificate has one reason.
@nonexhaustive
public enum VerificationFailure: Error, Hashable, Sendable {
  /// The peer sent no certificate.
  case noCertificate
  /// More than 16 KiB of certificates, refused before any of it is parsed.
  case chainTooLarge
  /// More than 4 certificates, refused before any of them is parsed.
  case chainTooDeep
  /// A certificate is not valid DER, or not X.509.
  case unreadable
  /// The key's kind and size, such as `RSA 1024`.
  case weakKey(String)
  /// An RSA key beyond 4,096 bits: checking it would be work that a peer could force on us.
  case keyTooLarge(bits: Int)
  /// An RSA public exponent beyond 33 bits: the same work.
  case exponentTooLarge(bits: Int)
  /// The signature algorithm's name, such as `RSA-SHA1`.
  case weakSignature(String)
  /// No authority in our CA file issued it; the name of the issuer that it states.
  case unknownIssuer(String)
  /// A certificate's signature is not its issuer's.
  case badSignature
  /// A revocation list of its issuer names it.
  case revoked
  /// An intermediate certificate may not issue others, or limits what it may issue.
  case issuerNotAllowed
  /// It has an extension that must be understood, and that we do not know (RFC 5280, 4.2).
  case unknownCriticalExtension
  /// The node's certificate ended at this time.
  case expired(UTCTime)
  /// The node's certificate begins at this time. Compare the clocks of both machines.
  case notYetValid(UTCTime)
  /// An intermediate, or the authority itself.
  case issuerExpired(UTCTime)
  /// An intermediate, or the authority itself, begins at this time.
  case issuerNotYetValid(UTCTime)
  /// It is the certificate of an authority, which is no node's.
  case isAuthority
  /// It has a key usage without digitalSignature.
  case missingDigitalSignature
  /// It has extended key usages without clientAuth, which a node that dials needs.
  case missingClientAuth
  /// It has extended key usages without serverAuth, which a node that is dialled needs.
  case missingServerAuth
  /// It has more names than any certificate in use.
  case tooManyNames
  /// More elements than any certificate in use has: reading them could take long.
  case tooManyElements
  /// It states no name of a node (see ``IdentityMode``).
  case noName
  /// It states more than one name of a node.
  case severalNames
  /// It states this name, which does not have the form `serf://<cluster>/<node>`.
  case malformedName(String)
  /// It is of this other cluster.
  case wrongCluster(String)
}

extension VerificationFailure {
  /// One word for counters and JSON. It never changes.
  public var label: String {
    switch self {
    case .noCertificate: "noCertificate"
    case .chainTooLarge: "chainTooLarge"
    case .chainTooDeep: "chainTooDeep"
    case .unreadable: "unreadable"
    case .weakKey: "weakKey"
    case .keyTooLarge: "keyTooLarge"
    case .exponentTooLarge: "exponentTooLarge"
    case .weakSignature: "weakSignature"
    case .unknownIssuer: "unknownIssuer"
    case .badSignature: "badSignature"
    case .revoked: "revoked"
    case .issuerNotAllowed: "issuerNotAllowed"
    case .unknownCriticalExtension: "unknownCriticalExtension"
    case .expired: "expired"
    case .notYetValid: "notYetValid"
    case .issuerExpired: "issuerExpired"
    case .issuerNotYetValid: "issuerNotYetValid"
    case .isAuthority: "isAuthority"
    case .missingDigitalSignature: "missingDigitalSignature"
    case .missingClientAuth: "missingClientAuth"
    case .missingServerAuth: "missingServerAuth"
    case .tooManyNames: "tooManyNames"
    case .tooManyElements: "tooManyElements"
    case .noName: "noName"
    case .severalNames: "severalNames"
    case .malformedName: "malformedName"
    case .wrongCluster: "wrongCluster"
    }
  }

  /// The TLS alert (RFC 8446, 6.2) that tells the peer, as far as alerts can.
  public var tlsAlert: UInt8 {
    switch self {
    case .noCertificate: 116  // certificate_required
    case .expired, .notYetValid, .issuerExpired, .issuerNotYetValid: 45  // certificate_expired
    case .revoked: 44  // certificate_revoked
    case .unknownIssuer: 48  // unknown_ca
    case .weakKey, .keyTooLarge, .exponentTooLarge, .weakSignature, .isAuthority, .missingDigitalSignature, .missingClientAuth,
      .missingServerAuth, .unknownCriticalExtension:
      43  // unsupported_certificate
    case .tooManyNames, .noName, .severalNames, .malformedName, .wrongCluster: 49  // access_denied
    case .chainTooLarge, .chainTooDeep, .tooManyElements, .unreadable, .badSignature, .issuerNotAllowed: 42  // bad_certificate
    }
  }

  /// What a peer means by a TLS alert about *our* certificate, for "peer refused our certificate: …" (`secure-transport.md` 1.8). Nil for alerts that
  /// are not about certificates.
  public static func meaning(ofTLSAlert alert: UInt8) -> String? {
    switch alert {
    case 42: "not acceptable"
    case 43: "not fit for a node (key, purpose or authority flag)"
    case 44: "revoked"
    case 45: "expired or not yet valid"
    case 46: "not accepted, for a reason that it does not give"
    case 48: "issued by an authority that it does not know"
    case 49: "no name of its cluster in it"
    case 116: "none was sent"
    default: nil
    }
  }
}

extension VerificationFailure: CustomStringConvertible {
  /// A clause for people: "the certificate …".
  public var description: String {
    switch self {
    case .noCertificate: "no certificate was sent"
    case .chainTooLarge: "the certificate chain is larger than 16 KiB"
    case .chainTooDeep: "the certificate chain holds more than 4 certificates"
    case .unreadable: "the certificate is not valid X.509"
    case .weakKey(let key): "the key is too weak or of a kind not allowed (\(key))"
    case .keyTooLarge(let bits): "the RSA key is too large (\(bits) bits, at most 4096)"
    case .exponentTooLarge(let bits):
      "the RSA key's public exponent is too large (\(bits) bits, at most \(CertificateOutline.exponentBitsMaximum))"
    case .weakSignature(let algorithm): "the signature algorithm is too weak (\(algorithm))"
    case .unknownIssuer(let issuer): "issued by an authority that is not in the CA file (\(issuer))"
    case .badSignature: "the certificate's signature is wrong"
    case .revoked: "the certificate is revoked"
    case .issuerNotAllowed: "a certificate of the chain is not allowed to issue the next one"
    case .unknownCriticalExtension: "the certificate has a critical extension that is not understood"
    case .expired(let time): "the certificate expired on \(time)"
    case .notYetValid(let time): "the certificate is not valid before \(time)"
    case .issuerExpired(let time): "the certificate's issuer expired on \(time)"
    case .issuerNotYetValid(let time): "the certificate's issuer is not valid before \(time)"
    case .isAuthority: "the certificate is an authority's, not a node's"
    case .missingDigitalSignature: "the certificate's key usage lacks digitalSignature"
    case .missingClientAuth: "the certificate's extended key usage lacks clientAuth"
    case .missingServerAuth: "the certificate's extended key usage lacks serverAuth"
    case .tooManyNames: "the certificate has more than \(SubjectAlternativeNames.countMaximum) alternative names"
    case .tooManyElements: "the certificate has more than \(CertificateOutline.elementMaximum) elements"
    case .noName: "the certificate carries no node name"
    case .severalNames: "the certificate carries more than one node name"
    case .malformedName(let name): "the certificate's node name is malformed (\(name))"
    case .wrongCluster(let cluster): "the certificate is of another cluster (\(cluster))"
    }
  }
}
