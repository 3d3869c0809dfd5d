/// Which algorithm a compressed message names.
package enum CompressionAlgorithm {
  /// LZW, the only one that Go peers know.
  package static let lzw: UInt8 = 0
  /// zstd, our extension. The transport expands it before the core sees the packet. It is never sent to a peer that did not say that it reads it.
  package static let zstd: UInt8 = 1
}

/// Compresses messages and expands compressed ones with LZW, keeping its tables and buffers from one message to the next.
package struct LZWCodec {
  private var encoder = LZWEncoder()
  private var decoder = LZWDecoder()
  private var packed: [UInt8] = []

  package init() {}

  /// Appends `message` as a compressed message if that is smaller (packets) or in any case (streams), and says whether it did.
  @discardableResult
  package mutating func compress(_ message: RawSpan, into bytes: inout [UInt8], onlyIfSmaller: Bool) -> Bool {
    packed.removeAll(keepingCapacity: true)
    encoder.compress(message, into: &packed)
    let start = bytes.count
    Compressed(algorithm: CompressionAlgorithm.lzw, data: packed.span.bytes).encode(into: &bytes)
    if onlyIfSmaller, bytes.count - start >= message.byteCount {
      bytes.removeLast(bytes.count - start)
      return false
    }
    return true
  }

  /// Appends what the compressed message holds, at most `limit` bytes. An empty content is an error, as in Go.
  package mutating func expand(_ message: borrowing Compressed, into bytes: inout [UInt8], limit: Int) throws(WireError) {
    guard message.algorithm == CompressionAlgorithm.lzw else { throw .unknownAlgorithm }
    let start = bytes.count
    try decoder.expand(message.data, into: &bytes, limit: limit)
    guard bytes.count > start else { throw .empty }
  }
}
