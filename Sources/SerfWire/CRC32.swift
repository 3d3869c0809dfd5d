/// CRC-32 as zlib computes it (IEEE polynomial, reflected), eight bytes per step.
package enum CRC32 {
  /// The checksum of `bytes`.
  package static func checksum(_ bytes: RawSpan) -> UInt32 {
    bytes.withUnsafeBytes { buffer in
      tables.withUnsafeBufferPointer { table in
        var crc: UInt32 = ~0
        var index = 0
        while index + 8 <= buffer.count {
          let low = UInt32(littleEndian: buffer.loadUnaligned(fromByteOffset: index, as: UInt32.self)) ^ crc
          let high = UInt32(littleEndian: buffer.loadUnaligned(fromByteOffset: index + 4, as: UInt32.self))
          crc = table[7 << 8 | Int(low & 0xff)] ^ table[6 << 8 | Int(low >> 8 & 0xff)]
          crc ^= table[5 << 8 | Int(low >> 16 & 0xff)] ^ table[4 << 8 | Int(low >> 24)]
          crc ^= table[3 << 8 | Int(high & 0xff)] ^ table[2 << 8 | Int(high >> 8 & 0xff)]
          crc ^= table[1 << 8 | Int(high >> 16 & 0xff)] ^ table[Int(high >> 24)]
          index += 8
        }
        while index < buffer.count {
          crc = table[Int((crc ^ UInt32(buffer[index])) & 0xff)] ^ crc >> 8
          index += 1
        }
        return ~crc
      }
    }
  }

  /// Table k, at 256 · k, advances a byte over k more zero bytes.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var crc = UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xedb8_8320 }
      tables[byte] = crc
    }
    for index in 256..<tables.count {
      let previous = tables[index - 256]
      tables[index] = tables[Int(previous & 0xff)] ^ previous >> 8
    }
    return tables
  }()
}

extension CRC32 {
  /// The type byte and the sum.
  package static let headerLength = 5

  /// Writes the header into the first bytes of `packet`, which are kept free for it.
  package static func fillHeader(of packet: inout [UInt8]) {
    let sum = checksum(packet.span.bytes.extracting(droppingFirst: headerLength))
    packet[0] = MessageType.checksum.rawValue
    for index in 1..<headerLength { packet[index] = UInt8(truncatingIfNeeded: sum >> (32 - 8 * UInt32(index))) }
  }

  /// Whether `packet` begins with a header whose sum is that of the rest.
  package static func isValid(_ packet: RawSpan) -> Bool {
    guard packet.byteCount >= headerLength, packet[checked: 0] == MessageType.checksum.rawValue else { return false }
    let claimed = UInt32(bigEndian: packet.unsafeLoadUnaligned(fromUncheckedByteOffset: 1, as: UInt32.self))
    return claimed == checksum(packet.extracting(droppingFirst: headerLength))
  }

  /// Appends the header that goes before `packet`, which the caller appends next (`memberlist.md` section 1.5).
  package static func encodeHeader(for packet: RawSpan, into bytes: inout [UInt8]) {
    bytes.append(MessageType.checksum.rawValue)
    let sum = checksum(packet)
    for shift: UInt32 in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: sum >> shift)) }
  }
}
