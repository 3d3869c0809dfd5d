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
    guard let head = MessagePackHead(bytes[checked: position]) else { throw .unexpectedKind }
    guard let count = head.count(in: bytes, at: position) else { return nil }
    let children = count * head.valuesPerCount
    let length = Int64(1 + head.lengthBytes) + (head.valuesPerCount == 0 ? count : 0)
    // Every value takes at least one byte, so a count beyond the limit must be wrong.
    guard max(length, children) <= Int64(maximumLength - position) else { throw .tooLarge }
    return length <= Int64(left) ? (Int(length), Int(children)) : nil
  }
}
