internal import CGnuTLS
package import SerfIdentity
import SerfPrimitives

/// A key that all members of a cluster share: 16, 24 or 32 bytes for AES-128, AES-192 or AES-256.
///
/// Written in base64, as `serf keygen` prints it. Its description does not show it. The memory that holds it is overwritten with its last copy.
public struct SecretKey: Hashable, Sendable {
  package let secret: SecretBytes

  /// A copy of the key itself. The caller has to keep it secret.
  public var bytes: [UInt8] { secret.copy }

  /// How long the key is, in bits.
  package var bitCount: Int { secret.count * 8 }

  /// The key with these bytes.
  ///
  /// - Throws: ``SerfError`` with ``SerfError/Code/configuration``, and ``KeyringError/keyLength(_:)`` as its cause, unless there are 16, 24 or 32.
  public init(bytes: [UInt8]) throws {
    try self.init(SecretBytes(copying: bytes))
  }

  private init(_ secret: SecretBytes) throws(SerfError) {
    guard [16, 24, 32].contains(secret.count) else { throw SerfError(.configuration, KeyringError.keyLength(secret.count)) }
    self.secret = secret
  }

  /// The key that is written in base64 (RFC 4648, padded).
  ///
  /// - Throws: ``SerfError`` with ``SerfError/Code/configuration``, and ``KeyringError/notBase64`` or ``KeyringError/keyLength(_:)`` as its cause.
  public init(base64 text: String) throws {
    guard let secret = Self.decode(text) else { throw SerfError(.configuration, KeyringError.notBase64) }
    try self.init(secret)
  }

  /// A new random key of 32 bytes.
  public static func generate() -> SecretKey {
    SecretKey(
      unchecked: SecretBytes(count: 32) { buffer in
        let status = cg_random(CG_RANDOM_KEY, buffer.baseAddress, buffer.count)
        precondition(status == CG_OK, "GnuTLS has no randomness")
      })
  }

  /// The key in base64.
  public var base64: String {
    var length = 0
    let text = secret.withUnsafeBytes { cg_base64_encode($0.baseAddress, $0.count, &length) }
    guard let text = text else { preconditionFailure("32 bytes always have a base64 form") }
    defer { cg_bytes_free(text, length) }
    return String(decoding: UnsafeBufferPointer(start: text, count: length), as: UTF8.self)
  }

  private init(unchecked secret: SecretBytes) { self.secret = secret }

  public static func == (left: SecretKey, right: SecretKey) -> Bool { left.secret == right.secret }

  public func hash(into hasher: inout Hasher) { secret.withUnsafeBytes { hasher.combine(bytes: UnsafeRawBufferPointer($0)) } }

  /// The alphabet and the padding are checked here, because the library skips white space inside.
  private static func decode(_ text: String) -> SecretBytes? {
    var text = text
    let isBase64 = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
      case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): true
      default: false
      }
    }
    guard isBase64, !text.isEmpty, text.utf8.count % 4 == 0 else { return nil }
    var length = 0
    let bytes = text.withUTF8 { cg_base64_decode($0.baseAddress, $0.count, &length) }
    guard let bytes = bytes else { return nil }
    return SecretBytes(adopting: UnsafeMutableRawBufferPointer(start: bytes, count: length)) { _ in cg_bytes_free(bytes, 0) }
  }
}

extension SecretKey: CustomStringConvertible {
  /// How long it is; a log must not show more.
  public var description: String { "key of \(bitCount) bits" }
}

/// A mistake with keys of a ``Keyring``, which is unchanged: the cause of a ``SerfError`` with ``SerfError/Code/configuration``.
@nonexhaustive
public enum KeyringError: Error, Hashable, Sendable {
  /// A key has 16, 24 or 32 bytes, not this many.
  case keyLength(Int)
  /// Not base64.
  case notBase64
  /// A ring holds at least one key.
  case empty
  /// The key to be used is not in the ring: install it first.
  case unknownKey
  /// The primary key stays until another one is used.
  case isPrimary
}

extension KeyringError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .keyLength(let count): "a key has 16, 24 or 32 bytes, and this one has \(count); 'serf keygen' makes one"
    case .notBase64: "the key is not base64; 'serf keygen' makes one"
    case .empty: "a keyring needs one key at least; 'serf keygen' makes one"
    case .unknownKey: "the key is not in the keyring; install it first"
    case .isPrimary: "the primary key cannot be removed; use another one first"
    }
  }
}
