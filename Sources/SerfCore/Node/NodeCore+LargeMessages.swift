import Memberlist
import SerfPrimitives
import SerfWire

/// Messages above what Go members take: pushed as they are up to 16 KiB, and above that offered and fetched (`serf.md` section 9). Only among members
/// that say that they read them.
extension NodeCore {
  // MARK: Our own

  /// Whether a message of this size is for members that read large ones.
  static func isLarge(_ byteCount: Int) -> Bool { byteCount > SerfSettings.UserEvents.largestSizeLimit }

  /// Whether a message of this size is offered.
  static func isOffered(_ byteCount: Int) -> Bool { byteCount > SerfSettings.LargeMessages.pushLimit }

  /// The offer of our own message. `message` is without its payload.
  func makeOffer(_ message: [UInt8], _ body: BodyID) -> [UInt8] {
    var offer: [UInt8] = []
    let origin = name.bytes
    OfferMessage(digest: body.digest, size: body.size, origin: origin.span.bytes, message: message.span.bytes).encode(into: &offer)
    return offer
  }

  /// Offers our own event or query to the members that read large ones, and keeps its payload for them.
  mutating func broadcastLarge(_ key: OfferKey, _ message: [UInt8], payload: [UInt8], _ body: BodyID) {
    let offer = makeOffer(message, body)
    large.store.insert(payload, body.digest)
    large.known.insert(key)
    remember(key, offer, body)
    membership.broadcast(offer.span.bytes, tier: .large, at: now)
  }

  /// Answers a member's query with a message above what Go members take. What the member reads must be known; else it is asked first.
  mutating func sendLargeAnswer(_ answer: LargeAnswer, to query: ReceivedQuery) {
    guard membership.member(query.source)?.state.isLive == true else {
      counters.responsesUndeliverable += 1
      return diagnose(.askerUnknown(query.source))
    }
    if userData.peers[query.source] != nil { return deliver(answer) }
    let bytes = large.waitingAnswers.reduce(answer.payload.count) { $0 + $1.payload.count }
    guard large.waitingAnswers.count < Self.waitingAnswersLimit, bytes <= configuration.largeMessages.heldBytes else {
      counters.responsesUndeliverable += 1
      return diagnose(.limitReached(.largeAnswers))
    }
    large.waitingAnswers.append(answer)
    armLargeTimer()
    // A ping makes a connection, and a connection says what its peer reads.
    membership.ping(query.source, id: PingID(nextID()), at: now)
  }

  private mutating func deliver(_ answer: LargeAnswer) {
    guard let address = membership.member(answer.asker)?.address, answer.deadline > now else {
      counters.responsesUndeliverable += 1
      return
    }
    guard readsLarge(answer.asker) else {
      counters.responsesUndeliverable += 1
      return diagnose(.askerReadsNothingLarge(answer.asker))
    }
    if let body = answer.body { large.store.insert(answer.payload, body.digest) }
    membership.sendUserMessage(answer.message.span.bytes, to: .member(answer.asker, address))
  }

  // MARK: What peers read

  func readsLarge(_ name: NodeName?) -> Bool {
    guard let name else { return false }
    return userData.peers[name]?.contains(.largeMessages) ?? false
  }

  /// A member has said what it reads, or is new in the table.
  mutating func noteReadsLarge(_ name: NodeName) {
    membership.setReadsLargeMessages(name, readsLarge(name))
    guard !large.waitingAnswers.isEmpty, userData.peers[name] != nil else { return }
    let ready = large.waitingAnswers.filter { $0.asker == name }
    large.waitingAnswers.removeAll { $0.asker == name }
    for answer in ready { deliver(answer) }
  }

  // MARK: Offers of others

