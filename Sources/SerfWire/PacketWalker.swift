/// Takes a received packet apart, label and encryption already removed, and hands out the messages in it one by one:
///
/// ```swift
/// var walker = PacketWalker(packet, using: &expansion)
/// while let leaf = walker.next() { … leaf.type … leaf.body … }
/// expansion = walker.finish()
/// if let problem = walker.firstProblem { … }
/// ```
/// It undoes the checksum, compression (LZW) and compounds in any order and nesting that a receiver has to take (`memberlist.md` section 1.2), but no
/// deeper than ``maximumDepth``, and expands no more than a budget for the whole packet (hazard 11). A part that cannot be used is skipped and
/// counted; the rest is still handed out, as in Go. The work is linear in the bytes received and expanded; only expansion allocates, into buffers
/// that are kept in ``Expansion``.
package struct PacketWalker: ~Copyable, ~Escapable {
  /// One message.
  package struct Leaf: ~Escapable {
    package let type: MessageType
    /// The message with its type byte.
    package let message: RawSpan
    /// What follows the type byte.
    package var body: RawSpan { @_lifetime(copy self) get { message.extracting(droppingFirst: 1) } }

    @_lifetime(copy message)
    init(_ type: MessageType, _ message: RawSpan) {
      self.type = type
      self.message = message
    }
  }

  /// The codec and the buffer that outlive a packet.
  package struct Expansion {
    var codec = LZWCodec()
    var bytes: [UInt8] = []

    package init() {}
  }

  /// No sender nests deeper than 2: compress(compound(message)).
  package static let maximumDepth = 3
  /// Twice the largest datagram.
  package static let defaultBudget = 131_072

  /// How many packets or parts could not be used.
  package private(set) var problemCount = 0
  /// Why the first of them could not.
  package private(set) var firstProblem: WireError?

  private let packet: RawSpan
  private let budget: Int
  private var expansion: Expansion
  /// The message to look at next, before the parts that wait in `compounds`.
  private var pending: Slice?
  /// Open compounds, innermost last; fewer than ``maximumDepth``.
  private var compounds: InlineArray<3, Compound>
  private var depth = 0

  /// Starts at the first byte of `packet`. `expansion` is empty until the caller assigns ``finish()`` to it.
  @_lifetime(copy packet)
  package init(_ packet: RawSpan, using expansion: inout Expansion, budget: Int = PacketWalker.defaultBudget) {
    self.packet = packet
    self.budget = budget
    self.expansion = expansion
    expansion = Expansion()
    self.expansion.bytes.removeAll(keepingCapacity: true)
    compounds = InlineArray(repeating: Compound())
    pending = Slice(start: 0, count: packet.byteCount, isExpanded: false, depth: 0)
    if packet.byteCount >= CRC32.headerLength, packet[checked: 0] == MessageType.checksum.rawValue {
      if CRC32.isValid(packet) {
        pending = Slice(
          start: CRC32.headerLength, count: packet.byteCount - CRC32.headerLength, isExpanded: false, depth: 0)
      } else {
        pending = nil
        problem(.badChecksum)
      }
    }
  }

  /// Gives the buffers back.
  package consuming func finish() -> Expansion { expansion }

  /// The next message, nil at the end of the packet.
  @_lifetime(&self)
  package mutating func next() -> Leaf? {
    while let slice = takeSlice() {
      guard slice.count > 0 else {
        problem(.empty)
        continue
      }
      guard let type = MessageType(rawValue: byte(0, of: slice)) else {
        problem(.unexpectedType)
        continue
      }
      switch type {
      case .ping, .indirectPing, .ack, .suspect, .alive, .dead, .user, .nack:
        return Leaf(type, bytes(slice))
      case .compound:
        if slice.depth < Self.maximumDepth { openCompound(slice) } else { problem(.tooDeep) }
      case .compressed:
        if slice.depth < Self.maximumDepth { expand(slice) } else { problem(.tooDeep) }
      case .pushPull, .encrypted, .checksum, .error, .label:
        problem(.unexpectedType)
      }
    }
    return nil
  }
}

// MARK: - Compounds and expansion

extension PacketWalker {
  /// Bytes of the packet or of the expansion buffer, which may move while a slice of it waits.
  private struct Slice {
    var start: Int
    var count: Int
    var isExpanded: Bool
    /// How many compounds and compressions enclose it.
    var depth: Int

    /// A part of it, one level deeper.
    func part(_ offset: Int, _ length: Int) -> Slice {
      Slice(start: start + offset, count: length, isExpanded: isExpanded, depth: depth + 1)
    }
  }

  /// A compound with parts left to hand out; offsets are into `whole`.
  private struct Compound {
    var whole = Slice(start: 0, count: 0, isExpanded: false, depth: 0)
    var nextLength = 0
    var nextPart = 0
    var partsLeft = 0
  }

  @_lifetime(borrow self)
  private func bytes(_ slice: Slice) -> RawSpan {
    let whole = slice.isExpanded ? expansion.bytes.span.bytes : packet
    return whole.extracting(slice.start..<slice.start + slice.count)
  }

  private func byte(_ index: Int, of slice: Slice) -> UInt8 { bytes(slice)[checked: index] }

  private mutating func problem(_ error: WireError) {
    problemCount += 1
    if firstProblem == nil { firstProblem = error }
  }

  private mutating func takeSlice() -> Slice? {
    if let slice = pending {
      pending = nil
      return slice
    }
    while depth > 0 {
      if let part = takePart(of: depth - 1) { return part }
      depth -= 1
    }
    return nil
  }

  /// The next part of a compound. If the bytes run out the rest is skipped and counted once.
  private mutating func takePart(of index: Int) -> Slice? {
    let compound = compounds[index]
    guard compound.partsLeft > 0 else { return nil }
    let whole = compound.whole
    let length = Int(byte(compound.nextLength, of: whole)) << 8 | Int(byte(compound.nextLength + 1, of: whole))
    guard length <= whole.count - compound.nextPart else {
      compounds[index].partsLeft = 0
      problem(.truncated)
      return nil
    }
    compounds[index].partsLeft -= 1
    compounds[index].nextLength += 2
    compounds[index].nextPart += length
    return whole.part(compound.nextPart, length)
  }

  private mutating func openCompound(_ slice: Slice) {
    guard slice.count >= 2 else { return problem(.truncated) }
    let count = Int(byte(1, of: slice))
    let firstPart = 2 + 2 * count
    guard firstPart <= slice.count else { return problem(.truncated) }
    compounds[depth] = Compound(whole: slice, nextLength: 2, nextPart: firstPart, partsLeft: count)
    depth += 1
  }

  private mutating func expand(_ slice: Slice) {
    let start = expansion.bytes.count
    do throws(WireError) {
      if slice.isExpanded {
        // The buffer that grows is also the one that is read, so the input is copied.
        let copy = [UInt8](copying: bytes(slice).extracting(droppingFirst: 1))
        let message = try Compressed(decoding: copy.span.bytes)
        try expansion.codec.expand(message, into: &expansion.bytes, limit: budget - start)
      } else {
        let message = try Compressed(decoding: packet.extracting(slice.start + 1..<slice.start + slice.count))
        try expansion.codec.expand(message, into: &expansion.bytes, limit: budget - start)
      }
      pending = Slice(start: start, count: expansion.bytes.count - start, isExpanded: true, depth: slice.depth + 1)
    } catch {
      problem(error)
    }
  }
}
