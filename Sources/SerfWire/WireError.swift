/// Why bytes from a peer could not be used.
///
/// Decoders throw nothing else. It carries no string and no heap object, so that a flood of garbage costs no allocation; the layer
/// above turns it into a counter and a diagnostic (`memberlist.md` sections 1–3).
@usableFromInline package enum WireError: Error, Hashable, Sendable {
  /// A length or a value reaches past the last byte.
  case truncated
  /// A value of another kind than its field allows, such as a float for a sequence number.
  case unexpectedKind
  /// A number does not fit its field.
  case outOfRange
  /// A label header that is cut short or has no label.
  case badLabel
  /// The CRC-32 does not match the bytes after it.
  case badChecksum
  /// A compression algorithm that we do not read here.
  case unknownAlgorithm
  /// LZW data with an invalid code or without its end code.
  case badCompression
  /// An expansion to no bytes, or a message of no bytes.
  case empty
  /// A length, count or expansion above its limit.
  case tooLarge
  /// Compounds or compressions nested deeper than any sender does.
  case tooDeep
  /// A message type that is not allowed at its place.
  case unexpectedType
}

extension WireError: CustomStringConvertible {
  @usableFromInline package var description: String {
    switch self {
    case .truncated: "truncated"
    case .unexpectedKind: "unexpected kind of value"
    case .outOfRange: "number out of range"
    case .badLabel: "bad label header"
    case .badChecksum: "checksum mismatch"
    case .unknownAlgorithm: "unknown compression algorithm"
    case .badCompression: "bad compressed data"
    case .empty: "empty"
    case .tooLarge: "too large"
    case .tooDeep: "nested too deeply"
    case .unexpectedType: "unexpected message type"
    }
  }
}
