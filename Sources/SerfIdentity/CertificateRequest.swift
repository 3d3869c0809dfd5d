internal import CGnuTLS

/// What to put into a certificate. Every field can be set to a wrong value: tests make their bad certificates with it.
package struct CertificateRequest: Sendable {
  package enum Hash: Sendable { case sha256, sha1 }

  package var commonName: String?
  package var names: SubjectAlternativeNames
  package var notBefore: UTCTime
  package var notAfter: UTCTime
  package var isAuthority = false
  /// How many authorities may be between this one and a leaf; -1 sets no limit.
  package var pathLength: Int32 = -1
  package var keyUsage: KeyUsage = .digitalSignature
  package var purposes: KeyPurposes = .both
  package var hash = Hash.sha256

  /// A correct node certificate.
  package static func node(_ node: String, cluster: String = "default", from: UTCTime, until: UTCTime) -> CertificateRequest {
    CertificateRequest(
      commonName: node, names: SubjectAlternativeNames([.uri(Array(CertificateName.uri(cluster: cluster, node: node).utf8))]),
      notBefore: from, notAfter: until)
  }

  /// An authority's certificate.
  package static func authority(commonName: String, from: UTCTime, until: UTCTime) -> CertificateRequest {
    CertificateRequest(
      commonName: commonName, names: SubjectAlternativeNames([]), notBefore: from, notAfter: until, isAuthority: true,
      keyUsage: .certificateSign, purposes: .absent)
  }

  /// A `cg_template`, which the caller frees.
  func makeTemplate() -> OpaquePointer {
    guard let template = cg_template_new() else { fatalError("out of memory") }
    if let commonName {
      // X.520 allows 64 characters; the name that counts is the subject alternative name.
      let bytes = Array(commonName.utf8.prefix(64))
      cg_template_set_common_name(template, bytes, bytes.count)
    }
    if !names.names.isEmpty {
      let der = names.der
      cg_template_set_alternative_names(template, der, der.count)
    }
    cg_template_set_validity(template, notBefore.secondsSinceEpoch, notAfter.secondsSinceEpoch)
    if isAuthority { cg_template_set_authority(template, pathLength) }
    cg_template_set_key_usage(template, keyUsage.rawValue)
    cg_template_set_purposes(template, purposes.rawValue)
    cg_template_set_hash(template, hash == .sha1 ? CG_HASH_SHA1 : CG_HASH_SHA256)
    return template
  }
}
