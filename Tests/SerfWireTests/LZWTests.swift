import SerfWire
import Testing
import VectorSupport

@Suite struct LZWTests {
  @Test("each vector packs to its bytes and expands to its plaintext")
  func vectors() throws {
    let vectors = try MemberlistVector.all("lzw")
    #expect(vectors.count == 13)
    for vector in vectors {
      let plain = try #require(plaintext(vector), "\(vector.name)")
      #expect(plain.count == vector.fields["plain_len"].integer, "\(vector.name)")
      #expect(SHA256.digest(of: plain.span.bytes).bytes.hex == vector.fields["plain_sha256"].string, "\(vector.name)")
      var packed: [UInt8] = []
      var encoder = LZWEncoder()
      encoder.compress(plain.span.bytes, into: &packed)
      #expect(packed.count == vector.fields["compressed_len"].integer, "\(vector.name)")
      #expect(SHA256.digest(of: packed.span.bytes).bytes.hex == vector.fields["compressed_sha256"].string, "\(vector.name)")
      if let bytes = vector.bytes { #expect(packed.hex == bytes.hex, "\(vector.name)") }
      #expect(try expand(packed) == plain, "\(vector.name)")
    }
  }

  @Test("each compressed message vector expands to its message and packs to its bytes")
  func messages() throws {
    let vectors = try MemberlistVector.all("message").filter { $0.name.hasPrefix("compress_") }
    #expect(vectors.count == 4)
    var codec = LZWCodec()
    for vector in vectors {
      let bytes = try #require(vector.bytes)
      let inner = try #require(vector.fields["inner"].hex)
      let message = try Compressed(decoding: bytes.span.bytes.extracting(droppingFirst: 1))
      var expanded: [UInt8] = []
      try codec.expand(message, into: &expanded, limit: 100_000)
      #expect(expanded.hex == inner.hex, "\(vector.name)")
      var packed: [UInt8] = []
      codec.compress(inner.span.bytes, into: &packed, onlyIfSmaller: false)
      #expect(packed.hex == bytes.hex, "\(vector.name)")
    }
  }

  @Test("each edge case ends as in Go")
  func edges() throws {
    let cases = try Vectors.file("memberlist.json")["lzw_edge"].array
    #expect(cases.count == 8)
    for edge in cases {
      let packed = try #require(edge["hex"].hex)
      let result: [UInt8]?
      do throws(WireError) { result = try expand(packed) } catch {
        #expect(error == .badCompression)
        result = nil
      }
      #expect(result == edge["plain"].hex, "\(edge["name"].string ?? "")")
    }
  }

  @Test("a full table without a clear code keeps its entries and its width")
  func fullTable() throws {
    // All literals: clear, then 3,900 codes with widths as they grow, and no clear code in between.
    let plain = (0..<3_900).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 >> 5) }
    var packed: [UInt8] = []
    var bits = 0
    var count = 0
    func write(_ code: Int, _ width: Int) {
      bits |= code << count
      count += width
      while count >= 8 {
        packed.append(UInt8(truncatingIfNeeded: bits))
        bits >>= 8
        count -= 8
      }
    }
    var width = 9
    var next = 257
    write(256, width)
    for byte in plain {
      write(Int(byte), width)
      next = min(next + 1, 4096)
      if next == 1 << width, width < 12 { width += 1 }
    }
    // The last entry of the table, which stands for bytes 3837 and 3838.
    write(4095, width)
    write(257, width)
    write(0, 7)
    #expect(try expand(packed) == plain + plain[3_837...3_838])
  }

  @Test("an expansion stops at its limit")
  func limit() throws {
    var packed: [UInt8] = []
    var encoder = LZWEncoder()
    encoder.compress([UInt8](repeating: 0, count: 1_000_000).span.bytes, into: &packed)
    #expect(throws: WireError.tooLarge) { try expand(packed, limit: 999_999) }
    #expect(try expand(packed, limit: 1_000_000).count == 1_000_000)
  }

  @Test("seeded data of every repetitiveness survives compression and expansion")
  func roundTrip() throws {
    var encoder = LZWEncoder()
    var seed: UInt32 = 7
    for alphabet in [1, 2, 3, 16, 256] {
      for length in [1, 2, 255, 4_096, 30_000] {
        let plain = (0..<length).map { _ in
          seed = seed &* 1_664_525 &+ 1_013_904_223
          return UInt8(truncatingIfNeeded: Int(seed >> 16) % alphabet)
        }
        var packed: [UInt8] = []
        encoder.compress(plain.span.bytes, into: &packed)
        #expect(try expand(packed) == plain)
      }
    }
  }
}

private func expand(_ packed: [UInt8], limit: Int = 2_000_000) throws(WireError) -> [UInt8] {
  var decoder = LZWDecoder()
  var output: [UInt8] = []
  try decoder.expand(packed.span.bytes, into: &output, limit: limit)
  return output
}

/// The plaintext that a vector states, or that its generator makes.
private func plaintext(_ vector: MemberlistVector) -> [UInt8]? {
  if let plain = vector.fields["plain"].hex { return plain }
  if vector.name == "lzw_text_18000" {
    return (0..<400).flatMap { _ in Array("the quick brown fox jumps over the lazy dog. ".utf8) }
  }
  guard vector.name.hasPrefix("lzw_lcg_"), let count = Int(vector.name.dropFirst(8)) else { return nil }
  var x: UInt32 = 1
  return (0..<count).map { _ in
    x = (x &* 1_103_515_245 &+ 12_345) & 0x7fff_ffff
    return UInt8(truncatingIfNeeded: x >> 16)
  }
}