  /// A member offers a message, by gossip, alone or in a push/pull. The message is taken up once its body is here.
  mutating func offerReceived(_ encoded: RawSpan, inPushPull: Bool = false, from peer: Peer) throws(WireError) {
    guard membership.transport.statesPeerFeatures, let holder = peer.provenName else { throw .unexpectedType }
    counters.offersReceived += 1
    let offer = try OfferMessage(decoding: encoded.extracting(droppingFirst: 1))
    guard let digest = offer.digest else { throw .empty }
    guard offer.size > 0, offer.size <= UInt64(SerfSettings.LargeMessages.largestSize), encoded.byteCount <= Self.offerLimit,
      offer.origin.byteCount <= configuration.membership.limits.nameLength
    else {
      counters.offersRefused += 1
      return diagnose(.limitReached(.offerSize))
    }
    guard let key = try offerKey(offer.message, digest, inPushPull: inPushPull, from: peer), !large.known.contains(key) else { return }
    let body = BodyID(digest: digest, size: Int(offer.size))
    let entry = BodyFetches.Offer(key: key, encoded: [UInt8](copying: encoded))
    if let held = large.store[digest], held.count == body.size { return complete(entry, body, held) }
    // An offer can name any origin. Names out of thin air must not bring more bytes than the holder's own.
    let stated = NodeName(bytes: [UInt8](copying: offer.origin))
    let origin = table[stated] == nil ? holder : stated
    let refused = large.fetches.add(entry, body, origin: origin, holder: holder, at: now)
    if refused > 0 {
      counters.offersRefused += UInt64(refused)
      diagnose(.limitReached(.offers))
    }
    fetchBodies()
  }

  /// What tells the offered message from others, if it is one that is still wanted.
  private mutating func offerKey(
    _ message: RawSpan, _ digest: SHA256.Digest, inPushPull: Bool, from peer: Peer
  ) throws(WireError) -> OfferKey? {
    guard message.byteCount > 0 else { throw .empty }
    let content = message.extracting(droppingFirst: 1)
    switch SerfMessageType(rawValue: message[checked: 0]) {
    case .userEvent:
      let event = try UserEventMessage(decoding: content)
      guard witnessEvent(event.time, .offer, from: peer) else { return nil }
      guard isInTime(event.time, inPushPull: inPushPull) else { return nil }
      return .event(event.time, name: SHA256.digest(of: event.name), digest)
    case .query:
      let query = try QueryMessage(decoding: content)
      guard witnessQuery(query.time, .offer, from: peer) else { return nil }
      return .query(query.time, query.id)
    case .queryResponse:
      let response = try QueryResponseMessage(decoding: content)
      guard let open = openQueries[response.time], open.id.number == response.id else {
        counters.responsesWithoutQuery += 1
        return nil
      }
      // A member answers for itself, and no other member passes an offer of an answer on.
      guard let proven = peer.provenName, response.from.equals(proven.bytes) else {
        counters.responsesRefused += 1
        diagnose(.responseOfOther(NodeName(bytes: [UInt8](copying: response.from)), from: peer))
        return nil
      }
      return .answer(response.time, response.id, from: proven)
    default: throw .unexpectedType
    }
  }

  private mutating func isInTime(_ time: LamportTime, inPushPull: Bool) -> Bool {
    do {
      try events.checkAge(time, clock: eventClock.time)
      return true
    } catch {
      countEvent(error, inPushPull: inPushPull)
      return false
    }
  }

  /// The body of an offered message is here.
  private mutating func complete(_ offer: BodyFetches.Offer, _ body: BodyID, _ payload: [UInt8]) {
    guard !large.known.contains(offer.key) else { return }
    large.known.insert(offer.key)
    guard let stated = try? OfferMessage(decoding: offer.encoded.span.bytes.extracting(droppingFirst: 1)) else { return }
    let content = stated.message.extracting(droppingFirst: 1)
    var passesOn = false
    switch offer.key {
    case .event(let time, _, _):
      guard let event = try? UserEventMessage(decoding: content) else { return }
      // While the body was on its way the ring may have moved on.
      guard isInTime(time, inPushPull: true) else { return }
      events.note(time)
      tell(UserEvent(time: time, nameBytes: [UInt8](copying: event.name), payload: payload, coalesce: event.coalesce))
      remember(offer.key, offer.encoded, body)
      passesOn = true
    case .query:
      guard let query = try? QueryMessage(decoding: content) else { return }
      let whole = QueryMessage(
        time: query.time, id: query.id, source: query.source, sourceNode: query.sourceNode, filters: query.filters, flags: query.flags,
        relayFactor: query.relayFactor, timeoutNanoseconds: query.timeoutNanoseconds, name: query.name, payload: payload.span.bytes)
      passesOn = queryReceived(whole)
    case .answer(let time, let id, let member): answerArrived(SerfQuery.ID(time: time, number: id), from: member, payload)
    }
    if passesOn { membership.broadcast(offer.encoded.span.bytes, tier: .large, at: now) }
  }

