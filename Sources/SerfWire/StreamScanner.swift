extension StreamMessage {
  /// Decides, while the bytes of a stream come in, whether they are a whole message yet.
  ///
  /// Give it all bytes received so far, each time they have grown; it remembers its position, so that the work over all calls is linear, however
  /// small the pieces are. It looks only at what it needs to find the end: a message that it calls complete still has to be decoded. After a decision
  /// it keeps giving the same answer.
  ///
  /// ```
  /// type ─┬─ ping, ack, error, compressed: one value
  ///       ├─ user: header, payload
  ///       └─ push/pull: header, nodes…, user state
  /// ```
  package struct Scanner: Sendable {
    private enum Stage {
      case type, value, userHeader, pushPullHeader, nodes, payload
    }

    private let limits: Limits
    private var stage = Stage.type
    /// Everything before this position is done.
    private var position = 0
    /// MessagePack values of the current stage that have not begun yet; a container adds its elements.
    private var owed: Int64 = 0
    /// Where the header began that will be decoded when it is complete.
    private var headerStart = 0
    /// User state or user message that follows the values.
    private var payload = 0
    /// How long the message may become.
    private var limit = 0
    /// With fewer bytes than this, another look brings no progress.
    private var needed = 1
    private var decision: Progress?

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// Looks at what is new since the last call.
    package mutating func scan(_ bytes: RawSpan) -> Progress {
      if let decision { return decision }
      while bytes.byteCount >= needed {
        do throws(WireError) {
          if try step(bytes) {
            decision = .complete(position)
            return .complete(position)
          }
          if needed > limit { throw .tooLarge }
        } catch {
          decision = .malformed(error)
          return .malformed(error)
        }
      }
      return .needsMore(atLeast: needed)
    }

    /// Takes a step, for which there are enough bytes, and sets `needed` for the next; true at the end of the message.
    private mutating func step(_ bytes: RawSpan) throws(WireError) -> Bool {
      switch stage {
      case .type:
        position = 1
        try begin(bytes[checked: 0])
      case .payload:
        position += payload
        return true
      case .value, .userHeader, .pushPullHeader, .nodes:
        if try skipTokens(bytes) { return try valuesEnded(bytes) }
      }
      return false
    }

    private mutating func begin(_ type: UInt8) throws(WireError) {
      switch MessageType(rawValue: type) {
      case .ping, .ack, .error: (stage, limit) = (.value, limits.small)
      case .compressed: (stage, limit) = (.value, limits.compressed)
      case .user: (stage, limit) = (.userHeader, limits.small)
      case .pushPull: (stage, limit) = (.pushPullHeader, limits.small)
      default: throw .unexpectedType
      }
      headerStart = position
      owed = 1
      needed = position + 1
    }

    /// All values of the stage have been read: decides what comes next.
    private mutating func valuesEnded(_ bytes: RawSpan) throws(WireError) -> Bool {
      switch stage {
      case .userHeader:
        var reader = MessagePackReader(bytes.extracting(headerStart..<position))
        let header = try UserMessageHeader(&reader)
        payload = try Self.checked(header.length, limits.userMessage)
        limit = position + payload
      case .pushPullHeader:
        var reader = MessagePackReader(bytes.extracting(headerStart..<position))
        let header = try PushPullHeader(&reader)
        payload = try Self.checked(header.userStateLength, limits.userState)
        owed = Int64(try Self.checked(header.nodeCount, limits.nodes))
        limit = limits.total
        if owed > 0 {
          stage = .nodes
          try expectMore()
          return false
        }
      case .nodes: break
      case .type, .value, .payload: return true
      }
      stage = .payload
      needed = position + payload
      guard needed <= max(limit, position) else { throw .tooLarge }
      return payload == 0
    }

    private static func checked(_ value: Int, _ limit: Int) throws(WireError) -> Int {
      guard value >= 0 else { throw .outOfRange }
      guard value <= limit else { throw .tooLarge }
      return value
    }

    /// Passes tokens while there are bytes: scalars with their bytes, and headers of containers. True when no more values are owed.
    private mutating func skipTokens(_ bytes: RawSpan) throws(WireError) -> Bool {
      let (available, limit, payload) = (Int64(bytes.byteCount), Int64(limit), Int64(payload))
      var (end, owed) = (Int64(position), owed)
      while end < available {
        let start = Int(end)
        // The number of values in a container, or else the bytes of a scalar.
        var (elements, body): (Int64, Int64) = (0, 0)
        var length = 1
        switch bytes[checked: start] {
        case MessagePackMarker.fixText: body = Int64(bytes[checked: start] &- MessagePackMarker.fixText.lowerBound)
        case MessagePackMarker.positive: break
        case let byte:
          guard let head = MessagePackHead(byte) else { throw .unexpectedKind }
          length += head.lengthBytes
          guard let count = head.count(in: bytes, at: start) else {
            (position, self.owed, needed) = (start, owed, start + length)
            return false
          }
          if head.valuesPerCount == 0 { body = count } else { elements = count * head.valuesPerCount }
        }
        end += Int64(length) + body
        // Every value that is still owed takes at least one byte, so an inflated count or length is detected as soon as it is read.
        guard end + owed - 1 + elements <= limit else { throw .tooLarge }
        guard end <= available else {
          (position, self.owed, needed) = (start, owed, Int(end))
          return false
        }
        owed += elements - 1
        guard owed > 0 else {
          (position, self.owed) = (Int(end), owed)
          return true
        }
        guard end + owed + payload <= limit else { throw .tooLarge }
      }
      (position, self.owed, needed) = (Int(end), owed, Int(end) + 1)
      return false
    }

    private mutating func expectMore() throws(WireError) {
      guard Int64(position) + owed + Int64(payload) <= Int64(limit) else { throw .tooLarge }
      needed = position + 1
    }
  }
}
