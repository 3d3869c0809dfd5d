import SerfWire

/// What surrounds each message on a layer's streams (`memberlist.md` section 2.1). It is nothing, unless the layer says otherwise.
///
/// ```
/// dialler → acceptor : [label] frame          frame := 0A length sealed(content) | content
/// acceptor → dialler : frame                  content := message | 09 {Algo, Buf(message)}
/// ```
/// Belongs to the layer's event loop.
public struct StreamEnvelope {
  let label: [UInt8]
  let sealer: Sealer?
  let sealsOutgoing: Bool
  let verifiesIncoming: Bool
  /// How messages of more than ``compressionThreshold`` bytes are compressed; received messages may be compressed in any known way.
  var compression: TransportCompression?
  var compressionThreshold = 128

  /// No label, no encryption, nothing compressed.
  public static var plain: StreamEnvelope { StreamEnvelope(WireProtection(), compression: nil) }

  package init(_ protection: WireProtection, compression: TransportCompression?) {
    label = protection.label
    sealer = protection.keyring.map(Sealer.init)
    sealsOutgoing = protection.sealsOutgoing
    verifiesIncoming = protection.verifiesIncoming
    self.compression = compression
  }

  /// The bytes that carry `message`. Only the dialling side sends the label.
  package func seal(_ message: [UInt8], asDialler: Bool, using compressor: Compressor) -> [UInt8] {
    guard !message.isEmpty else { return message }
    var compressed: [UInt8] = []
    var content = message
    if let compression, message.count > compressionThreshold,
      compressor.compressStreamMessage(message.span.bytes, with: compression, into: &compressed)
    {
      content = compressed
    }
    guard sealer != nil && sealsOutgoing || asDialler && !label.isEmpty else { return content }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(content.count + 2 + label.count + 5 + Sealer.overhead)
    if asDialler { LabelHeader.encode(label, into: &bytes) }
    guard let sealer, sealsOutgoing else { return bytes + content }
    let header = Self.frameHeader(length: content.count + Sealer.overhead)
    bytes += header
    sealer.seal(content.span.bytes, associated: (header + label).span.bytes, into: &bytes)
    return bytes
  }

  static func frameHeader(length: Int) -> [UInt8] {
    let length = UInt32(length)
    return [MessageType.encrypted.rawValue] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
  }

  static let frameHeaderLength = 5
}
