/// Packs several messages into one packet (`memberlist.md` section 1.6): `07`, a count, 16-bit lengths, the messages.
///
/// Messages are appended to ``bytes`` by their own `encode(into:)`, each followed by ``endPart()``. One message alone is written bare, as
/// Go does. The buffers are kept for the next packet.
/// ```swift
/// alive.encode(into: &compound.bytes)
/// compound.endPart()
/// compound.finish(into: &packet)
/// ```
package struct CompoundWriter {
  /// Decoders before memberlist 0.2.4 misread 128 and more parts, and a count beyond 255 does not fit (hazard 9).
  package static let maximumParts = 127
  /// The type byte and the count.
  package static let overhead = 2
  /// The length of one part.
  package static let overheadPerPart = 2

  /// The parts so far, and the bytes of the open one.
  package var bytes: [UInt8] = []
  private var lengths: [UInt16] = []
  private var openPart = 0

  package init() {}

  /// How many parts there are.
  package var count: Int { lengths.count }

  /// Whether no further part fits, whatever its size.
  package var isFull: Bool { lengths.count == Self.maximumParts }

  /// The size of the packet that ``finish(into:)`` would write.
  package var packetLength: Int {
    lengths.count == 1 ? openPart : Self.overhead + Self.overheadPerPart * lengths.count + openPart
  }

  /// Ends the part that was appended to ``bytes`` since the last one. If nothing was appended, no part is added.
  package mutating func endPart() {
    let length = bytes.count - openPart
    guard length > 0 else { return }
    precondition(length <= 0xffff && !isFull, "the packer checks sizes before it adds a part")
    lengths.append(UInt16(length))
    openPart = bytes.count
  }

  /// Adds a complete message.
  package mutating func add(_ message: RawSpan) {
    bytes.append(copying: message)
    endPart()
  }

  /// Adds a message of a type byte and a body, such as a user message.
  package mutating func add(_ type: MessageType, _ body: RawSpan) {
    bytes.append(type.rawValue)
    bytes.append(copying: body)
    endPart()
  }

  /// Removes what was appended since the last part.
  package mutating func cancelPart() { bytes.removeLast(bytes.count - openPart) }

  /// Appends the packet, or nothing if there are no parts, and starts again.
  package mutating func finish(into packet: inout [UInt8]) {
    cancelPart()
    if lengths.count > 1 {
      packet.append(MessageType.compound.rawValue)
      packet.append(UInt8(lengths.count))
      for length in lengths {
        packet.append(UInt8(truncatingIfNeeded: length >> 8))
        packet.append(UInt8(truncatingIfNeeded: length))
      }
    }
    packet.append(contentsOf: bytes)
    bytes.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
    openPart = 0
  }
}
