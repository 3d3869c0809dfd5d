package import SerfPrimitives

/// What is announced about a member: that it joined or that it leaves.
package struct Intent: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case join, leave
  }

  package var kind: Kind
  package var time: LamportTime
  /// Read from a push/pull, and not heard as a message. A push/pull gives only the time of the newest intent that the sender knew, not its kind, and
  /// the names of members that have left, not when they left. So a leave gets a guessed time, one above; and what is taken for a join may be a leave
  /// that is still on its way.
  package var isImplied: Bool

  package init(_ kind: Kind, at time: LamportTime, isImplied: Bool = false) {
    self.kind = kind
    self.time = time
    self.isImplied = isImplied
  }

  /// Whether this intent counts although one of this `time` is known. At equal times an intent that was heard outranks one that was implied.
  func isNewer(than time: LamportTime, isImplied isKnownImplied: Bool) -> Bool {
    self.time > time || self.time == time && isKnownImplied && !isImplied
  }
}

/// Intents about nodes that we do not know yet: gossip about a node often arrives before the node does (`serf.md` section 6).
///
/// One intent per name, the newest. Entries stay when the node appears, and are removed when they are old. A flood of made-up names can only fill the
/// buffer: what does not fit is refused, and is not passed on either.
package struct IntentBuffer: Sendable {
  private var intents: [NodeName: (intent: Intent, arrivedAt: Instant)] = [:]
  private let limit: Int

  /// A buffer for at most `limit` names.
  package init(limit: Int) { self.limit = limit }

  /// How many names have an intent.
  package var count: Int { intents.count }

  /// What happened to an intent.
  package enum Outcome: Hashable, Sendable {
    /// Kept, because it is the first or newest of its name: it is passed on.
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

  /// Removes what arrived before `limit`.
  package mutating func removeOlder(than limit: Instant) {
    intents = intents.filter { $0.value.arrivedAt >= limit }
  }
}
