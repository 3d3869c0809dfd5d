#if Zstd
  import SerfPrimitives
  import SerfTransport
  import SerfWire
  import Testing

  @Suite struct ZstdCodecTests {
    private let codec = ZstdCodec()

    @Test(
      "what was compressed expands to itself",
      arguments: [1, 2, 3, 4, 100, 511, 512, 1_400, 65_535, 65_536, 131_071, 131_072, 131_073, 400_000])
    func roundTrip(size: Int) throws {
      for message in [Self.noise(size), Self.text(size), [UInt8](repeating: 7, count: size)] {
        var bytes: [UInt8] = [1, 2, 3]
        codec.compress(message.span.bytes, into: &bytes)
        #expect(bytes.prefix(3) == [1, 2, 3])
        let frame = Array(bytes[3...])
        var expanded: [UInt8] = [9]
        try codec.expand(frame.span.bytes, into: &expanded, limit: size)
        #expect(expanded.count == size + 1 && expanded[0] == 9 && expanded.dropFirst().elementsEqual(message))
        #expect(expansion(of: frame, limit: size - 1) == .failure(.tooLarge))
      }
    }

    @Test("a message larger than every window is restored")
    func large() {
      let message = [UInt8](repeatElement(Self.noise(10_000), count: 1_000).joined())
      #expect(expansion(of: packed(message), limit: message.count) == .success(message))
      #expect(expansion(of: packed(message), limit: message.count - 1) == .failure(.tooLarge))
    }

    @Test("text shrinks")
    func shrinks() {
      #expect(packed(Self.text(10_000)).count < 2_000)
    }

    @Test("several frames in a row expand to one message")
    func concatenated() {
      let frames = (0..<10).flatMap { packed([UInt8](repeating: $0, count: 100)) }
      #expect(expansion(of: frames, limit: 1_000) == .success((0..<10).flatMap { [UInt8](repeating: $0, count: 100) }))
      #expect(expansion(of: frames, limit: 999) == .failure(.tooLarge))
    }

    @Test("an expansion to nothing is refused")
    func empty() {
      #expect(expansion(of: packed([]), limit: 10) == .failure(.empty))
      #expect(expansion(of: packed([]) + packed([]), limit: 10) == .failure(.empty))
      #expect(expansion(of: packed([]) + packed([5]), limit: 10) == .success([5]))
      #expect(expansion(of: [], limit: 10) == .failure(.badCompression))
    }

    @Test("bytes after the frame, skippable frames and other formats are refused")
    func garbage() {
      let frame = packed(Self.text(300))
      for tail in [[0], [0x28], [0x28, 0xb5, 0x2f], [0x28, 0xb5, 0x2f, 0xfd], [UInt8](repeating: 0xff, count: 100)] as [[UInt8]] {
        #expect(expansion(of: frame + tail, limit: 1_000) == .failure(.badCompression))
      }
      #expect(expansion(of: [0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0], limit: 1_000) == .failure(.badCompression))
      // Format 0.7, which libzstd could still read.
      #expect(expansion(of: [0x27, 0xb5, 0x2f, 0xfd] + frame.dropFirst(4), limit: 1_000) == .failure(.badCompression))
    }

    @Test("a frame cut short is refused, wherever it was cut", arguments: [200, 3_000, 300_000])
    func truncated(size: Int) {
      let frame = packed(Self.noise(size / 2) + Self.text(size / 2))
      for length in stride(from: 0, to: frame.count, by: max(1, frame.count / 2_000)) {
        #expect(expansion(of: Array(frame[..<length]), limit: size) == .failure(.badCompression))
      }
    }

    @Test("a frame with any bit flipped expands to at most the limit, or is refused")
    func flippedBits() {
      let frame = packed(Self.text(400))
      for bit in 0..<frame.count * 8 {
        var damaged = frame
        damaged[bit / 8] ^= 1 << (bit % 8)
        if case .success(let bytes) = expansion(of: damaged, limit: 500) { #expect(bytes.count <= 500) }
      }
      // The codec is as good as new afterwards.
      #expect(expansion(of: frame, limit: 400) == .success(Self.text(400)))
    }

    @Test("a bomb of 1 GiB is refused at the limit", arguments: [1, 1_000, 131_071, 131_072, 1 << 20, 40 << 20])
    func bomb(limit: Int) {
      // Blocks of one byte repeated 131,071 times, in a frame that states no size: 32 KiB that contain 1 GiB.
      let block = Self.block(size: (128 << 10) - 1, isLast: false) + [0]
      let bomb = Self.magic + [0, 0x58] + [UInt8](repeatElement(block, count: 8_196).joined())
      var bytes: [UInt8] = []
      #expect(throws: WireError.tooLarge) { try codec.expand(bomb.span.bytes, into: &bytes, limit: limit) }
      #expect(bytes.count <= limit + 1)
      #expect(bytes.capacity <= 2 * limit + (512 << 10))
    }

    @Test("a bomb of many frames is refused at the limit")
    func bombOfFrames() {
      let one = packed([UInt8](repeating: 0, count: 1 << 20))
      let bomb = (0..<1_024).flatMap { _ in one }
      var bytes: [UInt8] = []
      #expect(throws: WireError.tooLarge) { try codec.expand(bomb.span.bytes, into: &bytes, limit: (4 << 20) + 5) }
      #expect(bytes.count <= 4 << 20)
    }

    @Test("a frame that claims 2^60 bytes uses no memory")
    func giantClaim() {
      let size: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0x10]
      for header in [[0xe0] + size, [0xc0, 0x58] + size] as [[UInt8]] {
        var bytes: [UInt8] = []
        let frame = Self.magic + header + [0x0b, 0, 0, 0]
        #expect(throws: WireError.tooLarge) { try codec.expand(frame.span.bytes, into: &bytes, limit: 1 << 20) }
        #expect(bytes.capacity < 1 << 20)
      }
    }

    @Test("a frame that states less than it contains is refused")
    func understated() {
      // A single segment of 5 bytes, and a block of 100.
      let frame = Self.magic + [0x20, 5] + Self.block(size: 100, isLast: true) + [1]
      #expect(expansion(of: frame, limit: 1_000) == .failure(.badCompression))
    }

    @Test("a window above 8 MiB is refused, one of 8 MiB is not")
    func windows() {
      // The exponent minus 10 is in the upper five bits.
      #expect(expansion(of: Self.small(window: 13 << 3), limit: 100) == .success([3, 3, 3]))
      #expect(expansion(of: Self.small(window: 13 << 3 | 1), limit: 100) == .failure(.tooLarge))
      #expect(expansion(of: Self.small(window: 0xff), limit: 100) == .failure(.tooLarge))
    }

    // MARK: Frames

    private func packed(_ message: [UInt8]) -> [UInt8] {
      var bytes: [UInt8] = []
      codec.compress(message.span.bytes, into: &bytes)
      return bytes
    }

    private func expansion(of data: [UInt8], limit: Int) -> Result<[UInt8], WireError> {
      var bytes: [UInt8] = []
      do throws(WireError) {
        try codec.expand(data.span.bytes, into: &bytes, limit: limit)
        return .success(bytes)
      } catch { return .failure(error) }
    }

    private static let magic: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd]

    /// The header of a block that repeats the byte after it (RFC 8878, 3.1.1.2).
    private static func block(size: Int, isLast: Bool) -> [UInt8] {
      let header = size << 3 | 1 << 1 | (isLast ? 1 : 0)
      return [UInt8(header & 0xff), UInt8(header >> 8 & 0xff), UInt8(header >> 16)]
    }

    /// A frame with three bytes that states a window but no size.
    private static func small(window: UInt8) -> [UInt8] { magic + [0, window] + block(size: 3, isLast: true) + [3] }

    private static func text(_ size: Int) -> [UInt8] {
      (0..<size).map { index in
        let letter = (index * index / 7 + index / 40) % 11
        return UInt8(ascii: "a") + UInt8(letter)
      }
    }

    private static func noise(_ size: Int) -> [UInt8] {
      var random = SeededRandom(seed: UInt64(size))
      return (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
  }
#endif
