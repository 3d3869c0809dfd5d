internal import CGnuTLS
import SerfIdentity
import SerfWire

/// Seals and opens bytes with the keys of a ``Keyring`` (`memberlist.md` section 1.4): `version | nonce | AES-GCM ciphertext | tag`.
///
/// Confined to one event loop. It keeps one cipher per key, and makes them again only when the ring has changed. It writes version 1, which every Go
/// peer reads. It also reads version 0, which pads to 16 bytes.
package final class Sealer {
  /// Why bytes could not be opened.
  package enum Failure: Error, Hashable, Sendable {
    /// Empty, shorter than any sealed message, or of an unknown version: most likely not sealed at all.
    case notSealed
    /// It may be sealed, but we have no key yet.
    case noKeys
    /// None of our keys fits, or the bytes were changed, or they belong to another label.
    case noKeyFits
  }

  /// What sealing adds to a message: version, nonce and tag.
  package static let overhead = 1 + Int(CG_NONCE_LENGTH) + Int(CG_TAG_LENGTH)

  private let keyring: Keyring
  private var generation: UInt64?
  private var ciphers: [AESGCM] = []

  package init(_ keyring: Keyring) { self.keyring = keyring }

  /// Appends the sealed form of `plain`. `associated` is authenticated with it, but not sent. The ring must have a key.
  package func seal(_ plain: RawSpan, associated: RawSpan, into bytes: inout [UInt8]) {
    refresh()
    precondition(!ciphers.isEmpty, "no transport that seals starts with an empty ring, and no ring becomes empty")
    var nonce = InlineArray<12, UInt8>(repeating: 0)
    AESGCM.randomise(&nonce)
    bytes.append(Self.version)
    for index in nonce.indices { bytes.append(nonce[index]) }
    ciphers[0].seal(plain, nonce: nonce.span.bytes, associated: associated, into: &bytes)
  }

  /// Appends the content of `sealed`.
  package func open(_ sealed: RawSpan, associated: RawSpan, into bytes: inout [UInt8]) throws(Failure) {
    guard sealed.byteCount > 0 else { throw .notSealed }
    let isPadded = sealed[checked: 0] == Self.paddedVersion
    guard isPadded || sealed[checked: 0] == Self.version else { throw .notSealed }
    guard sealed.byteCount >= Self.overhead + (isPadded ? Self.block : 0) else { throw .notSealed }
    refresh()
    guard !ciphers.isEmpty else { throw .noKeys }
    let nonce = sealed.extracting(1..<1 + Int(CG_NONCE_LENGTH))
    let ciphertext = sealed.extracting(droppingFirst: 1 + Int(CG_NONCE_LENGTH))
    let start = bytes.count
    for cipher in ciphers where cipher.open(ciphertext, nonce: nonce, associated: associated, into: &bytes) {
      if isPadded { try Self.unpad(&bytes, from: start) }
      return
    }
    throw .noKeyFits
  }

  private func refresh() {
    guard generation != keyring.generation else { return }
    let snapshot = keyring.snapshot
    ciphers = snapshot.keys.map(AESGCM.init)
    generation = snapshot.generation
  }

  /// PKCS #7. Go trusts the last byte (hazard 2); here all of the padding must be correct.
  private static func unpad(_ bytes: inout [UInt8], from start: Int) throws(Failure) {
    guard bytes.count > start, let last = bytes.last, (1...block).contains(Int(last)), bytes.count - start >= Int(last),
      bytes.suffix(Int(last)).allSatisfy({ $0 == last })
    else {
      bytes.removeLast(bytes.count - start)
      throw .noKeyFits
    }
    bytes.removeLast(Int(last))
  }

  private static let paddedVersion: UInt8 = 0
  private static let version: UInt8 = 1
  private static let block = 16
}

/// One key's cipher; owns its `cg_aead`.
private final class AESGCM {
  private let cipher: OpaquePointer

  init(_ key: SecretKey) {
    var status = CG_OK
    let made = key.secret.withUnsafeBytes { cg_aead_new($0.baseAddress, $0.count, &status) }
    guard let made = made else { preconditionFailure("GnuTLS has AES-GCM for keys of 16, 24 and 32 bytes") }
    cipher = made
  }

  deinit { cg_aead_free(cipher) }

  static func randomise(_ nonce: inout InlineArray<12, UInt8>) {
    var span = nonce.mutableSpan
    let status = span.withUnsafeMutableBufferPointer { cg_random(CG_RANDOM_NONCE, $0.baseAddress, $0.count) }
    precondition(status == CG_OK, "GnuTLS has no randomness")
  }

  func seal(_ plain: RawSpan, nonce: RawSpan, associated: RawSpan, into bytes: inout [UInt8]) {
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: plain.byteCount + Int(CG_TAG_LENGTH)))
    let status = bytes.withUnsafeMutableBufferPointer { output in
      Self.reading(nonce, associated, plain) { nonce, associated, plain in
        cg_aead_seal(
          cipher, nonce.base, associated.base, associated.count, plain.base, plain.count, output.baseAddress.map { $0 + start })
      }
    }
    precondition(status == CG_OK, "AES-GCM seals whatever fits in memory")
  }

  /// False, without appending anything, when this is not the key.
  func open(_ sealed: RawSpan, nonce: RawSpan, associated: RawSpan, into bytes: inout [UInt8]) -> Bool {
    let (start, count) = (bytes.count, sealed.byteCount - Int(CG_TAG_LENGTH))
    // One byte more, so that a pointer exists even when the message is empty.
    bytes.append(contentsOf: repeatElement(0, count: count + 1))
    let status = bytes.withUnsafeMutableBufferPointer { output in
      Self.reading(nonce, associated, sealed) { nonce, associated, sealed in
        cg_aead_open(
          cipher, nonce.base, associated.base, associated.count, sealed.base, sealed.count, output.baseAddress.map { $0 + start })
      }
    }
    bytes.removeLast(status == CG_OK ? 1 : count + 1)
    return status == CG_OK
  }

  private typealias Input = (base: UnsafePointer<UInt8>?, count: Int)

  private static func reading(_ a: RawSpan, _ b: RawSpan, _ c: RawSpan, _ body: (Input, Input, Input) -> cg_status) -> cg_status {
    a.withUnsafeBytes { a in
      b.withUnsafeBytes { b in
        c.withUnsafeBytes { c in body(input(a), input(b), input(c)) }
      }
    }
  }

  private static func input(_ bytes: UnsafeRawBufferPointer) -> Input {
    (bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
  }
}
