internal import CGnuTLS

/// The kinds of key that certificates come with.
@nonexhaustive
public enum KeyKind: Hashable, Sendable, CustomStringConvertible {
  /// ECDSA on the NIST curve P-256: the default.
  case p256
  /// ECDSA on the NIST curve P-384.
  case p384
  /// ECDSA on the NIST curve P-521.
  case p521
  /// EdDSA on Curve25519 (RFC 8032).
  case ed25519
  /// EdDSA on Curve448 (RFC 8032).
  case ed448
  /// RSA with a modulus of this size.
  case rsa(bits: Int)
  /// Any other kind: certificates with it are refused.
  case other

  /// The name that people use, such as `P-256` or `RSA 3072`.
  public var description: String {
    switch self {
    case .p256: "P-256"
    case .p384: "P-384"
    case .p521: "P-521"
    case .ed25519: "Ed25519"
    case .ed448: "Ed448"
    case .rsa(let bits): "RSA \(bits)"
    case .other: "other"
    }
  }

  init(_ kind: cg_key_kind, bits: Int) {
    self =
      switch kind {
      case CG_KEY_RSA: .rsa(bits: bits)
      case CG_KEY_P256: .p256
      case CG_KEY_P384: .p384
      case CG_KEY_P521: .p521
      case CG_KEY_ED25519: .ed25519
      case CG_KEY_ED448: .ed448
      default: .other
      }
  }

  fileprivate var raw: (kind: cg_key_kind, bits: UInt32) {
    switch self {
    case .p256: (CG_KEY_P256, 0)
    case .p384: (CG_KEY_P384, 0)
    case .p521: (CG_KEY_P521, 0)
    case .ed25519: (CG_KEY_ED25519, 0)
    case .ed448: (CG_KEY_ED448, 0)
    case .rsa(let bits): (CG_KEY_RSA, UInt32(clamping: bits))
    case .other: (CG_KEY_OTHER, 0)
    }
  }
}

/// The owner of one `cg_key`. `@unchecked Sendable`: the C object never changes after it is made.
package final class PrivateKey: @unchecked Sendable {
  let raw: OpaquePointer

  private init(adopting raw: OpaquePointer) { self.raw = raw }

  deinit { cg_key_free(raw) }

  package convenience init(generate kind: KeyKind) throws(CShimError) {
    var status = CG_OK
    guard let made = cg_key_generate(kind.raw.kind, kind.raw.bits, &status) else { throw CShimError(status) }
    self.init(adopting: made)
  }

  package convenience init(pem: SecretBytes) throws(CShimError) {
    var status = CG_OK
    let made = pem.withUnsafeBytes { cg_key_from_pem($0.baseAddress, $0.count, &status) }
    guard let made else { throw CShimError(status) }
    self.init(adopting: made)
  }

  /// PKCS #8, not encrypted.
  package var pem: SecretBytes {
    var length = 0
    guard let text = cg_key_pem(raw, &length) else { preconditionFailure("a key that was made or parsed can be written") }
    return SecretBytes(adopting: UnsafeMutableRawBufferPointer(start: text, count: length)) { _ in cg_bytes_free(text, 0) }
  }

  package func matches(_ chain: CertificateChain) -> Bool { cg_key_matches(raw, chain.raw) != 0 }

  /// Bytes that only the holder of the key can compute, the same after every restart (HKDF-SHA-256, `label` as info).
  package func derive(_ label: StaticString, count: Int) -> SecretBytes {
    SecretBytes(count: count) { buffer in
      let status = label.withUTF8Buffer { cg_key_derive(raw, $0.baseAddress, $0.count, buffer.baseAddress, count) }
      precondition(status == CG_OK, "HKDF cannot fail for a key that was parsed")
    }
  }
}
