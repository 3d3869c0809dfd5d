import Memberlist
package import SerfPrimitives

/// A node's reliable exchanges over a layer's streams: at most one request and one reply each, within one deadline.
///
/// ```
/// ours:    open ──→ request written ──→ reply whole ──→ completed          any time: reset, malformed,
/// theirs:  accepted ──→ request whole ──→ received ──→ respond or refuse   too large, deadline ──→ failed
/// ```
/// Inputs are the stream callbacks of ``StreamLayerHandler``; each returns what the core must hear, if anything.
/// Every buffer counts against ``ExchangeLimits``, so that a peer can neither hold memory by trickling nor by opening many streams.
package struct ExchangeTable {
  /// What an input meant for the core.
  package enum Event {
    /// A peer's request is whole. Answer with ``respond(_:with:)`` or ``refuse(_:)``.
    case received(ExchangeID, [UInt8], from: Peer)
    /// The reply to our request is whole; empty when the peer ended its half without one.
    case completed(ExchangeID, [UInt8], from: Peer)
    /// Our exchange failed.
    case failed(ExchangeID, ContactFailure)
    /// A peer's exchange was given up before its request was whole. Nothing for the core; worth a line in the log.
    case dropped(ExchangeProblem, from: Peer)
  }

  private struct Row {
    var exchange: ExchangeID
    var isOurs: Bool
    var peer: Peer?
    var deadline: Instant
    var buffer: [UInt8] = []
    var scanner = StreamMessage.Scanner()
    var messageEnd: Int?
    /// The core has the request, and answers; what still comes is of no use.
    var isReceived = false

    /// Appends, and scans what is new.
    mutating func receive(_ bytes: RawSpan) -> StreamMessage.Progress {
      bytes.withUnsafeBytes { buffer.append(contentsOf: $0) }
      var scanner = scanner
      defer { self.scanner = scanner }
      return scanner.scan(buffer.span.bytes)
    }
  }

  private let layer: any StreamLayer
  private let limits: ExchangeLimits
  private var rows: [StreamID: Row] = [:]
  private var streamOfAccepted: [ExchangeID: StreamID] = [:]
  private var deadlines = DeadlineQueue<StreamID>()
  private var opened: UInt64 = 0
  private var accepted: UInt64 = 0
  private var buffered = 0

  /// What was refused or lost, by cause.
  package private(set) var counters = ExchangeCounters()

  /// A table without exchanges over `layer`.
  package init(layer: any StreamLayer, limits: ExchangeLimits) {
    self.layer = layer
    self.limits = limits
  }

  /// When ``advance(to:)`` wants to be called next.
  package var nextDeadline: Instant? { deadlines.nextDeadline }

  /// How many exchanges are in progress.
  package var count: Int { rows.count }

  // MARK: Commands

  /// Opens a stream and writes `request` on it.
  package mutating func open(
    _ exchange: ExchangeID, to destination: Destination, path: SendPath, deadline: Instant, request: [UInt8], at now: Instant
  ) {
    opened += 2
    let stream = StreamID(opened)
    rows[stream] = Row(exchange: exchange, isOurs: true, deadline: deadline)
    deadlines.schedule(stream, at: deadline)
    layer.open(stream, to: destination, path: path, deadline: deadline, at: now)
    layer.write(request, on: stream, finish: layer.streamEndsWithMessage)
  }

  /// Answers a request and ends the exchange.
  package mutating func respond(_ exchange: ExchangeID, with reply: [UInt8]) {
    guard let stream = streamOfAccepted[exchange] else { return }
    layer.write(reply, on: stream, finish: true)
    layer.release(stream)
    forget(stream)
  }

  /// Ends a request without an answer; the peer sees a reset.
  package mutating func refuse(_ exchange: ExchangeID) {
    guard let stream = streamOfAccepted[exchange] else { return }
    layer.reset(stream)
    forget(stream)
  }

  // MARK: Inputs

  package mutating func streamOpened(_ stream: StreamID, peer: Peer) {
    rows[stream]?.peer = peer
  }

  package mutating func streamAccepted(_ stream: StreamID, from peer: Peer, at now: Instant) -> Event? {
    guard streamOfAccepted.count < limits.acceptedInProgress else {
      counters.tooMany += 1
      layer.reset(stream)
      return .dropped(.tooMany, from: peer)
    }
    accepted += 1
    let exchange = ExchangeID(accepted | Self.acceptedBit)
    let deadline = now + limits.acceptedDeadline
    rows[stream] = Row(exchange: exchange, isOurs: false, peer: peer, deadline: deadline)
    streamOfAccepted[exchange] = stream
    deadlines.schedule(stream, at: deadline)
    return nil
  }

  package mutating func streamReceived(_ stream: StreamID, _ bytes: RawSpan) -> Event? {
    // No copy of the row: its buffer would have to be copied to grow.
    guard let isReceived = rows[stream]?.isReceived, let size = rows[stream]?.buffer.count else { return nil }
    guard !isReceived else {
      layer.consumed(bytes.byteCount, on: stream)
      return nil
    }
    guard size + bytes.byteCount <= limits.bytesPerExchange else {
      counters.tooLarge += 1
      return fail(stream, .refused, .tooLarge)
    }
    guard buffered + bytes.byteCount <= limits.bytesInProgress else {
      counters.overBudget += 1
      return fail(stream, .refused, .overBudget)
    }
    buffered += bytes.byteCount
    layer.consumed(bytes.byteCount, on: stream)
    switch rows[stream]?.receive(bytes) {
    case .complete(let end):
      rows[stream]?.messageEnd = end
      guard layer.streamEndsWithMessage else { return whole(stream) }
      // Nothing may stand between the message and the stream's end.
      return rows[stream]?.buffer.count == end ? nil : malformed(stream)
    case .malformed: return malformed(stream)
    case .needsMore, nil: return nil
    }
  }

  package mutating func streamEnded(_ stream: StreamID) -> Event? {
    guard let row = rows[stream], !row.isReceived else { return nil }
    if row.messageEnd == row.buffer.count || (row.isOurs && row.buffer.isEmpty) { return whole(stream) }
    return malformed(stream)
  }

  package mutating func streamFailed(_ stream: StreamID, _ reason: ContactFailure) -> Event? {
    guard let row = rows[stream] else { return nil }
    forget(stream)
    if !row.isOurs { counters.broken += 1 }
    return row.isOurs ? .failed(row.exchange, reason) : nil
  }

  /// Gives up one exchange whose deadline has passed. Call until it returns nil.
  package mutating func advance(to now: Instant) -> Event? {
    while let stream = deadlines.popDue(at: now) {
      guard let row = rows[stream], row.deadline <= now else { continue }
      counters.expired += 1
      if let event = fail(stream, .deadline, .expired) { return event }
    }
    return nil
  }

  // MARK: Private parts

  /// Accepted exchanges live in the upper half of the number space, ours in the lower.
  private static let acceptedBit: UInt64 = 1 << 63

  private mutating func whole(_ stream: StreamID) -> Event? {
    guard let row = rows[stream], let peer = row.peer else { return fail(stream, .broken, .malformed) }
    if row.isOurs {
      layer.release(stream)
      forget(stream)
      return .completed(row.exchange, row.buffer, from: peer)
    }
    buffered -= row.buffer.count
    rows[stream]?.buffer = []
    rows[stream]?.isReceived = true
    return .received(row.exchange, row.buffer, from: peer)
  }

  private mutating func malformed(_ stream: StreamID) -> Event? {
    counters.malformed += 1
    return fail(stream, .broken, .malformed)
  }

  private mutating func fail(_ stream: StreamID, _ reason: ContactFailure, _ problem: ExchangeProblem) -> Event? {
    guard let row = rows[stream] else { return nil }
    layer.reset(stream)
    forget(stream)
    return row.isOurs ? .failed(row.exchange, reason) : row.peer.map { .dropped(problem, from: $0) }
  }

  private mutating func forget(_ stream: StreamID) {
    guard let row = rows.removeValue(forKey: stream) else { return }
    buffered -= row.buffer.count
    if !row.isOurs { streamOfAccepted[row.exchange] = nil }
  }
}

