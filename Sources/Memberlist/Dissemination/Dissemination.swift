import SerfPrimitives
import SerfWire

/// The order in which broadcasts go into a packet.
package enum BroadcastTier: Int, Sendable, Hashable, CaseIterable {
  /// Updates about members; this layer's own.
  case membership = 0
  /// The most urgent ones of the layer above (Serf: join and leave intents).
  case intent = 1
  case query = 2
  case event = 3
  /// What only some members read: it is sent to no others.
  case large = 4

  /// A member refuses an event or a query that is too far behind its clock.
  var order: BroadcastQueue.Order { self == .event || self == .query ? .oldest : .longest }

  /// The tiers of the layer above that every member reads.
  static let application: [BroadcastTier] = [.intent, .query, .event]
  /// With those that only some members read.
  static let largeApplication = application + [.large]
}

/// The broadcast queues, and how they fill a packet.
///
/// They are in one type, so that packing is one function and needs no callback into the layer above.
package struct Dissemination: Sendable {
  private var queues = BroadcastTier.allCases.map { BroadcastQueue(order: $0.order) }
  private var compound = CompoundWriter()
  /// The type byte before a message of the layer above.
  static let userOverhead = 1

  package init() {}

  package subscript(tier: BroadcastTier) -> BroadcastQueue {
    _read { yield queues[tier.rawValue] }
    _modify { yield &queues[tier.rawValue] }
  }

  /// How often a broadcast goes out: ``membership`` for updates about members, ``application`` for the others.
  package struct Transmissions: Sendable {
    package var membership: Int
    package var application: Int

    package init(membership: Int, application: Int) {
      self.membership = membership
      self.application = application
    }

    func of(_ tier: BroadcastTier) -> Int { tier == .membership ? membership : application }
  }

  /// Appends one packet: `message` with the broadcasts that fit beside it; without a message, a batch of broadcasts.
  ///
  /// A single message goes bare, several in a compound of at most ``CompoundWriter/maximumParts``. Returns false, and appends nothing, when there is nothing.
  ///
  /// While the layer above has broadcasts waiting, a quarter of the room is kept for them: a flood of membership updates must not starve them
  /// (`memberlist.md` 5.1, hazard 18). Room that they do not use goes to the membership updates.
  /// - Parameter includesLarge: whether the packet goes to a member that reads ``BroadcastTier/large``.
  package mutating func pack(
    _ message: [UInt8]?, budget: Int, includesLarge: Bool = false, transmissions: Transmissions, into packet: inout [UInt8],
    finished: inout [BroadcastID]
  ) -> Bool {
    if let message {
      compound.bytes.append(contentsOf: message)
      compound.endPart()
    }
    let room = budget - CompoundWriter.overhead - CompoundWriter.overheadPerPart * compound.count - compound.bytes.count
    fill(room, with: includesLarge ? BroadcastTier.largeApplication : BroadcastTier.application, isNews: false)
    guard compound.count + takenCount > 0 else { return false }
    writeTaken(copies: 1, transmissions, into: &packet, &finished)
    return true
  }

  /// Whether any broadcast is to be passed on at once.
  package var hasNews: Bool { queues.contains { $0.hasNews } }

  /// Whether events or queries are among it.
  var hasUrgentNews: Bool { self[.event].hasNews || self[.query].hasNews }

  /// The bytes of all news.
  var newsBytes: Int { queues.reduce(0) { $0 + $1.newsBytes } }

  /// The bytes of what waits for regular gossip, but of what only some members read.
  package var settledBytes: Int {
    BroadcastTier.allCases.reduce(0) { $1 == .large ? $0 : $0 + self[$1].byteCount - self[$1].newsBytes }
  }

  /// What is news waits for regular gossip from now on.
  package mutating func settleNews() { for tier in BroadcastTier.allCases { self[tier].settleNews() } }

  /// Appends one packet of news, which goes to `copies` members. Returns how many messages it has; with 0, nothing is appended.
  ///
  /// The oldest news goes first: a member that falls far behind the cluster's clock would drop it. A quarter of the room is kept for the layer above,
  /// as in ``pack(_:budget:includesLarge:transmissions:into:finished:)``.
  package mutating func packNews(
    budget: Int, carriesOversized: Bool, copies: Int, transmissions: Transmissions, into packet: inout [UInt8],
    finished: inout [BroadcastID]
  ) -> Int {
    let isAlone = BroadcastTier.allCases.contains {
      self[$0].takeOversizedNews(limit: Self.room(for: $0, in: budget), isSent: carriesOversized)
    }
    if !isAlone { fill(budget - CompoundWriter.overhead, with: BroadcastTier.application, isNews: true) }
    let messages = takenCount
    writeTaken(copies: copies, transmissions, into: &packet, &finished)
    return messages
  }

  /// Writes what was taken, and counts it.
  private mutating func writeTaken(
    copies: Int, _ transmissions: Transmissions, into packet: inout [UInt8], _ finished: inout [BroadcastID]
  ) {
    for tier in BroadcastTier.allCases {
      for position in 0..<self[tier].takenCount {
        if tier != .membership { compound.bytes.append(MessageType.user.rawValue) }
        compound.bytes.append(contentsOf: queues[tier.rawValue].taken(position))
        compound.endPart()
      }
      self[tier].commit(copies: copies, transmissions: transmissions.of(tier), finished: &finished)
    }
    if compound.count > 0 { compound.finish(into: &packet) }
  }

  /// Appends one broadcast that is too large for any packet of this budget, bare; false when there is none.
  package mutating func packOversized(
    budget: Int, includesLarge: Bool = false, transmissions: Transmissions, into packet: inout [UInt8], finished: inout [BroadcastID]
  ) -> Bool {
    let isTaken = BroadcastTier.allCases.contains {
      (includesLarge || $0 != .large) && self[$0].takeOversized(limit: Self.room(for: $0, in: budget))
    }
    if isTaken { writeTaken(copies: 1, transmissions, into: &packet, &finished) }
    return isTaken
  }

  /// How long a message may be to fit into a packet.
  static func room(for tier: BroadcastTier, in budget: Int) -> Int { budget - CompoundWriter.overhead - overhead(of: tier) }

  /// What a message costs in a packet beyond its length.
  private static func overhead(of tier: BroadcastTier) -> Int {
    CompoundWriter.overheadPerPart + (tier == .membership ? 0 : userOverhead)
  }

  private var takenCount: Int { queues.reduce(0) { $0 + $1.takenCount } }

  /// Picks what goes into this room. A quarter is kept for the layer above where it waits.
  private mutating func fill(_ room: Int, with application: [BroadcastTier], isNews: Bool) {
    let waits = application.contains { isNews ? self[$0].hasNews : !self[$0].isEmpty }
    var room = room
    room -= take(.membership, from: waits ? room - room / 4 : room, isNews: isNews)
    for tier in application { room -= take(tier, from: room, isNews: isNews) }
    if waits { _ = take(.membership, from: room, isNews: isNews) }
  }

  private mutating func take(_ tier: BroadcastTier, from room: Int, isNews: Bool) -> Int {
    guard isNews ? self[tier].hasNews : !self[tier].isEmpty else { return 0 }
    let (overhead, parts) = (Self.overhead(of: tier), CompoundWriter.maximumParts - compound.count - takenCount)
    return isNews
      ? self[tier].takeNews(limit: room, overhead: overhead, parts: parts) : self[tier].take(limit: room, overhead: overhead, parts: parts)
  }
}
