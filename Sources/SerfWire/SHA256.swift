/// SHA-256 (FIPS 180-4), which names large bodies by what is in them.
package enum SHA256 {
  /// The hash of some bytes.
  package struct Digest: Hashable, Sendable {
    let words: SIMD8<UInt32>

    init(words: SIMD8<UInt32>) { self.words = words }

    /// Reads a digest; nil unless there are 32 bytes.
    package init?(_ bytes: RawSpan) {
      guard bytes.byteCount == SHA256.digestLength else { return nil }
      var words = SIMD8<UInt32>()
      for index in 0..<8 { words[index] = bytes.bigEndianWord(at: 4 * index) }
      self.words = words
    }

    /// The 32 bytes.
    package var bytes: [UInt8] {
      var bytes: [UInt8] = []
      bytes.reserveCapacity(SHA256.digestLength)
      for index in 0..<8 {
        for shift: UInt32 in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: words[index] >> shift)) }
      }
      return bytes
    }
  }

  package static let digestLength = 32

  /// The hash of `bytes`.
  package static func digest(of bytes: RawSpan) -> Digest {
    var state = initialState
    let whole = bytes.byteCount & ~63
    bytes.withUnsafeBytes { buffer in
      var offset = 0
      while offset < whole {
        compress(&state, UnsafeRawBufferPointer(rebasing: buffer[offset..<offset + 64]))
        offset += 64
      }
    }
    // The rest, a one bit, zeros, and the length in bits: one block, or two.
    var tail: [UInt8] = []
    tail.reserveCapacity(128)
    tail.append(copying: bytes.extracting(whole..<bytes.byteCount))
    tail.append(0x80)
    while tail.count % 64 != 56 { tail.append(0) }
    let bitCount = UInt64(bytes.byteCount) * 8
    for shift in stride(from: UInt64(56), through: 0, by: -8) { tail.append(UInt8(truncatingIfNeeded: bitCount >> shift)) }
    tail.withUnsafeBytes { buffer in
      for offset in stride(from: 0, to: buffer.count, by: 64) {
        compress(&state, UnsafeRawBufferPointer(rebasing: buffer[offset..<offset + 64]))
      }
    }
    return Digest(words: state)
  }

  /// One step of the hash: a block of 64 bytes.
  private static func compress(_ state: inout SIMD8<UInt32>, _ block: UnsafeRawBufferPointer) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { schedule in
      for index in 0..<16 {
        schedule.initializeElement(at: index, to: UInt32(bigEndian: block.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
      }
      for index in 16..<64 {
        let (far, near) = (schedule[index - 15], schedule[index - 2])
        let low = rotated(far, 7) ^ rotated(far, 18) ^ far >> 3
        let high = rotated(near, 17) ^ rotated(near, 19) ^ near >> 10
        schedule.initializeElement(at: index, to: schedule[index - 16] &+ low &+ schedule[index - 7] &+ high)
      }
      var (a, b, c, d) = (state[0], state[1], state[2], state[3])
      var (e, f, g, h) = (state[4], state[5], state[6], state[7])
      roundConstants.withUnsafeBufferPointer { constants in
        for index in 0..<64 {
          let choice = (e & f) ^ (~e & g)
          let first = h &+ (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) &+ choice &+ constants[index] &+ schedule[index]
          let majority = (a & b) ^ (a & c) ^ (b & c)
          let second = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) &+ majority
          (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
        }
      }
      state &+= SIMD8(a, b, c, d, e, f, g, h)
    }
  }

  @inline(__always) private static func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }

  private static let initialState = SIMD8<UInt32>(
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19)

  private static let roundConstants: [UInt32] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
  ]
}

extension RawSpan {
  fileprivate func bigEndianWord(at offset: Int) -> UInt32 {
    var word: UInt32 = 0
    for index in offset..<offset + 4 { word = word << 8 | UInt32(self[checked: index]) }
    return word
  }
}
