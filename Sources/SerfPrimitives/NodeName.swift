/// A member's name: the bytes as they are on the wire.
///
/// Peers do not promise UTF-8, so equality, order and hashing are over bytes. ``description`` is the name for logs and terminals: it escapes what could
/// fool a reader (`secure-transport.md` 3.4). A name made from that text is the same name again. Names that certificates can prove
/// (`[A-Za-z0-9._-]`) contain nothing that is escaped.
///
/// A name compares with a string as if the string were made a name first: `member.name == "web-1"`.
public struct NodeName: Hashable, Sendable {
  /// The bytes of the name, verbatim.
  public let bytes: [UInt8]

  /// A name of exactly these bytes.
  @inlinable public init(bytes: [UInt8]) { self.bytes = bytes }

  /// True for the name of no bytes, which the wire uses for "not stated".
  @inlinable public var isEmpty: Bool { bytes.isEmpty }

  @inlinable public static func == (left: NodeName, right: NodeName) -> Bool { left.bytes == right.bytes }

  @inlinable public func hash(into hasher: inout Hasher) {
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
  }
}

extension NodeName: LosslessStringConvertible {
  /// The name that `description` stands for: its UTF-8 bytes, apart from escapes that ``description`` writes, which become what they stand for.
  ///
  /// A backslash in front of anything else is itself. For a text that may contain such escapes and does not mean them, use ``init(bytes:)``.
  public init(_ description: String) { bytes = unescaped(description) }

  /// The name for people: control bytes, invalid UTF-8 and backslashes are escaped. Different names have different descriptions.
  public var description: String { escaped(bytes) }

  /// The name as text, nothing escaped; what is not UTF-8 is replaced by U+FFFD. Not for logs and terminals: use ``description``.
  public var string: String { String(decoding: bytes, as: UTF8.self) }
}

extension NodeName: ExpressibleByStringInterpolation {
  public init(stringLiteral value: String) { self.init(value) }
}

extension NodeName {
  /// Whether the string stands for this name.
  public static func == (left: NodeName, right: String) -> Bool { left == NodeName(right) }

  /// Whether the string stands for this name.
  public static func == (left: String, right: NodeName) -> Bool { NodeName(left) == right }

  /// Whether the string stands for another name.
  public static func != (left: NodeName, right: String) -> Bool { left != NodeName(right) }

  /// Whether the string stands for another name.
  public static func != (left: String, right: NodeName) -> Bool { NodeName(left) != right }

  /// Whether the string of a `case` stands for this name.
  public static func ~= (pattern: String, name: NodeName) -> Bool { NodeName(pattern) == name }
}

extension NodeName: Comparable {
  /// Byte order, the order of every listing.
  public static func < (left: NodeName, right: NodeName) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

#if !hasFeature(Embedded)
  extension NodeName: Codable {
    /// Decodes a single string, which is read as ``init(_:)`` does.
    public init(from decoder: any Decoder) throws { self.init(try decoder.singleValueContainer().decode(String.self)) }

    /// Encodes a single string, the ``description``.
    public func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      try container.encode(description)
    }
  }
#endif
