package import SerfWire

/// Takes the bytes of one direction of a stream as they arrive, and says when they are a whole message (`memberlist.md` sections 2.1–2.3).
///
/// ```
/// label (acceptor only) ──▶ first byte ─┬─ 0A: length, sealed bytes ──▶ decrypted ─┐
///                                       └─ content, as it comes ───────────────────┴─▶ message, expanded if it is compressed
/// ```
/// Peers do not half-close, and do not say how long a message is, so only decoding shows where it ends.
package struct StreamOpener {
  /// What has been found so far.
  package enum Progress: Hashable {
    case needsMore
    /// The whole message, and how many received bytes it took.
    case complete([UInt8], received: Int)
    /// No continuation makes this a message.
    case malformed
    /// Its envelope cannot be removed.
    case unopened(EnvelopeProblem)
  }

  private enum Stage {
    case label, frame, sealed(length: Int), content
  }

  private let isAcceptor: Bool
  private let limits: StreamMessage.Limits
  private var stage: Stage
  private var buffer: [UInt8] = []
  /// Where the content or the frame begins.
  private var start = 0
  private var scanner: StreamMessage.Scanner

  package init(asAcceptor isAcceptor: Bool, limits: StreamMessage.Limits) {
    self.isAcceptor = isAcceptor
    self.limits = limits
    stage = isAcceptor ? .label : .frame
    scanner = StreamMessage.Scanner(limits: limits)
  }

  /// How many bytes are held.
  package var count: Int { buffer.count }

  /// Whether the bytes so far are the beginning of a ping that can be read as it arrives.
  package var isPing: Bool {
    guard case .content = stage, start < buffer.count else { return false }
    return buffer[start] == MessageType.ping.rawValue
  }

  /// Takes more bytes.
  package mutating func receive(_ bytes: RawSpan, envelope: StreamEnvelope, using compressor: Compressor) -> Progress {
    buffer.append(copying: bytes)
    do throws(EnvelopeProblem) {
      while true {
        switch stage {
        case .label:
          guard try takeLabel(envelope) else { return .needsMore }
          stage = .frame
        case .frame:
          guard try takeFrame(envelope) else { return .needsMore }
        case .sealed(let length):
          guard buffer.count - start >= length else { return .needsMore }
          return try decrypted(length, envelope, compressor)
        case .content:
          return try scanned(compressor)
        }
      }
    } catch { return .unopened(error) }
  }

  /// Releases the bytes.
  package mutating func discard() { buffer = [] }

  // MARK: Steps

  /// True when the whole label has arrived and is ours.
  private mutating func takeLabel(_ envelope: StreamEnvelope) throws(EnvelopeProblem) -> Bool {
    guard let first = buffer.first else { return false }
    guard first == MessageType.label.rawValue else {
      guard envelope.label.isEmpty else { throw .otherLabel }
      return true
    }
    guard buffer.count >= 2 else { return false }
    let length = Int(buffer[1])
    // The first difference decides, so the rest of a wrong label is not waited for.
    guard length > 0, length == envelope.label.count, envelope.label.starts(with: buffer[2...].prefix(length)) else { throw .otherLabel }
    guard buffer.count >= 2 + length else { return false }
    start = 2 + length
    return true
  }

  /// True when the first byte has decided what follows.
  private mutating func takeFrame(_ envelope: StreamEnvelope) throws(EnvelopeProblem) -> Bool {
    guard buffer.count > start else { return false }
    guard buffer[start] == MessageType.encrypted.rawValue else {
      if envelope.sealer != nil, envelope.verifiesIncoming { throw .notEncrypted }
      stage = .content
      return true
    }
    guard envelope.sealer != nil else { throw .noKeys }
    guard buffer.count - start >= StreamEnvelope.frameHeaderLength else { return false }
    let length = buffer[start + 1..<start + StreamEnvelope.frameHeaderLength].reduce(0) { $0 << 8 | Int($1) }
    guard length <= limits.compressed + Sealer.overhead else { throw .tooLarge }
    stage = .sealed(length: StreamEnvelope.frameHeaderLength + length)
    return true
  }

  private func decrypted(_ length: Int, _ envelope: StreamEnvelope, _ compressor: Compressor) throws(EnvelopeProblem) -> Progress {
    guard let sealer = envelope.sealer else { throw .noKeys }
    let frame = start..<start + StreamEnvelope.frameHeaderLength
    var content: [UInt8] = []
    do throws(Sealer.Failure) {
      let associated = buffer[frame] + envelope.label
      try sealer.open(
        buffer.span.bytes.extracting(frame.upperBound..<start + length), associated: Array(associated).span.bytes, into: &content)
    } catch {
      throw EnvelopeProblem(error)
    }
    switch StreamMessage.scan(content.span.bytes, limits: limits) {
    case .complete(let end):
      let message = end == content.count ? content : Array(content[..<end])
      return .complete(try expanded(message, compressor), received: start + length)
    // Also the sealed message of no bytes, which makes Go crash (hazard 1).
    case .needsMore, .malformed: return .malformed
    }
  }

  private mutating func scanned(_ compressor: Compressor) throws(EnvelopeProblem) -> Progress {
    // No copies: the scanner and the buffer are parts of one value.
    var scanner = scanner
    defer { self.scanner = scanner }
    switch scanner.scan(buffer.span.bytes.extracting(droppingFirst: start)) {
    case .complete(let end):
      let whole = start..<start + end
      let message = whole == buffer.indices ? buffer : Array(buffer[whole])
      return .complete(try expanded(message, compressor), received: whole.upperBound)
    case .malformed: return .malformed
    case .needsMore: return .needsMore
    }
  }

  private func expanded(_ message: [UInt8], _ compressor: Compressor) throws(EnvelopeProblem) -> [UInt8] {
    guard message[0] == MessageType.compressed.rawValue else { return message }
    do throws(WireError) {
      return try compressor.expandStreamMessage(message.span.bytes, limits: limits)
    } catch { throw EnvelopeProblem(expanding: error) }
  }
}
