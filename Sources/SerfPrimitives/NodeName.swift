/// A member's name: the bytes as they are on the wire.
///
/// Peers do not promise UTF-8, so equality and hashing are over bytes. Use ``description`` for logs and terminals: it escapes what could fool a
/// reader (`secure-transport.md` 3.4), and must not be parsed back.
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
