package import SerfPrimitives

/// What is announced about a member: that it joined or that it leaves.
package struct Intent: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case join, leave
  }

  package var kind: Kind
  package var time: LamportTime
  /// Read out of a push/pull, and not heard: all that one says is the time of the newest intent that the sender knew, not of which kind it was, and
  /// who has left, not when. What stands for a leave has a guessed time, one above; what is taken for a join may be a leave that is on its way.
  package var isImplied: Bool

  package init(_ kind: Kind, at time: LamportTime, isImplied: Bool = false) {
    self.kind = kind
    self.time = time
    self.isImplied = isImplied
  }

  /// Whether this one counts although one of this `time` is known. At equal times what was heard counts for more than what was implied.
  func isNewer(than time: LamportTime, isImplied isKnownImplied: Bool) -> Bool {
    self.time > time || self.time == time && isKnownImplied && !isImplied
  }
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
      guard intent.isNewer(than: known.intent.time, isImplied: known.intent.isImplied) else { return .stale }
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
