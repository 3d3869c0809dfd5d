/// The content of a stream in one direction, after label and encryption: one message, perhaps compressed once (`memberlist.md` section 2.1). Go
/// writes no length and never half-closes, so only decoding shows where it ends.
package enum StreamMessage {
  /// What a receiver allows (`memberlist.md` section 2.4 and hazards 11 and 12).
  package struct Limits: Hashable, Sendable {
    /// Nodes in one push/pull; as in Go.
    package var nodes = 1_048_576
    /// Bytes of user state in a push/pull; as in Go.
    package var userState = 20 << 20
    /// Bytes of a user message; as in Go.
    package var userMessage = 20 << 20
    /// Bytes of a ping, an ack or an error.
    package var small = 64 << 10
    /// Bytes of a compressed message as it comes.
    package var compressed = (20 << 20) + (64 << 10)
    /// Bytes of a push/pull, and of any message after expansion; as in Go.
    package var total = 40 << 20

    package init() {}
  }

  /// What a scan has found.
  package enum Progress: Hashable, Sendable {
    /// No decision is possible with fewer bytes than this, including those already received.
    case needsMore(atLeast: Int)
    /// The message ends after this many bytes.
    case complete(Int)
    /// No continuation makes this a message.
    case malformed(WireError)
  }

  /// Looks at a whole message, or its first bytes, once. Use a ``Scanner`` where bytes keep coming.
  package static func scan(_ bytes: RawSpan, limits: Limits = Limits()) -> Progress {
    var scanner = Scanner(limits: limits)
    return scanner.scan(bytes)
  }

  /// Expands a complete compressed message into `bytes`, which must then hold one complete message that is not compressed.
  /// - Throws: also ``WireError/truncated`` for a message that ends too early and ``WireError/unexpectedType`` for a nested compression.
  package static func expand(
    _ message: RawSpan, using codec: inout LZWCodec, into bytes: inout [UInt8], limits: Limits = Limits()
  ) throws(WireError) {
    guard message.byteCount > 0 else { throw .empty }
    guard message[checked: 0] == MessageType.compressed.rawValue else { throw .unexpectedType }
    bytes.removeAll(keepingCapacity: true)
    let compressed = try Compressed(decoding: message.extracting(droppingFirst: 1))
    try codec.expand(compressed, into: &bytes, limit: limits.total)
    try validateExpanded(bytes.span.bytes, limits: limits)
  }

  /// Checks what came out of an expansion, with any algorithm.
  package static func validateExpanded(_ bytes: RawSpan, limits: Limits = Limits()) throws(WireError) {
    guard bytes.byteCount > 0 else { throw .empty }
    guard bytes[checked: 0] != MessageType.compressed.rawValue else { throw .unexpectedType }
    switch scan(bytes, limits: limits) {
    case .complete: return
    case .needsMore: throw .truncated
    case .malformed(let error): throw error
    }
  }
}
