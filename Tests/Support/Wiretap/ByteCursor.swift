/// Reads big-endian fields out of bytes, from the front. Nil if too few are left.
package struct ByteCursor {
  private let bytes: ArraySlice<UInt8>
  /// Where the next field begins, counted from the first byte.
  package private(set) var position = 0

  package init(_ bytes: some Sequence<UInt8>) { self.bytes = ArraySlice(bytes) }

  package var isAtEnd: Bool { position == bytes.count }

  package mutating func take(_ count: Int) -> [UInt8]? {
    guard count >= 0, count <= bytes.count - position else { return nil }
    defer { position += count }
    return Array(bytes.dropFirst(position).prefix(count))
  }

  /// A number of `width` bytes.
  package mutating func number(_ width: Int) -> Int? { take(width).map { $0.reduce(0) { $0 << 8 | Int($1) } } }

  /// A number whose first two bits say how long it is (RFC 9000, section 16).
  package mutating func variableNumber() -> Int? {
    guard let first = number(1) else { return nil }
    let more = (1 << (first >> 6)) - 1
    return number(more).map { (first & 0x3f) << (8 * more) | $0 }
  }

  /// Bytes after their length of `width` bytes.
  package mutating func vector(_ width: Int) -> [UInt8]? { number(width).flatMap { take($0) } }
}
