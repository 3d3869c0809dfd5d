import Memberlist
import SerfPrimitives
import SerfWire

/// The bodies that members have offered and that this node lacks: which of them it fetches now, and from whom.
///
/// ```
///  offer ──▶ wanted ──▶ in flight ──▶ fetched                       a few at a time; at most two from one holder,
///              ▲            │                                       and each origin has so many bytes a minute
///              └── another holder: not held, wrong, broken ──▶ given up after the last one
/// ```
struct BodyFetches: Sendable {
  /// What is done with a body once it is here.
  struct Offer: Sendable {
    let key: OfferKey
    /// The offer as it came: it holds the message, and is passed on.
    let encoded: [UInt8]
  }

  private struct Wanted: Sendable {
    let origin: NodeName
    var offers: [Offer]
    /// Who offered it and may still have it, and how often each was asked in vain.
    var holders: [(name: NodeName, failures: Int)]
    var isInFlight = false
    /// Whether its bytes are charged to its origin.
    var isCharged = false
    /// A holder that failed is not asked again at once.
    var notBefore: Instant

    /// How much of the room for offers it takes: what they have in bytes, and at least one of as many places as there are.
    var cost: Int { max(BodyFetches.roomForOffers / BodyFetches.wantedLimit, offers.reduce(0) { $0 + $1.encoded.count }) }
  }

  /// How a fetch ended.
  enum Outcome: Sendable {
    /// The body, checked, and what waits for it.
    case fetched(BodyID, [UInt8], [Offer])
    /// The holder sent something else, does not have it, or the exchange failed; another one may have it. `lost` are the messages that nobody is left
    /// to ask for. They are forgotten, so that a new offer starts again.
    case failed(wrongFrom: NodeName?, lost: [Offer])
  }

  private var wanted: [BodyID: Wanted] = [:]
  /// In the order of their first offers.
  private var order: [BodyID] = []
  /// What all of them cost together.
  private var cost = 0
  private var inFlight: [ExchangeID: (body: BodyID, holder: NodeName)] = [:]
  private var originLimits: RateLimits<NodeName>
  private let settings: SerfSettings.LargeMessages

  init(_ settings: SerfSettings.LargeMessages) {
    self.settings = settings
    // Beyond so many origins all others share one limit.
    originLimits = RateLimits(
      perSecond: settings.bytesPerOrigin / 60, burst: settings.bytesPerOrigin, remembered: 1_024, at: .zero)
  }

  /// How many bodies wait or are in flight.
  var count: Int { wanted.count }
  var isEmpty: Bool { wanted.isEmpty }

  /// Takes note of an offer. Returns how many offers are refused: none, this one, or others that make room for it.
  mutating func add(_ offer: Offer, _ body: BodyID, origin: NodeName, holder: NodeName, at now: Instant) -> Int {
    guard var entry = wanted[body] else {
      let entry = Wanted(origin: origin, offers: [offer], holders: [(holder, 0)], notBefore: now)
      var refused = 0
      while cost + entry.cost > Self.roomForOffers {
        guard let victim = bodyToGo(for: holder, entry.cost) else { return refused + 1 }
        refused += wanted[victim]?.offers.count ?? 0
        forget(victim)
      }
      wanted[body] = entry
      order.append(body)
      cost += entry.cost
      return refused
    }
    if !entry.holders.contains(where: { $0.name == holder }), entry.holders.count < Self.holderLimit { entry.holders.append((holder, 0)) }
    // It may have the body, also if its message is one too many.
    wanted[body] = entry
    guard !entry.offers.contains(where: { $0.key == offer.key }) else { return 0 }
    let before = entry.cost
    entry.offers.append(offer)
    guard entry.offers.count <= Self.offerLimit, cost - before + entry.cost <= Self.roomForOffers else { return 1 }
    wanted[body] = entry
    cost += entry.cost - before
    return 0
  }

  /// What makes room for another body of `holder`, at this cost: the newest of the member that takes the most room with bodies that no other member has
  /// offered. Nil if that is `holder` itself. So a member that offers by the thousand keeps out only itself.
  private func bodyToGo(for holder: NodeName, _ more: Int) -> BodyID? {
    var shares: [NodeName: (cost: Int, newest: BodyID?)] = [:]
    for body in order {
      guard let entry = wanted[body], entry.holders.count == 1, let only = entry.holders.first?.name else { continue }
      shares[only, default: (0, nil)].cost += entry.cost
      if !entry.isInFlight { shares[only]?.newest = body }
    }
    let own = shares[holder]?.cost ?? 0
    let largest = shares.max { ($0.value.cost, $0.key) < ($1.value.cost, $1.key) }
    return largest.flatMap { $0.value.cost > own + more ? $0.value.newest : nil }
  }

