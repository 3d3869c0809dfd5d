/// Expands LZW as Go's `compress/lzw` packs it: least significant bit first, 8-bit literals, codes of 9 to 12 bits
/// (`memberlist.md` section 1.7).
///
/// Because the output is one array, a dictionary entry is only a place in it: the string of an earlier code is followed there by the next byte. Keep
/// a decoder to keep its table, which is made with the first use.
package struct LZWDecoder {
  private struct Entry {
    var start: UInt32
    var length: UInt32
  }

  private static let clear: UInt32 = 256
  private static let end: UInt32 = 257
  private static let maximumWidth: UInt32 = 12

  private var table: [Entry] = []

  package init() {}

  /// Appends the expansion of `data` to `output`, at most `limit` bytes of it.
  /// - Throws: ``WireError/badCompression`` for an invalid code or a missing end code, ``WireError/tooLarge`` beyond the limit. `output`
  ///   then ends with useless bytes.
  package mutating func expand(_ data: RawSpan, into output: inout [UInt8], limit: Int) throws(WireError) {
    if table.isEmpty { table = [Entry](repeating: Entry(start: 0, length: 0), count: 1 << Int(Self.maximumWidth)) }
    let bound = output.count + min(limit, Int(Int32.max) - output.count)
    var bits: UInt32 = 0
    var bitCount: UInt32 = 0
    var width: UInt32 = 9
    // The code that the next step defines: the previous string and the first byte of the coming one.
    var next = Self.end
    // The previous string; none after a clear code and while the table is full.
    var previous: Entry?
    var offset = 0
    while true {
      while bitCount < width {
        guard offset < data.byteCount else { throw .badCompression }
        bits |= UInt32(data[checked: offset]) << bitCount
        bitCount += 8
        offset += 1
      }
      let code = bits & (1 << width - 1)
      bits >>= width
      bitCount -= width

      if code == Self.end { return }
      if code == Self.clear {
        width = 9
        next = Self.end
        previous = nil
        continue
      }

      let start = UInt32(output.count)
      let length: UInt32
      if code < Self.clear {
        guard output.count < bound else { throw .tooLarge }
        output.append(UInt8(truncatingIfNeeded: code))
        length = 1
      } else {
        let source: Entry
        if code < next || (code == next && previous == nil && next == 1 << Self.maximumWidth - 1) {
          source = table[Int(code)]
        } else if code == next, let previous {
          // The code that this very step defines: the previous string and its own first byte.
          source = Entry(start: previous.start, length: previous.length + 1)
        } else {
          throw .badCompression
        }
        length = source.length
        guard Int(length) <= bound - output.count else { throw .tooLarge }
        Self.copy(source.start, length, in: &output)
      }

      if let previous { table[Int(next)] = Entry(start: previous.start, length: previous.length + 1) }
      previous = Entry(start: start, length: length)
      next += 1
      if next == 1 << width {
        if width < Self.maximumWidth {
          width += 1
        } else {
          // The table is full: no more entries until a clear code.
          next -= 1
          previous = nil
        }
      }
    }
  }

  /// Appends `length` bytes from `start`; the last of them may be one that this call appends.
  private static func copy(_ start: UInt32, _ length: UInt32, in output: inout [UInt8]) {
    for index in Int(start)..<Int(start) + Int(length) { output.append(output[index]) }
  }
}
