import SerfPrimitives

/// Makes bad bytes out of good ones: what a broken or hostile peer, or a broken network, would send.
struct Mutator {
  var random: SeededRandom

  /// One to four mutations of a random entry.
  mutating func next(_ corpus: [[UInt8]]) -> [UInt8] {
    var bytes = corpus[random.below(corpus.count)]
    for _ in 0...random.below(4) { mutate(&bytes, corpus) }
    return bytes
  }

  private mutating func mutate(_ bytes: inout [UInt8], _ corpus: [[UInt8]]) {
    let at = random.below(bytes.count + 1)
    switch random.below(9) {
    case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8(random.below(8))
    case 1 where at < bytes.count: bytes[at] = UInt8(truncatingIfNeeded: random.next())
    case 2: bytes.removeSubrange(at...)
    case 3: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.below(8)))
    case 4:
      // Inflate a length: a tag with a length or count of 16 or 32 bits, most of it set.
      let tags: [UInt8] = [0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xc4, 0xc5, 0xc6, 0xd9, 0xc7, 0xc8, 0xc9]
      bytes.insert(contentsOf: [tags[random.below(tags.count)]] + (0..<4).map { _ in random.chance(0.7) ? 0xff : 0 }, at: at)
    case 5 where at < bytes.count: bytes[at] = [0x00, 0x7f, 0x80, 0xff, 0xc0, 0xc1, 0x07, 0x09, 0x0c][random.below(9)]
    case 6:
      // Splice: the rest of another entry.
      let other = corpus[random.below(corpus.count)]
      bytes.replaceSubrange(at..., with: other[random.below(other.count + 1)...])
    case 7:
      // Repeat a piece, sometimes many times.
      let piece = Array(bytes[at..<min(bytes.count, at + 1 + random.below(32))])
      for _ in 0...random.below(random.chance(0.05) ? 64 : 3) { bytes.insert(contentsOf: piece, at: at) }
    default:
      // Wrap into a nesting message.
      let length = min(bytes.count, 0xffff)
      bytes = [7, 1, UInt8(length >> 8), UInt8(length & 0xff)] + bytes
    }
  }
}
