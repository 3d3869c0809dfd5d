import SerfWire

/// What surrounds each packet (`memberlist.md` section 1.2), from the outside in: label, encryption, checksum, compression.
///
/// Confined to one event loop. Both directions reuse their buffers, so that a packet costs no allocation.
package final class PacketEnvelope {
  private let label: [UInt8]
  private let header: [UInt8]
  private let sealer: Sealer?
  private let sealsOutgoing: Bool
  private let verifiesIncoming: Bool
  private let compression: TransportCompression?
  private let compressor: Compressor
  /// The last packet that was compressed, or would have been if that made it smaller: news goes to several members one after the other.
  private var last: [UInt8] = []
  private var lastIsChecksummed = false
  private var inner: [UInt8] = []
  private var outgoing: [UInt8] = []
  private var opened: [UInt8] = []
  private var expanded: [UInt8] = []

  package init(_ protection: WireProtection, compression: TransportCompression?, compressor: Compressor) {
    label = protection.label
    var header: [UInt8] = []
    LabelHeader.encode(label, into: &header)
    self.header = header
    sealer = protection.keyring.map(Sealer.init)
    sealsOutgoing = protection.sealsOutgoing
    verifiesIncoming = protection.verifiesIncoming
    self.compression = compression
    self.compressor = compressor
  }

  /// What label and encryption add to a packet.
  package var overhead: Int { header.count + (sealer != nil && sealsOutgoing ? Sealer.overhead : 0) }

  /// Puts `packet` into its envelope and hands it to `body`.
  package func seal(_ packet: RawSpan, checksummed: Bool, _ body: (RawSpan) -> Void) {
    // The buffers are moved out of this object while they are in use, because a span of a class's storage may not be handed on.
    let isRepeated = checksummed == lastIsChecksummed && !last.isEmpty && packet.equals(last)
    var (outgoing, inner) = (take(&self.outgoing), isRepeated ? self.inner : take(&self.inner))
    if !isRepeated { wrap(packet, checksummed: checksummed, into: &inner) }
    outgoing.append(contentsOf: header)
    let label = label
    if let sealer, sealsOutgoing {
      sealer.seal(inner.span.bytes, associated: label.span.bytes, into: &outgoing)
    } else {
      outgoing.append(copying: inner.span.bytes)
    }
    body(outgoing.span.bytes)
    (self.outgoing, self.inner) = (outgoing, inner)
  }

  /// Appends the packet with checksum and compression.
  private func wrap(_ packet: RawSpan, checksummed: Bool, into inner: inout [UInt8]) {
    last.removeAll(keepingCapacity: true)
    if checksummed { inner.append(contentsOf: Self.checksumPlace) }
    // Below the smallest size no message of a member becomes smaller.
    if let compression, packet.byteCount >= Self.smallestCompressed {
      last.append(copying: packet)
      lastIsChecksummed = checksummed
      if !compressor.compress(packet, with: compression, into: &inner) { inner.append(copying: packet) }
    } else {
      inner.append(copying: packet)
    }
    if checksummed { CRC32.fillHeader(of: &inner) }
  }

  /// Removes label, encryption and zstd from a datagram and hands it to `body`. The core undoes checksum, LZW and compounds, in any nesting.
  package func open(_ datagram: RawSpan, _ body: (RawSpan) -> Void) throws(EnvelopeProblem) {
    let label = label
    guard let stripped = try? LabelHeader(stripping: datagram), stripped.label.equals(label) else { throw .otherLabel }
    guard let sealer else { return try expand(stripped.rest, body) }
    var opened = take(&self.opened)
    defer { self.opened = opened }
    do throws(Sealer.Failure) {
      try sealer.open(stripped.rest, associated: label.span.bytes, into: &opened)
    } catch {
      // The cluster is changing to encryption: what is not encrypted is accepted as it is.
      guard !verifiesIncoming else { throw EnvelopeProblem(error) }
      return try expand(stripped.rest, body)
    }
    try expand(opened.span.bytes, body)
  }

  #if Zstd
    /// Undoes zstd where a packet is compressed with it, after its checksum if it has one.
    private func expand(_ packet: RawSpan, _ body: (RawSpan) -> Void) throws(EnvelopeProblem) {
      let inner = CRC32.isValid(packet) ? packet.extracting(droppingFirst: CRC32.headerLength) : packet
      guard inner.byteCount > 0, inner[checked: 0] == MessageType.compressed.rawValue,
        let message = try? Compressed(decoding: inner.extracting(droppingFirst: 1)), message.algorithm == CompressionAlgorithm.zstd
      else { return body(packet) }
      var expanded = take(&self.expanded)
      defer { self.expanded = expanded }
      do throws(WireError) {
        try compressor.expand(message, into: &expanded, limit: PacketWalker.defaultBudget)
      } catch { throw EnvelopeProblem(expanding: error) }
      body(expanded.span.bytes)
    }
  #else
    private func expand(_ packet: RawSpan, _ body: (RawSpan) -> Void) throws(EnvelopeProblem) { body(packet) }
  #endif

  /// Takes a buffer out, with its memory and without its contents.
  private func take(_ stored: inout [UInt8]) -> [UInt8] {
    var buffer: [UInt8] = []
    swap(&buffer, &stored)
    buffer.removeAll(keepingCapacity: true)
    return buffer
  }

  private static let checksumPlace = [UInt8](repeating: 0, count: CRC32.headerLength)
  private static let smallestCompressed = 128
}
