package import SerfWire

/// An algorithm that makes messages smaller.
@nonexhaustive
public enum TransportCompression: String, Hashable, Sendable, CaseIterable {
  /// LZW, which every Go peer reads.
  case lzw
  /// zstd: smaller and quicker, an extension that no Go peer reads. Only for clusters without Go peers.
  case zstd

  /// Whether this build has the algorithm: zstd needs the trait `Zstd`.
  public var isAvailable: Bool {
    #if Zstd
      true
    #else
      self == .lzw
    #endif
  }
}

/// The codecs of one event loop, with their tables and buffers, which are made at their first use.
///
/// The tables of zstd for the messages of streams live for one message: such a message is rare, and the tables take from 150 KiB to more than 1 MiB.
package final class Compressor {
  private var lzw = LZWCodec()
  #if Zstd
    private lazy var zstd = ZstdCodec()
    private var packed: [UInt8] = []
  #endif

  package init() {}

  /// Appends `message` as a compressed message if that is smaller, and says whether it did.
  package func compress(_ message: RawSpan, with algorithm: TransportCompression, into bytes: inout [UInt8]) -> Bool {
    switch algorithm {
    case .lzw: return lzw.compress(message, into: &bytes, onlyIfSmaller: true)
    case .zstd:
      #if Zstd
        var packed: [UInt8] = []
        swap(&packed, &self.packed)
        defer { swap(&packed, &self.packed) }
        packed.removeAll(keepingCapacity: true)
        return Self.compress(message, with: zstd, into: &bytes, through: &packed)
      #else
        return false
      #endif
    }
  }

  /// The same for a message of a stream.
  package func compressStreamMessage(_ message: RawSpan, with algorithm: TransportCompression, into bytes: inout [UInt8]) -> Bool {
    #if Zstd
      if algorithm == .zstd {
        var packed: [UInt8] = []
        return Self.compress(message, with: ZstdCodec(), into: &bytes, through: &packed)
      }
    #endif
    return compress(message, with: algorithm, into: &bytes)
  }

  #if Zstd
    private static func compress(
      _ message: RawSpan, with codec: ZstdCodec, into bytes: inout [UInt8], through packed: inout [UInt8]
    ) -> Bool {
      codec.compress(message, into: &packed)
      let start = bytes.count
      Compressed(algorithm: CompressionAlgorithm.zstd, data: packed.span.bytes).encode(into: &bytes)
      guard bytes.count - start >= message.byteCount else { return true }
      bytes.removeLast(bytes.count - start)
      return false
    }
  #endif

  /// Appends what the compressed message holds, at most `limit` bytes; empty content is an error.
  package func expand(_ message: borrowing Compressed, into bytes: inout [UInt8], limit: Int) throws(WireError) {
    #if Zstd
      if message.algorithm == CompressionAlgorithm.zstd { return try zstd.expand(message.data, into: &bytes, limit: limit) }
    #endif
    try lzw.expand(message, into: &bytes, limit: limit)
  }

  /// Expands a complete compressed message of a stream, which must then hold one complete message that is not compressed.
  package func expandStreamMessage(_ message: RawSpan, limits: StreamMessage.Limits) throws(WireError) -> [UInt8] {
    var bytes: [UInt8] = []
    let compressed = try Compressed(decoding: message.extracting(droppingFirst: 1))
    #if Zstd
      if compressed.algorithm == CompressionAlgorithm.zstd {
        try ZstdCodec().expand(compressed.data, into: &bytes, limit: limits.total)
      } else {
        try expand(compressed, into: &bytes, limit: limits.total)
      }
    #else
      try expand(compressed, into: &bytes, limit: limits.total)
    #endif
    try StreamMessage.validateExpanded(bytes.span.bytes, limits: limits)
    return bytes
  }
}
