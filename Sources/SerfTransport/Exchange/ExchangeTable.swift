package import SerfPrimitives
import SerfWire

/// A node's reliable exchanges over a layer's streams: at most one request and one reply each, within one deadline, each in its envelope.
///
/// ```
/// ours:    open ──→ request written ──→ reply whole ──→ completed                  any time: reset, malformed, unopened,
/// theirs:  accepted ──→ request whole ──→ received ──→ respond or refuse ──→ sent   too large, no room, deadline ──→ failed
/// ```
/// Inputs are the stream callbacks of ``StreamLayerHandler``; each returns what the core must hear, if anything.
///
/// Every buffer counts against ``ExchangeLimits``, also a reply that the peer does not read. So a peer cannot use up memory by sending slowly, by
/// opening many streams or by not reading. ``FairShares`` decides which peer makes room when there is none.
package struct ExchangeTable {
  /// What an input means for the core.
  package enum Event {
    /// A peer's request is complete. Answer with ``respond(_:with:)`` or ``refuse(_:saying:)``.
    case received(ExchangeID, [UInt8], from: Peer)
    /// The reply to our request is complete; empty when the peer ended its half without one.
    case completed(ExchangeID, [UInt8], from: Peer)
    /// Our exchange failed.
    case failed(ExchangeID, ContactFailure)
    /// Our exchange failed because the envelope of the reply cannot be removed.
    case unopened(ExchangeID, EnvelopeProblem, from: Peer?)
    /// A peer's exchange was given up before its request was complete or its reply was sent. It is nothing for the core, but worth a line in the log.
    case dropped(ExchangeProblem, from: Peer)
  }

  private struct Row {
    var exchange: ExchangeID
    var isOurs: Bool
    var peer: Peer?
    var deadline: Instant
    let envelope: StreamEnvelope
    var opener: StreamOpener
    /// Received bytes that are kept.
    var held = 0
    /// Written bytes that the layer still keeps.
    var unsent = 0
    /// The whole message, if the stream's end has to confirm it.
    var message: [UInt8]?
    /// The core has the request and answers it; what still arrives is ignored.
    var isReceived = false
    /// The request is a push/pull.
    var asksForState = false
    /// The reply is written; the peer has to read it.
    var isAnswered = false
  }

  private let layer: any StreamLayer
  private let limits: ExchangeLimits
  private let compressor = Compressor()
  private var rows: [StreamID: Row] = [:]
  private var streamOfAccepted: [ExchangeID: StreamID] = [:]
  private var deadlines = DeadlineQueue<StreamID>()
  private var evicted: [Event] = []
  private var opened = StreamID(0)
  private var accepted: UInt64 = 0
  /// Accepted exchanges whose request is not complete, except the pings among them that have their own places.
  private var places = FairShares()
  /// Those pings.
  private var pings = FairShares()
  /// Bytes of accepted exchanges.
  private var memory = FairShares()
  /// Bytes of our own exchanges.
  private var ours = 0
  /// How many bytes the last reply to a push/pull took: an estimate for the next one.
  private var expectedReply = 0

  /// What was refused or lost, by cause.
  package private(set) var counters = ExchangeCounters()

  /// All figures, by name.
  package var figures: [TransportFigure] {
    counters.figures + [
      TransportFigure("exchanges_in_progress", UInt64(count), kind: .gauge),
      TransportFigure("exchanges_bytes_held", UInt64(bytesHeld), kind: .gauge),
    ]
  }

  /// A table without exchanges over `layer`.
  package init(layer: any StreamLayer, limits: ExchangeLimits) {
    self.layer = layer
    self.limits = limits
  }

  /// When ``advance(to:)`` has to be called next.
  package var nextDeadline: Instant? { evicted.isEmpty ? deadlines.nextDeadline : .zero }

  /// How many exchanges are in progress, including those whose reply is not sent yet.
  package var count: Int { rows.count }

  /// How many bytes they hold.
  package var bytesHeld: Int { memory.total + ours }

  // MARK: Commands

  /// Opens a stream and writes `request` on it.
  package mutating func open(
    _ exchange: ExchangeID, to destination: Destination, path: SendPath, deadline: Instant, request: [UInt8], at now: Instant
  ) {
    opened = opened.next
    let stream = opened
    let envelope = layer.envelope(for: destination)
    rows[stream] = Row(
      exchange: exchange, isOurs: true, deadline: deadline, envelope: envelope,
      opener: StreamOpener(asAcceptor: false, limits: limits.messages))
    deadlines.schedule(stream, at: deadline)
    let sealed = envelope.seal(request, asDialler: true, using: compressor)
    // Our own requests are sent in any case: the caller decides how large they are.
    _ = makeRoom(for: stream, sealed.count)
    hold(unsent: sealed.count, for: stream)
    layer.open(stream, to: destination, path: path, deadline: deadline, at: now)
    layer.write(sealed, on: stream, finish: layer.streamEndsWithMessage)
  }

  /// Answers a request. The exchange ends when the reply is sent, or is given up ``ExchangeLimits/replyDeadline`` from now.
  package mutating func respond(_ exchange: ExchangeID, with reply: [UInt8], at now: Instant) {
    guard let stream = streamOfAccepted[exchange] else { return }
    finish(stream, with: reply, at: now)
  }

  /// Ends a request that is not answered. The peer is told why if it can read that; otherwise it sees a reset.
  ///
  /// - Parameter isValid: the request itself is right, so the peer is told why on every layer.
  package mutating func refuse(_ exchange: ExchangeID, saying reason: String?, isValid: Bool = false, at now: Instant) {
    guard let stream = streamOfAccepted[exchange] else { return }
    refuse(stream, saying: reason, isValid: isValid, at: now)
  }

  // MARK: Inputs

  package mutating func streamOpened(_ stream: StreamID, peer: Peer) {
    rows[stream]?.peer = peer
  }

  package mutating func streamAccepted(_ stream: StreamID, from peer: Peer, at now: Instant) -> Event? {
    makePlace(for: FairShares.Holder(peer))
    accepted += 1
    let exchange = ExchangeID(accepted | Self.acceptedBit)
    let deadline = now + limits.acceptedDeadline
    rows[stream] = Row(
      exchange: exchange, isOurs: false, peer: peer, deadline: deadline, envelope: layer.envelope(for: .reply(peer)),
      opener: StreamOpener(asAcceptor: true, limits: limits.messages))
    streamOfAccepted[exchange] = stream
    places.add(stream, of: FairShares.Holder(peer), amount: 1)
    memory.add(stream, of: FairShares.Holder(peer))
    deadlines.schedule(stream, at: deadline)
    return nil
  }

  package mutating func streamReceived(_ stream: StreamID, _ bytes: RawSpan, at now: Instant) -> Event? {
    // The row is not copied: otherwise its buffer would have to be copied to grow.
    guard let isReceived = rows[stream]?.isReceived, let held = rows[stream]?.held else { return nil }
    guard !isReceived else {
      layer.consumed(bytes.byteCount, on: stream)
      return nil
    }
    // No byte may come between the message and the stream's end.
    if rows[stream]?.message != nil { return bytes.byteCount > 0 ? malformed(stream) : nil }
    guard held + bytes.byteCount <= limits.bytesPerExchange else {
      counters.tooLarge += 1
      return fail(stream, .refused, .tooLarge)
    }
    guard makeRoom(for: stream, bytes.byteCount) else {
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
    case .unopened(let problem): return unopened(stream, problem, at: now)
    case .needsMore:
      moveToPings(stream)
      return nil
    case nil: return nil
    }
  }

  /// The layer has released bytes that were written: the peer has them, or the operating system has.
  package mutating func streamSent(_ stream: StreamID, _ count: Int) {
    guard let row = rows[stream] else { return }
    hold(unsent: max(0, row.unsent - count), for: stream)
    if row.isAnswered, rows[stream]?.unsent == 0 { forget(stream) }
  }

  package mutating func streamEnded(_ stream: StreamID) -> Event? {
    guard let row = rows[stream], !row.isReceived else { return nil }
    if let message = row.message { return whole(stream, message) }
    guard row.held == 0 else { return malformed(stream) }
    if row.isOurs { return whole(stream, []) }
    guard !layer.streamEndsWithMessage else { return malformed(stream) }
    // A peer only checked whether the port is open.
    layer.release(stream)
    forget(stream)
    return nil
  }

  package mutating func streamFailed(_ stream: StreamID, _ reason: ContactFailure) -> Event? {
    guard let row = rows[stream] else { return nil }
    forget(stream)
    if !row.isOurs, !row.isAnswered { counters.broken += 1 }
    return row.isOurs ? .failed(row.exchange, reason) : nil
  }

  /// Gives up one exchange whose deadline has passed, or reports one that had to make room. Call until it returns nil.
  package mutating func advance(to now: Instant) -> Event? {
    if !evicted.isEmpty { return evicted.removeFirst() }
    while let stream = deadlines.popDue(at: now) {
      guard let row = rows[stream], row.deadline <= now else { continue }
      if row.isAnswered { counters.unread += 1 } else { counters.expired += 1 }
      if let event = fail(stream, .deadline, row.isAnswered ? .unread : .expired) { return event }
    }
    return nil
  }

  // MARK: Private parts

  /// Accepted exchanges have numbers in the upper half of the range, our own in the lower half.
  private static let acceptedBit: UInt64 = 1 << 63

  private mutating func whole(_ stream: StreamID, _ message: [UInt8]) -> Event? {
    guard let row = rows[stream], let peer = row.peer else { return fail(stream, .broken, .malformed) }
    if row.isOurs {
      // A peer that answers before it has read the whole request will not read the rest of it either.
      if row.unsent > 0 { layer.reset(stream) } else { layer.release(stream) }
      forget(stream)
      return .completed(row.exchange, message, from: peer)
    }
    hold(0, for: stream)
    let asksForState = message.first == MessageType.pushPull.rawValue
    if asksForState, wouldDisplaceItself(FairShares.Holder(peer)) {
      counters.overBudget += 1
      return fail(stream, .refused, .overBudget)
    }
    places.remove(stream)
    pings.remove(stream)
    rows[stream]?.opener.discard()
    rows[stream]?.message = nil
    rows[stream]?.isReceived = true
    rows[stream]?.asksForState = asksForState
    return .received(row.exchange, message, from: peer)
  }

  private mutating func finish(_ stream: StreamID, with reply: [UInt8], at now: Instant) {
    guard let row = rows[stream] else { return }
    let sealed = row.envelope.seal(reply, asDialler: false, using: compressor)
    hold(0, for: stream)
    guard makeRoom(for: stream, sealed.count) else {
      counters.overBudget += 1
      if let event = fail(stream, .refused, .overBudget) { evicted.append(event) }
      return
    }
    if row.asksForState { expectedReply = sealed.count }
    streamOfAccepted[row.exchange] = nil
    places.remove(stream)
    pings.remove(stream)
    rows[stream]?.opener.discard()
    rows[stream]?.isReceived = true
    rows[stream]?.isAnswered = true
    rows[stream]?.deadline = now + limits.replyDeadline
    hold(unsent: sealed.count, for: stream)
    layer.write(sealed, on: stream, finish: true)
    layer.release(stream)
    if sealed.isEmpty { forget(stream) } else { deadlines.schedule(stream, at: now + limits.replyDeadline) }
  }

  private mutating func refuse(_ stream: StreamID, saying reason: String?, isValid: Bool = false, at now: Instant) {
    guard let reason, isValid || !layer.streamEndsWithMessage else {
      layer.reset(stream)
      return forget(stream)
    }
    var reply: [UInt8] = []
    ErrorMessage(text: Array(reason.utf8).span.bytes).encode(into: &reply)
    finish(stream, with: reply, at: now)
  }

  private mutating func malformed(_ stream: StreamID) -> Event? {
    counters.malformed += 1
    return fail(stream, .broken, .malformed)
  }

  private mutating func unopened(_ stream: StreamID, _ problem: EnvelopeProblem, at now: Instant) -> Event? {
    guard let row = rows[stream] else { return nil }
    counters.unopened[problem, default: 0] += 1
    if row.isOurs {
      layer.reset(stream)
      forget(stream)
      return .unopened(row.exchange, problem, from: row.peer)
    }
    refuse(stream, saying: problem.reply, at: now)
    return row.peer.map { .dropped(.unopened(problem), from: $0) }
  }

  private mutating func fail(_ stream: StreamID, _ reason: ContactFailure, _ problem: ExchangeProblem) -> Event? {
    guard let row = rows[stream] else { return nil }
    layer.reset(stream)
    forget(stream)
    return row.isOurs ? .failed(row.exchange, reason) : row.peer.map { .dropped(problem, from: $0) }
  }

  private mutating func forget(_ stream: StreamID) {
    hold(0, unsent: 0, for: stream)
    guard let row = rows.removeValue(forKey: stream), !row.isOurs else { return }
    streamOfAccepted[row.exchange] = nil
    places.remove(stream)
    pings.remove(stream)
    memory.remove(stream)
  }

  // MARK: What all exchanges share

  /// Notes how much an exchange holds.
  private mutating func hold(_ held: Int? = nil, unsent: Int? = nil, for stream: StreamID) {
    guard let row = rows[stream] else { return }
    let held = held ?? row.held
    let unsent = unsent ?? row.unsent
    rows[stream]?.held = held
    rows[stream]?.unsent = unsent
    if row.isOurs { ours += held + unsent - row.held - row.unsent } else { memory.set(held + unsent, of: stream) }
  }

  /// Gives up unfinished exchanges until `stream` may hold `more` bytes. False when `stream` itself would have to be given up.
  private mutating func makeRoom(for stream: StreamID, _ more: Int) -> Bool {
    guard let row = rows[stream] else { return false }
    let holder = row.isOurs ? nil : row.peer.map { FairShares.Holder($0) }
    while bytesHeld + more > limits.bytesInProgress {
      guard let victim = memory.nextToGo(for: more, of: holder), victim != stream else { return false }
      counters.overBudget += 1
      giveUp(victim, .overBudget)
    }
    return true
  }

  /// Whether one more reply to this peer would need the room of another reply that the same peer has not read. Making a reply takes processor time,
  /// and a peer that reads nothing could use up any amount of it.
  private func wouldDisplaceItself(_ holder: FairShares.Holder) -> Bool {
    guard bytesHeld + expectedReply > limits.bytesInProgress else { return false }
    guard let victim = memory.nextToGo(for: expectedReply, of: holder) else { return memory.total(of: holder) > 0 }
    return memory.holder(of: victim) == holder
  }

  /// Gives up unfinished exchanges until there is a place for one more.
  private mutating func makePlace(for holder: FairShares.Holder) {
    while places.count >= max(1, limits.acceptedInProgress - limits.keptForPings), let victim = places.nextToGo(for: 0, of: holder) {
      counters.tooMany += 1
      giveUp(victim, .tooMany)
    }
  }

  private mutating func giveUp(_ stream: StreamID, _ problem: ExchangeProblem) {
    if let event = fail(stream, .refused, problem) { evicted.append(event) }
  }

  /// A ping that has begun takes one of the places for pings, as long as it is as small as a ping.
  private mutating func moveToPings(_ stream: StreamID) {
    guard let row = rows[stream], !row.isOurs, let peer = row.peer else { return }
    let isPing = row.opener.isPing && row.held <= Self.pingLimit
    if isPing, places.contains(stream), pings.count < limits.keptForPings {
      places.remove(stream)
      pings.add(stream, of: FairShares.Holder(peer), amount: 1)
    } else if !isPing, pings.contains(stream) {
      pings.remove(stream)
      makePlace(for: FairShares.Holder(peer))
      places.add(stream, of: FairShares.Holder(peer), amount: 1)
    }
  }

  /// More than any ping needs: three names, an address and their keys.
  private static let pingLimit = 1024
}

