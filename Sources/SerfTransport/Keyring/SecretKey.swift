internal import CGnuTLS

/// A key that all members of a cluster share: 16, 24 or 32 bytes for AES-128, AES-192 or AES-256.
///
/// Written in base64, as `serf keygen` prints it. Its description does not show it.
public struct SecretKey: Hashable, Sendable {
  /// The key itself.
  public let bytes: [UInt8]

  /// The key of these bytes.
  /// - Throws: ``KeyringError/keyLength(_:)`` unless there are 16, 24 or 32.
  public init(bytes: [UInt8]) throws(KeyringError) {
    guard [16, 24, 32].contains(bytes.count) else { throw .keyLength(bytes.count) }
    self.bytes = bytes
  }

  /// The key that is written in base64 (RFC 4648, padded).
  /// - Throws: ``KeyringError/notBase64`` or ``KeyringError/keyLength(_:)``.
  public init(base64 text: String) throws(KeyringError) {
    guard let bytes = Self.decode(Array(text.utf8)) else { throw .notBase64 }
    try self.init(bytes: bytes)
  }

  /// A new random key of 32 bytes.
  public static func generate() -> SecretKey {
    SecretKey(
      unchecked: [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
        let status = cg_random(CG_RANDOM_KEY, buffer.baseAddress, buffer.count)
        precondition(status == CG_OK, "GnuTLS has no randomness")
        count = 32
      })
  }

  /// The key in base64.
  public var base64: String {
    var length = 0
    let text = bytes.withUnsafeBufferPointer { cg_base64_encode($0.baseAddress, $0.count, &length) }
    guard let text = text else { preconditionFailure("32 bytes always have a base64 form") }
    defer { cg_bytes_free(text, length) }
    return String(decoding: UnsafeBufferPointer(start: text, count: length), as: UTF8.self)
  }

  private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

  /// The alphabet and the padding are checked here, since the library passes over white space inside.
  private static func decode(_ text: [UInt8]) -> [UInt8]? {
    let isBase64 = text.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
      case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): true
      default: false
      }
    }
    guard isBase64, !text.isEmpty, text.count % 4 == 0 else { return nil }
    var length = 0
    let bytes = text.withUnsafeBufferPointer { cg_base64_decode($0.baseAddress, $0.count, &length) }
    guard let bytes = bytes else { return nil }
    defer { cg_bytes_free(bytes, length) }
    return Array(UnsafeBufferPointer(start: bytes, count: length))
  }
}

extension SecretKey: CustomStringConvertible {
  /// How long it is; a log is no place for more.
  public var description: String { "key of \(bytes.count * 8) bits" }
}

/// A mistake with keys of a ``Keyring``. The ring is unchanged.
public enum KeyringError: Error, Hashable, Sendable {
  /// A key is 16, 24 or 32 bytes, not so many.
  case keyLength(Int)
  /// Not base64.
  case notBase64
  /// A ring holds one key at least.
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
