/// Takes tag, length and content off the front, DER only: definite and shortest lengths, one-byte tags.
struct DERReader {
  private var rest: ArraySlice<UInt8>

  init(bytes: ArraySlice<UInt8>) { rest = bytes }

  var isAtEnd: Bool { rest.isEmpty }

  /// The next element; fails when what follows is not a complete DER element.
  mutating func next() throws(VerificationFailure) -> (tag: UInt8, content: ArraySlice<UInt8>) {
    guard let tag = rest.popFirst(), tag & 0x1f != 0x1f, let first = rest.popFirst() else { throw .unreadable }
    var length = Int(first)
    if first >= 0x80 {
      let size = Int(first & 0x7f)
      guard (1...3).contains(size), rest.count >= size else { throw .unreadable }
      length = 0
      for _ in 0..<size { length = length << 8 | Int(rest.removeFirst()) }
      guard length >= 0x80, size == 1 || length >> (8 * (size - 1)) != 0 else { throw .unreadable }
    }
    guard length <= rest.count else { throw .unreadable }
    defer { rest = rest.dropFirst(length) }
    return (tag, rest.prefix(length))
  }

  /// The content of the next element, which must have this tag.
  mutating func content(of expected: UInt8) throws(VerificationFailure) -> ArraySlice<UInt8> {
    let (tag, content) = try next()
    guard tag == expected else { throw .unreadable }
    return content
  }
}

/// The tags that certificates are made of, as far as we read them.
enum DERTag {
  static let boolean: UInt8 = 0x01
  static let integer: UInt8 = 0x02
  static let bitString: UInt8 = 0x03
  static let octetString: UInt8 = 0x04
  static let objectIdentifier: UInt8 = 0x06
  static let sequence: UInt8 = 0x30
  /// The bit of a tag that says that the content consists of elements.
  static let constructed: UInt8 = 0x20

  /// A context-specific tag of elements: `[3]`.
  static func context(_ number: UInt8) -> UInt8 { 0xa0 | number }
}
