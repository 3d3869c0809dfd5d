package import SerfWire

/// Finds where one MessagePack object ends, in bytes that arrive piece by piece: the RPC has no other framing (`agent.md` section 1).
///
/// The work is linear in the bytes, however they are cut up, nothing is allocated beyond one counter per open container, and lengths are checked
/// against the limits as soon as they are read.
package struct ObjectScanner {
  /// The longest object accepted, in bytes.
  package let maximumLength: Int
  /// The deepest nesting accepted: a header map is depth 1, the tags of a member in a list are 4.
  package let maximumDepth: Int

  /// Bytes of the object that have been read.
  private var position = 0
  /// How many values each open container still needs, innermost last.
  private var owed: [Int] = []

  package init(maximumLength: Int, maximumDepth: Int = 16) {
    self.maximumLength = maximumLength
    self.maximumDepth = maximumDepth
  }

  /// Looks at `bytes`, which begin where the object begins and contain at least what earlier calls saw.
  ///
  /// Returns the object's length once its last byte has arrived, and is then ready for the next object; nil if bytes are missing.
  package mutating func scan(_ bytes: RawSpan) throws(WireError) -> Int? {
    while true {
      guard let value = try value(bytes) else { return nil }
      position += value.length
      if value.children > 0 {
        guard owed.count < maximumDepth else { throw .tooDeep }
        owed.append(value.children)
        continue
      }
      while let last = owed.popLast() {
        if last > 1 {
          owed.append(last - 1)
          break
        }
      }
      if owed.isEmpty {
        defer { position = 0 }
        return position
      }
    }
  }

  /// The length in bytes of the value at `position`, without the content of a container, and the number of values in it.
  private func value(_ bytes: RawSpan) throws(WireError) -> (length: Int, children: Int)? {
    let left = bytes.byteCount - position
    guard left > 0 else {
      guard position < maximumLength else { throw .tooLarge }
      return nil
    }
    let tag = bytes[checked: position]
    switch tag {
    case 0x00...0x7f, 0xe0...0xff, 0xc0, 0xc2, 0xc3: return try scalar(1, left)
    case 0xa0...0xbf: return try scalar(1 + Int(tag & 0x1f), left)
    case 0xcc, 0xd0: return try scalar(2, left)
    case 0xcd, 0xd1, 0xd4: return try scalar(3, left)
    case 0xd5: return try scalar(4, left)
    case 0xce, 0xd2, 0xca: return try scalar(5, left)
    case 0xd6: return try scalar(6, left)
    case 0xcf, 0xd3, 0xcb: return try scalar(9, left)
    case 0xd7: return try scalar(10, left)
    case 0xd8: return try scalar(18, left)
    case 0xc4, 0xd9, 0xc7: return try variable(bytes, lengthBytes: 1, extra: tag == 0xc7 ? 1 : 0)
    case 0xc5, 0xda, 0xc8: return try variable(bytes, lengthBytes: 2, extra: tag == 0xc8 ? 1 : 0)
    case 0xc6, 0xdb, 0xc9: return try variable(bytes, lengthBytes: 4, extra: tag == 0xc9 ? 1 : 0)
    case 0x80...0x8f: return (1, 2 * Int(tag & 0x0f))
    case 0x90...0x9f: return (1, Int(tag & 0x0f))
    case 0xde: return try container(bytes, lengthBytes: 2, perElement: 2)
    case 0xdc: return try container(bytes, lengthBytes: 2, perElement: 1)
    case 0xdf: return try container(bytes, lengthBytes: 4, perElement: 2)
    case 0xdd: return try container(bytes, lengthBytes: 4, perElement: 1)
    default: throw .unexpectedKind
    }
  }

  private func scalar(_ length: Int, _ left: Int) throws(WireError) -> (length: Int, children: Int)? {
    guard length <= maximumLength - position else { throw .tooLarge }
    return length <= left ? (length, 0) : nil
  }

  private func variable(_ bytes: RawSpan, lengthBytes: Int, extra: Int) throws(WireError) -> (length: Int, children: Int)? {
    guard let count = length(bytes, lengthBytes) else { return nil }
    return try scalar(1 + lengthBytes + count + extra, bytes.byteCount - position)
  }

  private func container(_ bytes: RawSpan, lengthBytes: Int, perElement: Int) throws(WireError) -> (length: Int, children: Int)? {
    guard let count = length(bytes, lengthBytes) else { return nil }
    // Every value takes at least one byte, so a count beyond the limit must be wrong.
    guard count * perElement <= maximumLength - position else { throw .tooLarge }
    return (1 + lengthBytes, count * perElement)
  }

  private func length(_ bytes: RawSpan, _ count: Int) -> Int? {
    guard bytes.byteCount - position > count else { return nil }
    return (1...count).reduce(0) { $0 << 8 | Int(bytes[checked: position + $1]) }
  }
}