  /// The next body to ask for, and whom; nil if none may be asked for now. Call ``began(_:_:of:)`` with the exchange.
  mutating func next(at now: Instant) -> (body: BodyID, holder: NodeName)? {
    guard inFlight.count < settings.fetchesInFlight else { return nil }
    for body in order {
      guard let entry = wanted[body], !entry.isInFlight, entry.notBefore <= now else { continue }
      // The one that was asked least comes first, so that each is asked in turn.
      let free = entry.holders.filter { holder in inFlight.values.count { $0.holder == holder.name } < Self.fetchesPerHolder }
      guard let holder = free.min(by: { $0.failures < $1.failures }) else { continue }
      if !entry.isCharged {
        guard originLimits.take(body.size, of: entry.origin, at: now) else { continue }
        wanted[body]?.isCharged = true
      }
      wanted[body]?.isInFlight = true
      return (body, holder.name)
    }
    return nil
  }

  /// Whether an exchange is a fetch.
  func isInFlight(_ exchange: ExchangeID) -> Bool { inFlight[exchange] != nil }

  /// A fetch began.
  mutating func began(_ exchange: ExchangeID, _ body: BodyID, of holder: NodeName) { inFlight[exchange] = (body, holder) }

  /// An exchange ended with this answer; nil if it was no fetch.
  mutating func ended(_ exchange: ExchangeID, _ answer: [UInt8]?, at now: Instant) -> Outcome? {
    guard let (body, holder) = inFlight.removeValue(forKey: exchange), let entry = wanted[body] else { return nil }
    wanted[body]?.isInFlight = false
    if answer?.isEmpty ?? true, entry.isCharged {
      // No byte has come. An offer that names another member's body must not use up what that member may send.
      originLimits.give(back: body.size, of: entry.origin)
      wanted[body]?.isCharged = false
    }
    if let answer, !answer.isEmpty {
      if answer.count == body.size, SHA256.digest(of: answer.span.bytes) == body.digest {
        forget(body)
        return .fetched(body, answer, entry.offers)
      }
      return .failed(wrongFrom: holder, lost: drop(holder, of: body))
    }
    guard let index = entry.holders.firstIndex(where: { $0.name == holder }) else { return .failed(wrongFrom: nil, lost: []) }
    let failures = entry.holders[index].failures + 1
    wanted[body]?.holders[index].failures = failures
    guard failures < Self.attempts else { return .failed(wrongFrom: nil, lost: drop(holder, of: body)) }
    // Another holder is asked at once. Once each has failed, all of them may be busy, and the next round begins after a pause.
    if wanted[body]?.holders.contains(where: { $0.failures < failures }) == false { wanted[body]?.notBefore = now + Self.pause }
    return .failed(wrongFrom: nil, lost: [])
  }

  /// A holder is not asked for this body again. Returns what waits for it in vain, if it was the last one.
  private mutating func drop(_ holder: NodeName, of body: BodyID) -> [Offer] {
    wanted[body]?.holders.removeAll { $0.name == holder }
    guard let entry = wanted[body], entry.holders.isEmpty else { return [] }
    forget(body)
    return entry.offers
  }

  private mutating func forget(_ body: BodyID) {
    cost -= wanted.removeValue(forKey: body)?.cost ?? 0
    order.removeAll { $0 == body }
  }

  /// Bodies that are known of and not here, and the bytes of their offers.
  private static let wantedLimit = 256
  private static let roomForOffers = 1 << 20
  /// Messages with one and the same body.
  private static let offerLimit = 16
  private static let holderLimit = 8
  /// One member that is slow, or means harm, uses up no more than these.
  private static let fetchesPerHolder = 2
  /// How often one holder is asked for a body.
  private static let attempts = 3
  private static let pause = Duration.seconds(1)
}

/// What an offer says of a body. A wrong size makes it another one: whoever states it first must not spoil the offers of others.
struct BodyID: Hashable, Sendable {
  let digest: SHA256.Digest
  let size: Int
}

/// Tells one offered message from all others.
enum OfferKey: Hashable, Sendable {
  /// With the digests of its name, which may be long, and of its payload.
  case event(LamportTime, name: SHA256.Digest, SHA256.Digest)
  case query(LamportTime, UInt32)
  case answer(LamportTime, UInt32, from: NodeName)

  var isEvent: Bool { if case .event = self { true } else { false } }
}

/// The newest offers that were taken up, so that each is taken up once. They are forgotten in the order in which they came.
///
/// Nothing that is forgotten comes again: an offer is passed on while it is gossiped, for seconds, and after that by members that still hold its body,
/// which are at most `heldBytes` of them. The second holds for events alone, so queries and answers, of which many more may come, do not displace
/// them.
struct KnownOffers: Sendable {
  private var events = Newest()
  private var others = Newest()

  func contains(_ key: OfferKey) -> Bool { key.isEvent ? events.keys.contains(key) : others.keys.contains(key) }

  mutating func insert(_ key: OfferKey) {
    if key.isEvent { events.insert(key) } else { others.insert(key) }
  }

  private struct Newest: Sendable {
    var keys: Set<OfferKey> = []
    private var order = DrainQueue<OfferKey>()

    mutating func insert(_ key: OfferKey) {
      guard keys.insert(key).inserted else { return }
      order.append(key)
      if order.count > KnownOffers.limit, let oldest = order.popFirst() { keys.remove(oldest) }
    }
  }

  private static let limit = 4_096
}
