import SerfWire

/// The comment line that ends each block of lines which we write: `# crc32=1a2b3c4d`, the sum over all bytes of the block before it. Go ignores comments.
enum SnapshotBlock {
  /// Ends the block that begins at `start`.
  static func close(_ bytes: inout [UInt8], from start: Int) {
    let sum = CRC32.checksum(bytes.span.bytes.extracting(droppingFirst: start))
    bytes += word
    for shift: UInt32 in stride(from: 28, through: 0, by: -4) { bytes.append(digits[Int(sum >> shift & 0xf)]) }
    bytes.append(UInt8(ascii: "\n"))
  }

  /// The sum in a line, which is without its line break; nil when it is another line.
  static func sum(in line: ArraySlice<UInt8>) -> UInt32? {
    guard line.count == word.count + 8, line.starts(with: word) else { return nil }
    var sum: UInt32 = 0
    for byte in line.dropFirst(word.count) {
      guard let digit = digits.firstIndex(of: byte) else { return nil }
      sum = sum << 4 | UInt32(digit)
    }
    return sum
  }

  /// One block of a new file has at most so many lines, so that a single flipped bit does not cost the others.
  static let lineLimit = 64

  private static let word = Array("# crc32=".utf8)
  private static let digits = Array("0123456789abcdef".utf8)
}