/// How much a node stores for exchanges in progress.
public struct ExchangeLimits: Hashable, Sendable {
  /// Bytes of one message, either way. Default 20 MiB, the limit that Go peers have.
  public var bytesPerExchange = 20 << 20
  /// Bytes of all messages together: those that are being received, and those that were written and that their peers have not read yet. When they are
  /// used up, the oldest unfinished exchange of the peer that holds most is given up; a push/pull of that peer is refused before it is answered.
  /// Default 48 MiB, with which the process grows by less than 80 MiB: arrays grow in steps, and are copied when they do.
  public var bytesInProgress = 48 << 20
  /// How many exchanges that peers opened may wait for the end of their request. Beyond that, the oldest of the peer that has most is given up.
  /// Default 127, as in Go.
  public var acceptedInProgress = 127
  /// How many of these places are kept for pings, because a member's life can depend on their answers. Default 4.
  public var keptForPings = 4
  /// How long a peer has from opening a stream to the end of its request, and how long we have to answer it. Default 10 s.
  public var acceptedDeadline: Duration = .seconds(10)
  /// How long a peer has to read our answer; then its stream is reset. Default 10 s.
  public var replyDeadline: Duration = .seconds(10)

  /// The defaults.
  public init() {}

  /// Throws for the first setting that a node cannot work with.
  package func check() throws(SettingOutOfBounds) {
    try SettingBounds.check(bytesPerExchange, "SerfConfiguration.exchanges.bytesPerExchange")
    try SettingBounds.check(bytesInProgress, "SerfConfiguration.exchanges.bytesInProgress")
    try SettingBounds.check(acceptedInProgress, "SerfConfiguration.exchanges.acceptedInProgress")
    try SettingBounds.check(keptForPings, "SerfConfiguration.exchanges.keptForPings")
    try SettingBounds.check(positiveTime: acceptedDeadline, "SerfConfiguration.exchanges.acceptedDeadline")
    try SettingBounds.check(positiveTime: replyDeadline, "SerfConfiguration.exchanges.replyDeadline")
  }