  // MARK: Fetching

  private mutating func fetchBodies() {
    while let (body, holder) = large.fetches.next(at: now) {
      var request: [UInt8] = []
      FetchMessage(digest: body.digest).encode(into: &request)
      // Also a member that we see as failed may answer: its offer has just arrived.
      let address = membership.member(holder)?.address
      guard let address else {
        // Gone from the table since it offered.
        large.fetches.began(Self.noExchange, body, of: holder)
        fetchEnded(Self.noExchange, nil)
        continue
      }
      let exchange = membership.sendUserMessageReliably(
        request.span.bytes, to: .member(holder, address), timeout: Self.fetchTimeout, at: now)
      large.fetches.began(exchange, body, of: holder)
    }
    armLargeTimer()
  }

  /// An exchange of ours has ended; false if it was no fetch.
  mutating func fetchFinished(_ id: ExchangeID, _ slot: PacketSlot?) -> Bool {
    guard large.fetches.isInFlight(id) else { return false }
    // Copied out of the gossip layer's memory, because handling the body changes that memory.
    let answer = slot.map { [UInt8](copying: membership.bytes($0)) }
    fetchEnded(id, answer)
    fetchBodies()
    return true
  }

  private mutating func fetchEnded(_ id: ExchangeID, _ answer: [UInt8]?) {
    switch large.fetches.ended(id, answer, at: now) {
    case .fetched(let body, let payload, let offers)?:
      counters.bodiesFetched += 1
      large.store.insert(payload, body.digest)
      for offer in offers { complete(offer, body, payload) }
    case .failed(let liar, let lost)?:
      counters.fetchesFailed += 1
      if let liar {
        counters.bodiesWrong += 1
        diagnose(.bodyWrong(from: liar))
      }
      guard !lost.isEmpty else { break }
      counters.bodiesGivenUp += 1
      diagnose(.bodyGivenUp(lost.count))
    case nil: break
    }
  }

  // MARK: Serving

  /// A member asks for a body, in an exchange that waits for the answer.
  mutating func fetchReceived(_ body: RawSpan, _ exchange: ExchangeID?, from peer: Peer) throws(WireError) {
    guard let exchange else { throw .unexpectedType }
    var waits = false
    defer { if !waits { membership.endUserExchange(exchange) } }
    guard membership.transport.statesPeerFeatures, let asker = peer.provenName else { throw .unexpectedType }
    guard let digest = try FetchMessage(decoding: body).digest else { throw .empty }
    guard large.store[digest] != nil, large.serving.add(exchange, digest, for: asker) else {
      counters.fetchesRefused += 1
      return
    }
    waits = true
    serveBodies()
  }

  private mutating func serveBodies() {
    while let (exchange, body) = large.serving.next(in: large.store, at: now) {
      guard let body else {
        counters.fetchesRefused += 1
        membership.endUserExchange(exchange)
        continue
      }
      counters.bodiesServed += 1
      membership.endUserExchange(exchange, answer: body.span.bytes)
    }
    armLargeTimer()
  }

  /// What waits for its turn, or for a limit, is looked at a few times a second.
  mutating func largeMessagesDue() {
    large.isTimerArmed = false
    for answer in large.waitingAnswers where answer.deadline <= now {
      counters.responsesUndeliverable += 1
      diagnose(.askerUnknown(answer.asker))
    }
    large.waitingAnswers.removeAll { $0.deadline <= now }
    fetchBodies()
    serveBodies()
  }

