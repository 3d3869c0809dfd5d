internal import SerfPrimitives
internal import SerfWire

/// One stream of a connection.
final class QUICStream {
  enum Kind {
    /// Reliable exchanges.
    case bidirectional
    /// Our own: the hello and pulses, or one oversized packet.
    case outgoing
    /// The peer's, whose first byte says what it is.
    case incoming(IncomingUnidirectional)
  }

  let number: Int64
  var kind: Kind
  var outgoing = SendQueue()
  /// Delivered bytes for which the peer has not got credit again.
  var unconsumed = 0
  /// Whether it is in the connection's `sendable`.
  var isQueued = false
  /// The peer has to give credit before more can go out.
  var isBlocked = false
  /// Nothing can be sent any more.
  var isSendClosed = false
  /// The peer's end has been delivered, or it has reset the stream: credit for this stream alone is of no use.
  var isReceiveClosed = false
  /// We gave it up before the peer's end: what arrives on it is ignored.
  var isRefused = false
  /// It has ended in ngtcp2, and is kept for the bytes that are not consumed yet.
  var isClosed = false
  /// More than the send buffer was queued, and ``QUICEvent/streamWritable(_:)`` is owed.
  var owesWritable = false
  init(number: Int64, kind: Kind) {
    self.number = number
    self.kind = kind
  }
}

/// What arrives on a unidirectional stream of the peer (`secure-transport.md` 2.10).
struct IncomingUnidirectional {
  enum Kind {
    case unknown
    /// The hello is being collected.
    case hello
    /// The hello is complete; pulses follow, which carry no information.
    case pulses
    case packet
    case ignored
  }

  enum Step {
    case nothing
    /// Delivered as a hello.
    case hello([UInt8])
    /// Delivered as a packet.
    case packet([UInt8])
    /// Of no use to us: the peer is told to stop.
    case refuse
  }

  static let helloType: UInt8 = 1
  static let packetType: UInt8 = 2
  private static let helloLimit = 1024

  private var kind = Kind.unknown
  private var gathered: [UInt8] = []

  /// The next bytes of the stream. `mayBeHello`: the connection has had no hello yet.
  mutating func receive(_ bytes: UnsafeRawBufferPointer, end: Bool, mayBeHello: Bool, packetLimit: Int) -> Step {
    var rest = UnsafeRawBufferPointer(rebasing: bytes[...])
    if case .unknown = kind, let type = rest.first {
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst())
      switch type {
      case Self.helloType where mayBeHello: kind = .hello
      case Self.packetType: kind = .packet
      default: return refuse()
      }
    }
    switch kind {
    case .unknown, .pulses, .ignored: return .nothing
    case .hello:
      gathered += rest.prefix(Self.helloLimit + 1 - min(gathered.count, Self.helloLimit))
      if let length = HelloScanner.length(of: gathered), length <= Self.helloLimit {
        kind = .pulses
        defer { gathered = [] }
        return .hello(Array(gathered[..<length]))
      }
      return gathered.count > Self.helloLimit || end ? refuse() : .nothing
    case .packet:
      guard gathered.count + rest.count <= packetLimit else { return refuse() }
      gathered += rest
      guard end else { return .nothing }
      defer { gathered = [] }
      kind = .ignored
      return .packet(gathered)
    }
  }

  private mutating func refuse() -> Step {
    kind = .ignored
    gathered = []
    return .refuse
  }
}

/// Finds the end of the hello: the length of one MessagePack value, without interpreting it.
package enum HelloScanner {
  /// Nil while bytes are missing, and always when it is not MessagePack.
  package static func length(of bytes: [UInt8]) -> Int? {
    var reader = MessagePackReader(bytes.span.bytes)
    do throws(WireError) { try reader.skip() } catch { return nil }
    return reader.offset
  }
}
