#if Zstd
  import CZstd
  package import SerfWire

  /// Packs and expands messages with zstd, compression algorithm 1 (``CompressionAlgorithm/zstd``): the raw frame, without the message around it.
  ///
  /// Keep a codec to keep its tables. Only one caller at a time may use it. A packer takes about 1 MiB after its first use, an unpacker about 100 KiB
  /// and at most 8 MiB more, depending on the largest window that a frame asked for.
  package final class ZstdCodec {
    private var packer: OpaquePointer?
    private var unpacker: OpaquePointer?

    package init() {}

    deinit {
      sz_packer_free(packer)
      sz_unpacker_free(unpacker)
    }

    /// Appends `message` as one frame, which states its size, at level 3. May be longer than the message: what does not shrink grows by a few bytes.
    package func compress(_ message: RawSpan, into bytes: inout [UInt8]) {
      let packer = packer ?? Self.made(sz_packer_new(Self.level))
      self.packer = packer
      bytes.append(addingCapacity: sz_bound(message.byteCount)) { frame in
        frame.withUnsafeMutableBufferPointer { frame, length in
          length = message.withUnsafeBytes { sz_pack(packer, $0.baseAddress, $0.count, frame.baseAddress, frame.count) }
          // There is room for the worst case, so the only possible cause is a lack of memory, and then the process cannot go on.
          precondition(length > 0, "zstd has no memory to compress \(message.byteCount) bytes")
        }
      }
    }

    /// Appends what the frames in `data` hold, at most `limit` bytes of it. The limit applies while expanding, so a bomb costs no more than that. The
    /// size that a frame states is never more than a reason to refuse it.
    ///
    /// - Throws: ``WireError/badCompression`` for anything but whole frames, end to end; ``WireError/tooLarge`` beyond the limit, and for a frame
    ///   that needs a window above 8 MiB; ``WireError/empty`` for nothing. `bytes` then ends with useless bytes.
    package func expand(_ data: RawSpan, into bytes: inout [UInt8], limit: Int) throws(WireError) {
      let unpacker = unpacker ?? Self.made(sz_unpacker_new(Self.windowLog))
      self.unpacker = unpacker
      sz_unpack_begin(unpacker)
      let start = bytes.count
      var offset = 0
      repeat {
        var stated: UInt64 = 0
        let begins = data.extracting(droppingFirst: offset).withUnsafeBytes { sz_frame_begins($0.baseAddress, $0.count, &stated) }
        guard begins != 0 else { throw .badCompression }
        // The largest number means that the size is unknown.
        guard stated == UInt64.max || stated <= UInt64(limit - (bytes.count - start)) else { throw .tooLarge }
        let step = Int(min(stated, UInt64(Self.step)))
        while try !unpackSome(unpacker, data, &offset, into: &bytes, atMost: min(step, limit - (bytes.count - start)) + 1) {
          guard bytes.count - start <= limit else { throw .tooLarge }
        }
        guard bytes.count - start <= limit else { throw .tooLarge }
      } while offset < data.byteCount
      guard bytes.count > start else { throw .empty }
    }

    /// One step of a frame: appends at most `room` bytes, and says whether the frame has ended. One byte of room too many tells a frame that
    /// ends at the limit from one that goes on.
    private func unpackSome(
      _ unpacker: OpaquePointer, _ data: RawSpan, _ offset: inout Int, into bytes: inout [UInt8], atMost room: Int
    ) throws(WireError) -> Bool {
      var read = 0
      var written = 0
      var result = SZ_CORRUPT
      bytes.append(addingCapacity: room) { output in
        output.withUnsafeMutableBufferPointer { output, count in
          result = data.extracting(droppingFirst: offset).withUnsafeBytes {
            sz_unpack(unpacker, $0.baseAddress, $0.count, &read, output.baseAddress, output.count, &written)
          }
          count = written
        }
      }
      offset += read
      switch result {
      case SZ_FRAME_END: return true
      case SZ_MORE:
        // All input was read and there was room for more output: the rest of the frame is missing.
        guard written == room || offset < data.byteCount else { throw .badCompression }
        guard written > 0 || read > 0 else { throw .badCompression }
        return false
      case SZ_WINDOW_TOO_LARGE, SZ_NO_MEMORY: throw .tooLarge
      default: throw .badCompression
      }
    }

    private static func made(_ pointer: OpaquePointer?) -> OpaquePointer {
      guard let pointer else { preconditionFailure("zstd has no memory for its tables") }
      return pointer
    }

    /// zstd's own default: on messages of this kind each higher level costs more time than the bytes that it saves are worth.
    private static let level: Int32 = 3
    /// 8 MiB, what RFC 8878 (3.1.1.1.2) recommends every decoder to support; our own frames ask for 2 MiB at most.
    private static let windowLog: Int32 = 23
    /// How many bytes are expanded at a time.
    private static let step = 128 << 10
  }
#endif
