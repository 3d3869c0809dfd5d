internal import CGnuTLS
internal import SerfPrimitives

/// Parsed certificates in order, leaf first: the owner of one `cg_chain`.
///
/// `@unchecked Sendable`: the C object never changes after it is made, and its accessors only read (`CGnuTLS.h`).
package final class CertificateChain: @unchecked Sendable {
  let raw: OpaquePointer

  init(adopting raw: OpaquePointer) { self.raw = raw }

  deinit { cg_chain_free(raw) }

  /// From a peer's bytes. GnuTLS sees them only after they have passed ``screen(_:)``.
  package convenience init(der pieces: [[UInt8]]) throws(VerificationFailure) {
    try Self.screen(pieces)
    var status = CG_OK
    let flat = pieces.flatMap(\.self)
    let made = flat.withUnsafeBufferPointer { buffer in
      var starts: [UnsafePointer<UInt8>?] = []
      var offset = 0
      for piece in pieces {
        starts.append(buffer.baseAddress.map { $0 + offset })
        offset += piece.count
      }
      return cg_chain_from_der(starts, pieces.map(\.count), pieces.count, &status)
    }
    guard let made else { throw VerificationFailure(status) }
    self.init(adopting: made)
  }

  /// What the peer of this TLS session (a `gnutls_session_t`) sent.
  package convenience init(peerOfSession session: UnsafeMutableRawPointer) throws(VerificationFailure) {
    let received = (0..<cg_session_peer_count(session)).map { index in
      var length = 0
      let bytes = cg_session_peer_der(session, index, &length)
      return UnsafeBufferPointer(start: bytes, count: length)
    }
    try Self.checkLimits(count: received.count, bytes: received.reduce(0) { $0 + $1.count })
    try self.init(der: received.map(Array.init))
  }

  /// Refuses what may cost too much, or has a key that no node may have. Only our own code reads the bytes (`secure-transport.md` 1.2).
  package static func screen(_ pieces: [[UInt8]]) throws(VerificationFailure) {
    try checkLimits(count: pieces.count, bytes: pieces.reduce(0) { $0 + $1.count })
    for (index, piece) in pieces.enumerated() { try CertificateOutline(der: piece).checkKey(isLeaf: index == 0) }
  }

  /// How many certificates a peer's chain may have.
  static let depthMaximum = Int(CG_CHAIN_DEPTH_MAX)

  private static func checkLimits(count: Int, bytes: Int) throws(VerificationFailure) {
    guard count > 0 else { throw .noCertificate }
    guard count <= depthMaximum else { throw .chainTooDeep }
    guard bytes <= Int(CG_CHAIN_BYTES_MAX) else { throw .chainTooLarge }
  }

  package convenience init(pem: [UInt8]) throws(CShimError) {
    var status = CG_OK
    guard let made = cg_chain_from_pem(pem, pem.count, &status) else { throw CShimError(status) }
    self.init(adopting: made)
  }

  package var count: Int { cg_chain_count(raw) }

  package subscript(index: Int) -> Certificate {
    precondition(index >= 0 && index < count)
    return Certificate(chain: self, index: index)
  }

  package var leaf: Certificate { self[0] }

  /// The certificates' bytes, to keep and verify again later.
  package var der: [[UInt8]] { (0..<count).map { self[$0].der } }
}

/// One certificate of a chain, which is read on demand.
package struct Certificate {
  fileprivate let chain: CertificateChain
  fileprivate let index: Int

  package var der: [UInt8] {
    var length = 0
    let bytes = cg_chain_der(chain.raw, index, &length)
    return Array(UnsafeBufferPointer(start: bytes, count: length))
  }

  package var pem: [UInt8]? {
    var length = 0
    return cBytes(cg_chain_pem(chain.raw, index, &length), length)
  }

  package var notBefore: UTCTime { UTCTime(secondsSinceEpoch: cg_chain_not_before(chain.raw, index)) }
  package var notAfter: UTCTime { UTCTime(secondsSinceEpoch: cg_chain_not_after(chain.raw, index)) }
  package var isAuthority: Bool { cg_chain_is_authority(chain.raw, index) != 0 }
  /// How many authorities may be between this one and a leaf; nil without a limit.
  package var pathLength: Int? {
    let length = cg_chain_path_length(chain.raw, index)
    return length < 0 ? nil : Int(length)
  }
  package var isSelfIssued: Bool { cg_chain_is_self_issued(chain.raw, index) != 0 }
  package var keyUsage: KeyUsage { KeyUsage(rawValue: cg_chain_key_usage(chain.raw, index)) }
  package var purposes: KeyPurposes { KeyPurposes(rawValue: cg_chain_purposes(chain.raw, index)) }
  package var isSignatureStrong: Bool { cg_chain_signature_is_strong(chain.raw, index) != 0 }

  package var key: (kind: KeyKind, bits: Int) {
    var bits: UInt32 = 0
    let kind = cg_chain_key_kind(chain.raw, index, &bits)
    return (KeyKind(kind, bits: Int(bits)), Int(bits))
  }

  /// Distinguished names, serial (hexadecimal) and algorithm as escaped text: what a peer wrote, safe to print.
  package var subject: String { text(CG_TEXT_SUBJECT) }
  package var issuer: String { text(CG_TEXT_ISSUER) }
  package var serial: String { text(CG_TEXT_SERIAL) }
  package var signatureAlgorithm: String { text(CG_TEXT_SIGNATURE) }

  package func alternativeNames() throws(VerificationFailure) -> SubjectAlternativeNames {
    try SubjectAlternativeNames(certificate: der)
  }

  private func text(_ kind: cg_text_kind) -> String {
    escaped([UInt8](unsafeUninitializedCapacity: 512) { $1 = cg_chain_text(chain.raw, index, kind, $0.baseAddress, $0.count) })
  }
}

/// What a certificate's key may be used for, as far as we check it.
package struct KeyUsage: OptionSet, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let absent = KeyUsage(rawValue: 1)
  package static let digitalSignature = KeyUsage(rawValue: 2)
  package static let certificateSign = KeyUsage(rawValue: 4)
}

/// The extended key usage, as far as we check it.
package struct KeyPurposes: OptionSet, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let absent = KeyPurposes(rawValue: 1)
  package static let clientAuth = KeyPurposes(rawValue: 2)
  package static let serverAuth = KeyPurposes(rawValue: 4)
  package static let any = KeyPurposes(rawValue: 8)
  package static let other = KeyPurposes(rawValue: 16)
  package static let both: KeyPurposes = [.clientAuth, .serverAuth]
}