  private mutating func armLargeTimer() {
    let waits = !large.fetches.isEmpty || !large.serving.isEmpty || !large.waitingAnswers.isEmpty
    guard waits, !large.isTimerArmed else { return }
    large.isTimerArmed = true
    timers.schedule(.largeMessages, at: now + Self.turn)
  }

  // MARK: Late joiners

  private mutating func remember(_ key: OfferKey, _ offer: [UInt8], _ body: BodyID) {
    guard case .event(let time, _, _) = key else { return }
    large.events.append(OfferedEvent(time: time, digest: body.digest, offer: offer))
    if large.events.count > configuration.userEvents.bufferSize { _ = large.events.popFirst() }
  }

  /// The offers of the large events that this member may still want, if it reads them: those whose bodies are here.
  func replayedOffers(for name: NodeName?) -> [[UInt8]] {
    guard !large.events.isEmpty, readsLarge(name) else { return [] }
    let clock = eventClock.time
    return large.events.waiting.filter { offered in
      large.store[offered.digest] != nil && (try? events.checkAge(offered.time, clock: clock)) != nil
    }.map { $0.offer }
  }

  /// A push/pull brought offers of events.
  mutating func mergeOffers(_ offers: consuming StringList, _ meeting: inout ClockMeeting, from peer: Peer) {
    guard membership.transport.statesPeerFeatures else { return }
    var count = 0
    while let encoded = offers.next() {
      count += 1
      guard count <= Self.replayedOffersLimit else { return diagnose(.limitReached(.offers)) }
      do throws(WireError) {
        guard encoded.byteCount > 0, encoded[checked: 0] == SerfMessageType.offer.rawValue else { throw .unexpectedType }
        let message = try OfferMessage(decoding: encoded.extracting(droppingFirst: 1)).message
        guard message.byteCount > 0, message[checked: 0] == SerfMessageType.userEvent.rawValue else { throw .unexpectedType }
        let time = try UserEventMessage(decoding: message.extracting(droppingFirst: 1)).time
        if raiseEventClock(after: time, &meeting, from: peer) { try offerReceived(encoded, inPushPull: true, from: peer) }
      } catch { malformed(.offer, error, from: peer) }
    }
  }

  /// An offer names its member, carries a message without its payload, and 32 bytes: no honest one is larger than a packet with a query's filters.
  private static var offerLimit: Int { SerfSettings.UserEvents.largestSizeLimit }
  private static var replayedOffersLimit: Int { 4_096 }
  private static var waitingAnswersLimit: Int { 64 }
  /// The peer has ten seconds to answer, and its answer may take as long to be read.
  private static var fetchTimeout: Duration { .seconds(20) }
  private static var turn: Duration { .milliseconds(250) }
  private static var noExchange: ExchangeID { ExchangeID(0) }
}

/// An answer above what Go members take.
struct LargeAnswer: Sendable {
  let asker: NodeName
  /// The answer itself, or the offer of it.
  let message: [UInt8]
  /// What the offer is of.
  var body: BodyID?
  var payload: [UInt8] = []
  let deadline: Instant
}

/// An event for late joiners.
struct OfferedEvent: Sendable {
  let time: LamportTime
  let digest: SHA256.Digest
  let offer: [UInt8]
}

/// Large messages on their way.
struct LargeMessageTraffic: Sendable {
  var store: BodyStore
  var fetches: BodyFetches
  var serving: BodyServing
  var known = KnownOffers()
  /// The newest events that were offered, the oldest first.
  var events = DrainQueue<OfferedEvent>()
  /// Answers that wait to hear what their member reads.
  var waitingAnswers: [LargeAnswer] = []
  var isTimerArmed = false

  init(_ settings: SerfSettings.LargeMessages) {
    store = BodyStore(budget: settings.heldBytes)
    fetches = BodyFetches(settings)
    serving = BodyServing(settings)
  }
}
