import Memberlist
package import SerfPrimitives

/// A node's reliable exchanges over a layer's streams: at most one request and one reply each, within one deadline, each in its envelope.
///
/// ```
/// ours:    open ──→ request written ──→ reply whole ──→ completed          any time: reset, malformed, unopened,
/// theirs:  accepted ──→ request whole ──→ received ──→ respond or refuse   too large, deadline ──→ failed
/// ```
/// Inputs are the stream callbacks of ``StreamLayerHandler``; each returns what the core must hear, if anything.
/// Every buffer counts against ``ExchangeLimits``, so that a peer can neither hold memory by trickling nor by opening many streams.
package struct ExchangeTable {
  /// What an input meant for the core.
  package enum Event {
    /// A peer's request is whole. Answer with ``respond(_:with:)`` or ``refuse(_:saying:)``.
    case received(ExchangeID, [UInt8], from: Peer)
    /// The reply to our request is whole; empty when the peer ended its half without one.
    case completed(ExchangeID, [UInt8], from: Peer)
    /// Our exchange failed.
    case failed(ExchangeID, ContactFailure)
    /// Our exchange failed because the reply does not come out of its envelope.
    case unopened(ExchangeID, EnvelopeProblem, from: Peer?)
    /// A peer's exchange was given up before its request was whole. Nothing for the core; worth a line in the log.
    case dropped(ExchangeProblem, from: Peer)
  }

  private struct Row {
    var exchange: ExchangeID
    var isOurs: Bool
    var peer: Peer?
    var deadline: Instant
    let envelope: StreamEnvelope
    var opener: StreamOpener
    /// Bytes that count against the common budget.
    var held = 0
    /// The whole message, where the stream's end has to confirm it.
    var message: [UInt8]?
    /// The core has the request, and answers; what still comes is of no use.
    var isReceived = false
  }

  private let layer: any StreamLayer
  private let limits: ExchangeLimits
  private let compressor = Compressor()
  private var rows: [StreamID: Row] = [:]
  private var streamOfAccepted: [ExchangeID: StreamID] = [:]
  private var deadlines = DeadlineQueue<StreamID>()
  private var evicted: [Event] = []
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
  package var nextDeadline: Instant? { evicted.isEmpty ? deadlines.nextDeadline : .zero }

  /// How many exchanges are in progress.
  package var count: Int { rows.count }

  // MARK: Commands

  /// Opens a stream and writes `request` on it.
  package mutating func open(
    _ exchange: ExchangeID, to destination: Destination, path: SendPath, deadline: Instant, request: [UInt8], at now: Instant
  ) {
    opened += 2
    let stream = StreamID(opened)
    let envelope = layer.envelope(for: destination)
    rows[stream] = Row(
      exchange: exchange, isOurs: true, deadline: deadline, envelope: envelope,
      opener: StreamOpener(asAcceptor: false, limits: limits.messages))
    deadlines.schedule(stream, at: deadline)
    layer.open(stream, to: destination, path: path, deadline: deadline, at: now)
    layer.write(envelope.seal(request, asDialler: true, using: compressor), on: stream, finish: layer.streamEndsWithMessage)
  }

  /// Answers a request and ends the exchange.
  package mutating func respond(_ exchange: ExchangeID, with reply: [UInt8]) {
    guard let stream = streamOfAccepted[exchange] else { return }
    finish(stream, with: reply)
  }

  /// Ends a request that is not answered. The peer is told why, where it could read that; elsewhere it sees a reset.
  package mutating func refuse(_ exchange: ExchangeID, saying reason: String?) {
    guard let stream = streamOfAccepted[exchange] else { return }
    refuse(stream, saying: reason)
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
    rows[stream] = Row(
      exchange: exchange, isOurs: false, peer: peer, deadline: deadline, envelope: layer.envelope(for: .reply(peer)),
      opener: StreamOpener(asAcceptor: true, limits: limits.messages))
    streamOfAccepted[exchange] = stream
    deadlines.schedule(stream, at: deadline)
    return nil
  }

  package mutating func streamReceived(_ stream: StreamID, _ bytes: RawSpan) -> Event? {
    // No copy of the row: its buffer would have to be copied to grow.
    guard let isReceived = rows[stream]?.isReceived, let held = rows[stream]?.held else { return nil }
    guard !isReceived else {
      layer.consumed(bytes.byteCount, on: stream)
      return nil
    }
    // Nothing may stand between the message and the stream's end.
    if rows[stream]?.message != nil { return bytes.byteCount > 0 ? malformed(stream) : nil }
    guard held + bytes.byteCount <= limits.bytesPerExchange else {
      counters.tooLarge += 1
      return fail(stream, .refused, .tooLarge)
    }
    guard makeRoom(for: stream, held + bytes.byteCount) else {
      counters.overBudget += 1
      return fail(stream, .refused, .overBudget)
    }
    hold(held + bytes.byteCount, for: stream)
    layer.consumed(bytes.byteCount, on: stream)
    guard let envelope = rows[stream]?.envelope else { return nil }
    switch rows[stream]?.opener.receive(bytes, envelope: envelope, using: compressor) {
    case .complete(let message, let received):
      guard layer.streamEndsWithMessage else { return whole(stream, message) }
      guard rows[stream]?.opener.count == received else { return malformed(stream) }
      rows[stream]?.opener.discard()
      rows[stream]?.message = message
      hold(message.count, for: stream)
      return nil
    case .malformed: return malformed(stream)
    case .unopened(let problem): return unopened(stream, problem)
    case .needsMore, nil: return nil
    }
  }

  package mutating func streamEnded(_ stream: StreamID) -> Event? {
    guard let row = rows[stream], !row.isReceived else { return nil }
    if let message = row.message { return whole(stream, message) }
    guard row.held == 0 else { return malformed(stream) }
    if row.isOurs { return whole(stream, []) }
    guard !layer.streamEndsWithMessage else { return malformed(stream) }
    // Somebody looked whether the port is open.
    layer.release(stream)
    forget(stream)
    return nil
  }

  package mutating func streamFailed(_ stream: StreamID, _ reason: ContactFailure) -> Event? {
    guard let row = rows[stream] else { return nil }
    forget(stream)
    if !row.isOurs { counters.broken += 1 }
    return row.isOurs ? .failed(row.exchange, reason) : nil
  }

  /// Gives up one exchange whose deadline has passed, or tells of one that had to make room. Call until it returns nil.
  package mutating func advance(to now: Instant) -> Event? {
    if !evicted.isEmpty { return evicted.removeFirst() }
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

  private mutating func whole(_ stream: StreamID, _ message: [UInt8]) -> Event? {
    guard let row = rows[stream], let peer = row.peer else { return fail(stream, .broken, .malformed) }
    if row.isOurs {
      layer.release(stream)
      forget(stream)
      return .completed(row.exchange, message, from: peer)
    }
    hold(0, for: stream)
    rows[stream]?.opener.discard()
    rows[stream]?.message = nil
    rows[stream]?.isReceived = true
    return .received(row.exchange, message, from: peer)
  }

  private mutating func finish(_ stream: StreamID, with reply: [UInt8]) {
    guard let envelope = rows[stream]?.envelope else { return }
    layer.write(envelope.seal(reply, asDialler: false, using: compressor), on: stream, finish: true)
    layer.release(stream)
    forget(stream)
  }

  private mutating func refuse(_ stream: StreamID, saying reason: String?) {
    guard let reason, !layer.streamEndsWithMessage else {
      layer.reset(stream)
      return forget(stream)
    }
    var reply: [UInt8] = []
    ErrorMessage(text: Array(reason.utf8).span.bytes).encode(into: &reply)
    finish(stream, with: reply)
  }

  private mutating func malformed(_ stream: StreamID) -> Event? {
    counters.malformed += 1
    return fail(stream, .broken, .malformed)
  }

  private mutating func unopened(_ stream: StreamID, _ problem: EnvelopeProblem) -> Event? {
    guard let row = rows[stream] else { return nil }
    counters.unopened[problem, default: 0] += 1
    if row.isOurs {
      layer.reset(stream)
      forget(stream)
      return .unopened(row.exchange, problem, from: row.peer)
    }
    refuse(stream, saying: problem.reply)
    return row.peer.map { .dropped(.unopened(problem), from: $0) }
  }

  private mutating func fail(_ stream: StreamID, _ reason: ContactFailure, _ problem: ExchangeProblem) -> Event? {
    guard let row = rows[stream] else { return nil }
    layer.reset(stream)
    forget(stream)
    return row.isOurs ? .failed(row.exchange, reason) : row.peer.map { .dropped(problem, from: $0) }
  }

  private mutating func forget(_ stream: StreamID) {
    guard let row = rows.removeValue(forKey: stream) else { return }
    buffered -= row.held
    if !row.isOurs { streamOfAccepted[row.exchange] = nil }
  }

  // MARK: The common budget

  private mutating func hold(_ bytes: Int, for stream: StreamID) {
    buffered += bytes - (rows[stream]?.held ?? 0)
    rows[stream]?.held = bytes
  }

  /// Where the budget is used up, the request that holds most is given up, unless that is the one that wants more: whoever fills the memory pays,
  /// and others do not notice.
  private mutating func makeRoom(for stream: StreamID, _ wanted: Int) -> Bool {
    while buffered - (rows[stream]?.held ?? 0) + wanted > limits.bytesInProgress {
      let largest = rows.max { a, b in
        a.value.isOurs != b.value.isOurs ? a.value.isOurs : (a.value.held, a.key.value) < (b.value.held, b.key.value)
      }
      guard let (victim, row) = largest, !row.isOurs, victim != stream, row.held > wanted else { return false }
      counters.overBudget += 1
      if let event = fail(victim, .refused, .overBudget) { evicted.append(event) }
    }
    return true
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

  /// What one message may hold, as in Go.
  var messages: StreamMessage.Limits { StreamMessage.Limits() }
}

/// Why a peer's exchange was given up; each has its counter in ``ExchangeCounters``.
package enum ExchangeProblem: Hashable, Sendable {
  case tooMany, overBudget, tooLarge, malformed, expired
  case unopened(EnvelopeProblem)
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
  /// What did not come out of its envelope, by cause.
  package var unopened: [EnvelopeProblem: Int] = [:]
  /// A peer gave up its own request.
  package var broken = 0

  package init() {}
}

extension ExchangeCounters {
  /// All of them, by name.
  package var list: [TransportCounter] {
    let plain = [
      ("too_many", tooMany), ("over_budget", overBudget), ("too_large", tooLarge), ("malformed", malformed), ("expired", expired),
      ("broken", broken),
    ]
    let envelopes = EnvelopeProblem.allCases.map { ($0.counter, unopened[$0] ?? 0) }
    return (plain + envelopes).map { TransportCounter("exchanges_\($0)", UInt64($1)) }
  }
}
