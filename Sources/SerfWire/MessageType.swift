/// The first byte of a message (`memberlist.md` section 1.1). The numbers are append-only.
///
/// The module from the outside in:
/// - a packet: ``LabelHeader``, then (the transport's) decryption, then ``PacketWalker``, which undoes ``CRC32``, compression
///   (``LZWCodec``) and compounds and hands out messages; the other way ``CompoundWriter``, ``LZWCodec``, ``CRC32``, ``LabelHeader``
/// - a stream: ``LabelHeader``, decryption, ``StreamMessage/Scanner`` to find the end, ``StreamMessage/expand(_:using:into:limits:)`` for a
///   compressed message; then ``PushPull``, ``UserMessageHeader``, ``ErrorMessage`` or one of the following
/// - messages: ``Ping``, ``IndirectPing``, ``Ack``, ``Nack``, ``Suspect``, ``Alive``, ``Dead``. Each is a view that borrows the received
///   bytes: `init(decoding:)` takes what is behind the type byte and allocates nothing; `encode(into:)` appends type byte and body
/// - values: ``MessagePackReader``, ``MessagePackWriter``, and ``StructFields`` for what Go writes as a struct; ``MessagePackHead`` tells where a value
///   ends, for all that look for the end of something
///
/// Every decoder throws ``WireError`` and nothing else, and none of them traps on any input.
package enum MessageType: UInt8, Sendable, CaseIterable {
  case ping = 0
  case indirectPing = 1
  case ack = 2
  case suspect = 3
  case alive = 4
  case dead = 5
  /// Streams only.
  case pushPull = 6
  /// Packets only.
  case compound = 7
  case user = 8
  case compressed = 9
  /// Streams only: a length and a sealed message.
  case encrypted = 10
  case nack = 11
  /// Only as the first byte of a (decrypted) packet.
  case checksum = 12
  /// Streams only, as a reply.
  case error = 13
  /// First byte of a packet, and first byte that the dialling side of a stream sends.
  case label = 244
}

extension MessageType: CustomStringConvertible {
  package var description: String {
    switch self {
    case .ping: "ping"
    case .indirectPing: "indirect ping"
    case .ack: "ack"
    case .suspect: "suspect"
    case .alive: "alive"
    case .dead: "dead"
    case .pushPull: "push/pull"
    case .compound: "compound"
    case .user: "user"
    case .compressed: "compressed"
    case .encrypted: "encrypted"
    case .nack: "nack"
    case .checksum: "checksum"
    case .error: "error"
    case .label: "label"
    }
  }
}
