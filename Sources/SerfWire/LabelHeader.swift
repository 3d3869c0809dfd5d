/// The header that says which cluster a packet, or the dialling side of a stream, belongs to (`memberlist.md` sections 1.3 and 2.2): `F4`, a length
/// byte, the label. It is outside the encryption, and the label is part of the authenticated data.
package struct LabelHeader: ~Escapable {
  /// The longest label.
  package static let maximumLength = 255

  /// The label; empty when there is no header.
  package let label: RawSpan
  /// What follows the header.
  package let rest: RawSpan

  /// Takes the header off the front of a packet.
  /// - Throws: ``WireError/badLabel`` for a header that is cut short or has an empty label.
  @_lifetime(copy packet)
  package init(stripping packet: RawSpan) throws(WireError) {
    guard packet.byteCount > 0, packet[checked: 0] == MessageType.label.rawValue else {
      label = RawSpan()
      rest = packet
      return
    }
    guard packet.byteCount >= 2 else { throw .badLabel }
    let length = Int(packet[checked: 1])
    guard length > 0, packet.byteCount >= 2 + length else { throw .badLabel }
    label = packet.extracting(2..<2 + length)
    rest = packet.extracting(droppingFirst: 2 + length)
  }

  /// Appends the header for `label`, nothing for an empty one. A label is at most ``maximumLength`` bytes.
  package static func encode(_ label: [UInt8], into bytes: inout [UInt8]) {
    precondition(label.count <= maximumLength, "the configuration limits labels to 255 bytes")
    guard !label.isEmpty else { return }
    bytes.append(MessageType.label.rawValue)
    bytes.append(UInt8(label.count))
    bytes.append(contentsOf: label)
  }

  /// How many bytes the header for `label` takes.
  package static func length(for label: [UInt8]) -> Int { label.isEmpty ? 0 : 2 + label.count }
}
