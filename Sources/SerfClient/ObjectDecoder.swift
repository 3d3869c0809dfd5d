package import NIOCore

/// Cuts a byte stream into MessagePack objects, one buffer each. The next handler knows which is a header and which is a body.
package struct ObjectDecoder: NIOSingleStepByteToMessageDecoder {
  package typealias InboundOut = ByteBuffer

  private var scanner: ObjectScanner

  /// - Parameter maximumLength: the longest object accepted, in bytes; a longer one is ``WireError/tooLarge``.
  package init(maximumLength: Int) { scanner = ObjectScanner(maximumLength: maximumLength) }

  package mutating func decode(buffer: inout ByteBuffer) throws -> ByteBuffer? {
    guard buffer.readableBytes > 0, let length = try scanner.scan(buffer.readableBytesSpan) else { return nil }
    return buffer.readSlice(length: length)
  }

  package mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> ByteBuffer? {
    try decode(buffer: &buffer)
  }
}

/// The limits of what one side of the RPC reads (`secure-transport.md` 3.6).
package enum RPCLimit {
  /// All that a client may send before it has introduced itself, in bytes: a handshake and a key need about a hundred.
  package static let introduction = 64 << 10
  /// A request, in bytes: no command needs more.
  package static let request = 1 << 20
  /// A response, in bytes: a list of 100,000 members with full tags.
  package static let response = 128 << 20
}
