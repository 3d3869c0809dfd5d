package import SerfPrimitives
import SerfWire

/// Decides when a suspected member is declared dead (Lifeguard, section IV-B).
///
/// A suspicion that no other member shares lasts long, because the accuser may be the one in trouble. Every independent voice shortens it:
///
///     suspect ──confirm──→ deadline moves towards start + minimum ──→ dead
package struct Suspicion: Sendable {
  /// A member that accuses, and the peer that delivered that.
  private struct Voice: Sendable {
    var accuser: NodeName
    var carrier: NodeName?
  }

  /// When the member is declared dead.
  package private(set) var deadline: Instant
  /// Since when the member may have spoken: the suspicion's start, or when the member was last given more time to speak.
  private(set) var listensSince: Instant
  /// How many voices beside the first were accepted.
  package private(set) var confirmations = 0

  private let startedAt: Instant
  private var postponedTo = Instant.zero
  private let expected: Int
  private let minimum: Duration
  private let maximum: Duration
  private var voices: [Voice] = []

  /// A suspicion raised by `accuser`, whose message `carrier` delivered. `carrier` is nil where names are not proven, or when the accuser is this
  /// node.
  ///
  /// `expected` is k, the number of confirmations after which the wait is shortest.
  package init(
    accuser: NodeName, carrier: NodeName?, expected: Int, minimum: Duration, maximum: Duration, at now: Instant
  ) {
    self.expected = max(0, expected)
    self.minimum = minimum
    self.maximum = max(minimum, maximum)
    startedAt = now
    listensSince = now
    deadline = now + (expected < 1 ? minimum : self.maximum)
    voices.reserveCapacity(min(self.expected, 8) + 1)
    voices.append(Voice(accuser: accuser, carrier: carrier))
  }

  /// Whether a member that suspects the same node is a voice that shortens the wait: not one already heard, nor one more than the formula counts.
  ///
  /// Each accuser counts once. Where names are proven, each peer that delivers counts once as well: a member that invents accusers is one voice
  /// (`secure-transport.md` 1.9). The peer is told by its name, because one peer may have several connections.
  package func isIndependent(_ accuser: RawSpan, carrier: NodeName?) -> Bool {
    guard confirmations < expected else { return false }
    for voice in voices where accuser.equals(voice.accuser.bytes) || carrier != nil && voice.carrier == carrier { return false }
    return true
  }

  /// Another member suspects the same node. Nil for a voice that is not independent; otherwise the voice is worth relaying, and the member is dead unless
  /// it refutes before this instant.
  package mutating func confirm(by accuser: NodeName, carrier: NodeName?) -> Instant? {
    guard isIndependent(accuser.bytes.span.bytes, carrier: carrier) else { return nil }
    voices.append(Voice(accuser: accuser, carrier: carrier))
    confirmations += 1
    let wait = Self.timeout(confirmations: confirmations, expected: expected, minimum: minimum, maximum: maximum)
    deadline = max(startedAt + wait, postponedTo)
    return deadline
  }

  /// Gives the member more time; see `Membership.advance(to:)` on stalls.
  mutating func postpone(to later: Instant) {
    postponedTo = later
    deadline = max(deadline, later)
  }

  /// Gives the member more time because it spoke. It has to speak again before it gets more.
  mutating func listen(until later: Instant, at now: Instant) {
    postpone(to: later)
    listensSince = now
  }

  /// max(min, max − (max − min) · ln(c + 1) / ln(k + 1)), in whole milliseconds.
  package static func timeout(confirmations: Int, expected: Int, minimum: Duration, maximum: Duration) -> Duration {
    guard expected >= 1 else { return minimum }
    let share = Logarithm.natural(Double(confirmations + 1)) / Logarithm.natural(Double(expected + 1))
    let seconds = maximum.seconds - (maximum.seconds - minimum.seconds) * share
    return max(minimum, .milliseconds(Int64((seconds * 1000).rounded(.down))))
  }

  /// The shortest wait in a cluster of `nodes`: multiplier · max(1, log10 n) · probe interval, the logarithm rounded down to thousandths.
  package static func minimum(multiplier: Int, nodes: Int, interval: Duration) -> Duration {
    let scale = max(1000, Logarithm.thousandthsOfDecades(nodes))
    return interval * (multiplier * scale) / 1000
  }

  /// How many confirmations are waited for: multiplier − 2, or none in a cluster that is too small for that many.
  package static func expectedConfirmations(multiplier: Int, nodes: Int) -> Int {
    let wanted = multiplier - 2
    return nodes - 2 < wanted ? 0 : max(0, wanted)
  }
}
