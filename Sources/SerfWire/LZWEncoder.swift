/// Packs LZW byte for byte as Go's `compress/lzw` does (`memberlist.md` section 1.7), so that captures and vectors compare.
///
/// Keep an encoder to keep its dictionary, which is made with the first use.
package struct LZWEncoder {
  private static let clear: UInt32 = 256
  private static let end: UInt32 = 257
  private static let maximumCode: UInt32 = 4095
  private static let slots = 1 << 13

  /// An open hash table from (code of a string, next byte) to the code of both: 20 bits of key above 12 bits of code; 0 is free, since no
  /// defined code is 0. At most 3,838 of 8,192 slots are taken.
  private var table: [UInt32] = []

  package init() {}

  /// Appends the packed form of `data` to `output`.
  package mutating func compress(_ data: RawSpan, into output: inout [UInt8]) {
    forget()
    var bits = BitWriter()
    var width: UInt32 = 9
    var last = Self.end
    bits.write(Self.clear, width, to: &output)

    // Each code that is written defines a new one. Returns whether the table has room for it.
    func defineNext(_ table: inout [UInt32]) -> Bool {
      last += 1
      if last == 1 << width { width += 1 }
      guard last == Self.maximumCode else { return true }
      bits.write(Self.clear, width, to: &output)
      width = 9
      last = Self.end
      for slot in table.indices { table[slot] = 0 }
      return false
    }

    if data.byteCount > 0 {
      var code = UInt32(data[checked: 0])
      for index in 1..<max(1, data.byteCount) {
        let byte = UInt32(data[checked: index])
        let key = code << 8 | byte
        let slot = find(key)
        if table[slot] != 0 {
          code = table[slot] & 0xfff
          continue
        }
        bits.write(code, width, to: &output)
        code = byte
        if defineNext(&table) { table[slot] = key << 12 | last }
      }
      bits.write(code, width, to: &output)
      _ = defineNext(&table)
    }
    bits.write(Self.end, width, to: &output)
    bits.flush(to: &output)
  }

  /// The slot of `key`, or the free one where it belongs.
  private func find(_ key: UInt32) -> Int {
    var slot = Int(truncatingIfNeeded: (key &* 0x9e37_79b1) >> 19)
    while table[slot] != 0, table[slot] >> 12 != key { slot = (slot + 1) & (Self.slots - 1) }
    return slot
  }

  private mutating func forget() {
    if table.isEmpty {
      table = [UInt32](repeating: 0, count: Self.slots)
    } else {
      for slot in table.indices { table[slot] = 0 }
    }
  }
}

/// Packs codes from the least significant bit up.
private struct BitWriter {
  private var bits: UInt32 = 0
  private var count: UInt32 = 0

  mutating func write(_ code: UInt32, _ width: UInt32, to output: inout [UInt8]) {
    bits |= code << count
    count += width
    while count >= 8 {
      output.append(UInt8(truncatingIfNeeded: bits))
      bits >>= 8
      count -= 8
    }
  }

  mutating func flush(to output: inout [UInt8]) {
    if count > 0 { output.append(UInt8(truncatingIfNeeded: bits)) }
  }
}
