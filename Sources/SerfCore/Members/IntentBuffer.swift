package import SerfPrimitives

/// What is announced about a member: that it joined or that it leaves.
package struct Intent: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case join, leave
  }

  package var kind: Kind
  package var time: LamportTime
  /// A leave that nobody was heard to announce: a push/pull has the member among those that left, and the time is a guess, above that of the
  /// newest intent that the sender knew.
  package var isImplied: Bool

  package init(_ kind: Kind, at time: LamportTime, isImplied: Bool = false) {
    self.kind = kind
    self.time = time
    self.isImplied = isImplied
  }

  /// Whether this one counts although `known` is known. At equal times a real one counts for more than a guess.
  func isNewer(than known: Intent) -> Bool { time > known.time || time == known.time && known.isImplied && !isImplied }
}

/// Intents about nodes that we have not met: gossip about a node often arrives before the node does (`serf.md` section 6).
///
/// One intent per name, the newest. Entries stay when the node appears, and go when they are old. A flood of made-up names fills the
/// buffer and no more: what does not fit is refused, and then does not travel on either.
package struct IntentBuffer: Sendable {
  private var intents: [NodeName: (intent: Intent, arrivedAt: Instant)] = [:]
  private let limit: Int

  /// A buffer for at most `limit` names.
  package init(limit: Int) { self.limit = limit }

  /// How many names have an intent.
  package var count: Int { intents.count }

  /// What became of an intent.
  package enum Outcome: Hashable, Sendable {
    /// Kept, because it is the first or newest of its name: it travels on.
    case new
    /// Not newer than what is known.
    case stale
    /// The buffer is full.
    case refused
  }

  /// An intent about an unknown node arrived.
  package mutating func insert(_ intent: Intent, for name: NodeName, at now: Instant) -> Outcome {
    if let known = intents[name] {
      guard intent.isNewer(than: known.intent) else { return .stale }
    } else if intents.count >= limit {
      return .refused
    }
    intents[name] = (intent, now)
    return .new
  }

  /// The intent that waits for `name`.
  package subscript(name: NodeName) -> Intent? { intents[name]?.intent }

  /// Forgets what arrived before `limit`.
  package mutating func removeOlder(than limit: Instant) {
    intents = intents.filter { $0.value.arrivedAt >= limit }
  }
}
