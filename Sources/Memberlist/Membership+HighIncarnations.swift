import SerfPrimitives
import SerfWire

// Members near the end of the incarnations (`secure-transport.md` 1.9).
//
// A member refutes by outdoing the incarnation that was accused. After an accusation at one of the last incarnations it would have nothing left to
// outdo it with, so one packet could end a member for good. At those incarnations, what others say has only these effects:
//
//     accusation of another ──→ a probe of our own ──no answer──→ suspect ──its time is over──→ dead
//     alive at any incarnation ──→ believed, so that there is always a way back
//
// At the very last incarnation a member cannot refute at all. An answer to our own ping then replaces a refutation, and so does what the member says
// itself on a connection that proves its name. Where names are not proven, its tags can no longer change until it is forgotten.
extension Membership {
  /// The highest incarnation at which others can accuse a member: 2³² − 2²⁰.
  static var highestAccusable: UInt32 { .max - (1 << 20) + 1 }

  /// Whether what was said of a member counts as more than a reason to probe it. What the member says itself, on a connection that proves its name,
  /// always does: it is leaving.
  func countsAsAccusation(_ incarnation: UInt32, of index: NodeIndex, from origin: Origin) -> Bool {
    incarnation <= Self.highestAccusable || origin.carrier == table[index].member.name
  }

  /// Whether the member is suspect or dead at an incarnation that it cannot outdo.
  func isBeyondRefutation(_ index: NodeIndex) -> Bool {
    let state = table[index].state
    return index != me && table[index].member.incarnation == .max && (state == .suspect || state == .dead)
  }

  /// Whether the member itself says, at the last incarnation, something that we do not have: nothing else could outdo what others have said.
  func isLastWord(_ alive: borrowing Alive, _ claim: AliveClaim, about index: NodeIndex, from origin: Origin) -> Bool {
    let member = table[index].member
    guard alive.incarnation == .max, member.incarnation == .max, origin.carrier == member.name else { return false }
    return member.state != .alive || member.versions != claim.versions || !alive.metaBytes.equals(member.meta)
  }

  /// The member answered our probe. For a member that cannot refute, that ends the suspicion.
  mutating func probeAnswered(by index: NodeIndex, at now: Instant) {
    guard table.contains(index), table[index].state == .suspect, isBeyondRefutation(index) else { return }
    revive(index, as: table[index].member, at: now)
  }

  /// The member is said to be alive at an incarnation that is not new. If it answers when it is asked, it is alive.
  mutating func askWhetherAlive(_ index: NodeIndex, _ claimed: GossipMember, at now: Instant) {
    if table[index].state == .suspect { return hastenProbe(of: index, at: now) }
    let pause = max(configuration.probe.interval, .seconds(1))
    if let last = table[index].accusationRequeuedAt, now - last < pause { return }
    table[index].accusationRequeuedAt = now
    pingWhetherAlive(index, claimed, at: now)
  }

  /// A member that was dead or had left answered.
  mutating func returned(_ index: NodeIndex, as claimed: GossipMember, at now: Instant) {
    guard table.contains(index), isBeyondRefutation(index), table[index].member.address.isSameEndpoint(as: claimed.address) else { return }
    revive(index, as: claimed, at: now)
  }

  private mutating func revive(_ index: NodeIndex, as member: GossipMember, at now: Instant) {
    becomeAlive(index, .max, AliveClaim(address: member.address, versions: member.versions), member.meta.span.bytes, at: now)
  }
}