/// How much a node holds for exchanges in progress.
public struct ExchangeLimits: Hashable, Sendable {
  /// Bytes of one message, either way. Default 20 MiB, the limit that Go peers have.
  public var bytesPerExchange = 20 << 20
  /// Bytes of all messages that are being received. Default 64 MiB.
  public var bytesInProgress = 64 << 20
  /// How many exchanges that peers opened may be in progress. Default 127, as in Go.
  public var acceptedInProgress = 127
  /// How long a peer has from opening a stream to the end of its request, and we to answer it. Default 10 s.
  public var acceptedDeadline: Duration = .seconds(10)

  /// The defaults.
  public init() {}
}

/// Why a peer's exchange was given up; each has its counter in ``ExchangeCounters``.
package enum ExchangeProblem: Hashable, Sendable {
  case tooMany, overBudget, tooLarge, malformed, expired
}

/// Why exchanges were refused or lost, counted since the start.
package struct ExchangeCounters: Hashable, Sendable {
  /// More at once than ``ExchangeLimits/acceptedInProgress``.
  package var tooMany = 0
  /// More bytes in progress than ``ExchangeLimits/bytesInProgress``.
  package var overBudget = 0
  /// One message above ``ExchangeLimits/bytesPerExchange``.
  package var tooLarge = 0
  /// Not a message, or its end disagrees with the stream's.
  package var malformed = 0
  /// Not finished in time.
  package var expired = 0
  /// A peer gave up its own request.
  package var broken = 0

  package init() {}
}
