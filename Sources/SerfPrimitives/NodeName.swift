/// A member's name: the bytes as they stand on the wire.
///
/// Peers do not promise UTF-8, so equality and hashing are over bytes. Use ``description`` for logs and terminals: it escapes what
/// could fool a reader (`secure-transport.md` 3.4), and is not meant to be parsed back.
public struct NodeName: Hashable, Sendable {
  /// The bytes of the name, verbatim.
  public let bytes: [UInt8]

  /// A name of exactly these bytes.
  @inlinable public init(bytes: [UInt8]) { self.bytes = bytes }

  /// A name of the UTF-8 bytes of `string`.
  public init(_ string: String) { bytes = Array(string.utf8) }

  /// True for the name of no bytes, which the wire uses for "not stated".
  @inlinable public var isEmpty: Bool { bytes.isEmpty }

  @inlinable public static func == (left: NodeName, right: NodeName) -> Bool { left.bytes == right.bytes }

  @inlinable public func hash(into hasher: inout Hasher) {
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
  }
}

extension NodeName: ExpressibleByStringLiteral {
  public init(stringLiteral value: StaticString) {
    self.init(bytes: value.withUTF8Buffer { Array($0) })
  }
}

extension NodeName: Comparable {
  /// Byte order, the order of every listing.
  public static func < (left: NodeName, right: NodeName) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

extension NodeName: CustomStringConvertible {
  /// The name for people: control bytes, invalid UTF-8 and backslashes are escaped.
  public var description: String { escaped(bytes) }
}

/// Bytes from a peer, safe to print: printable UTF-8 stays, control characters, backslash and broken sequences become `\u{..}` or `\xNN`.
public func escaped(_ bytes: [UInt8]) -> String {
  var text = ""
  var rest = bytes[...]
  while let first = rest.first {
    let length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
    if let character = String(validating: rest.prefix(length), as: UTF8.self), let scalar = character.unicodeScalars.first,
      character.unicodeScalars.count == 1
    {
      switch scalar.value {
      case 0..<0x20, 0x7f...0x9f, 0x2028...0x202e, 0x2066...0x2069: text += "\\u{" + String(scalar.value, radix: 16) + "}"
      case 0x5c: text += "\\\\"
      default: text += character
      }
      rest = rest.dropFirst(length)
    } else {
      text += "\\x" + (first < 16 ? "0" : "") + String(first, radix: 16)
      rest = rest.dropFirst()
    }
  }
  return text
}
