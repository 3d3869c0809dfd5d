internal import CGnuTLS

/// A `cg_status` that is not OK, for callers that turn it into an error of their own.
package enum CShimError: Error, Sendable {
  case empty, tooLarge, tooMany, malformed, encrypted, keyMismatch, notOurs, unsupported, outOfMemory, other

  init(_ status: cg_status) {
    self =
      switch status {
      case CG_ERROR_EMPTY: .empty
      case CG_ERROR_TOO_LARGE: .tooLarge
      case CG_ERROR_TOO_MANY: .tooMany
      case CG_ERROR_MALFORMED: .malformed
      case CG_ERROR_ENCRYPTED: .encrypted
      case CG_ERROR_KEY_MISMATCH: .keyMismatch
      case CG_ERROR_NOT_OURS: .notOurs
      case CG_ERROR_UNSUPPORTED: .unsupported
      case CG_ERROR_MEMORY: .outOfMemory
      default: .other
      }
  }
}

extension VerificationFailure {
  /// What a status means when the bytes came from a peer.
  init(_ status: cg_status) {
    self =
      switch status {
      case CG_ERROR_EMPTY: .noCertificate
      case CG_ERROR_TOO_LARGE: .chainTooLarge
      case CG_ERROR_TOO_MANY: .chainTooDeep
      default: .unreadable
      }
  }
}

/// Copies what a shim function returned, and frees the original; nil stays nil.
func cBytes(_ pointer: UnsafeMutablePointer<UInt8>?, _ length: Int) -> [UInt8]? {
  guard let pointer else { return nil }
  defer { cg_bytes_free(pointer, length) }
  return Array(UnsafeBufferPointer(start: pointer, count: length))
}

/// SHA-256, 32 bytes.
package func sha256(_ bytes: [UInt8]) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
    bytes.withUnsafeBufferPointer { cg_sha256($0.baseAddress, $0.count, buffer.baseAddress) }
    count = 32
  }
}