  /// What one message may hold, as in Go.
  var messages: StreamMessage.Limits { StreamMessage.Limits() }
}

/// Why a peer's exchange was given up; each has its counter in ``ExchangeCounters``.
package enum ExchangeProblem: Hashable, Sendable {
  case tooMany, overBudget, tooLarge, malformed, expired, unread
  case unopened(EnvelopeProblem)
}

/// Why exchanges were refused or lost, counted since the start.
package struct ExchangeCounters: Hashable, Sendable {
  /// Given up because more were in progress than ``ExchangeLimits/acceptedInProgress``.
  package var tooMany = 0
  /// Given up because more bytes were in progress than ``ExchangeLimits/bytesInProgress``.
  package var overBudget = 0
  /// One message above ``ExchangeLimits/bytesPerExchange``.
  package var tooLarge = 0
  /// Not a message, or its end disagrees with the stream's.
  package var malformed = 0
  /// Not finished in time.
  package var expired = 0
  /// Answered, but the answer was not read in time.
  package var unread = 0
  /// Messages whose envelope could not be removed, by cause.
  package var unopened: [EnvelopeProblem: Int] = [:]
  /// A peer gave up its own request.
  package var broken = 0

  package init() {}
}

extension ExchangeCounters {
  /// All of them, by name.
  package var figures: [TransportFigure] {
    let plain = [
      ("too_many", tooMany), ("over_budget", overBudget), ("too_large", tooLarge), ("malformed", malformed), ("expired", expired),
      ("unread", unread), ("broken", broken),
    ]
    let envelopes = EnvelopeProblem.allCases.map { ($0.counter, unopened[$0] ?? 0) }
    return (plain + envelopes).map { TransportFigure("exchanges_\($0)", UInt64($1)) }
  }
}
