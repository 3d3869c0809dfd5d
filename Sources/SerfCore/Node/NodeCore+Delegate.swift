import Memberlist
package import SerfPrimitives

/// What the program is told or asked beside its events (`serf.md` section 18). The two filters are functions that the gossip layer calls; everything
/// else is an output, so that a slow program holds nothing up.
extension NodeCore {
  /// The gossip layer's filters, on the members that the program knows. This node is not asked about itself: a node that refuses itself could not
  /// refute.
  static func filtering(_ configuration: SerfCoreConfiguration, own: NodeName) -> MembershipConfiguration {
    var membership = configuration.membership
    if let filter = configuration.mergeFilter {
      membership.mergeFilter = { members in filter(members.map { Self.member($0) }) }
    }
    if let filter = configuration.aliveFilter {
      membership.aliveFilter = { member in member.name == own || filter(Self.member(member)) }
    }
    return membership
  }

  // MARK: Conflicts

  /// Each pair of addresses is told once in ten seconds: every packet about the other node brings it up again.
  mutating func tellConflict(existing: GossipMember, claimant: GossipMember) {
    guard configuration.hasDelegate else { return }
    let conflict = ToldConflict(name: existing.name, existing: existing.address, claimant: claimant.address)
    if let told = conflictsTold[conflict], now - told < Self.conflictPause { return }
    if conflictsTold.count >= Self.conflictLimit { conflictsTold.removeAll() }
    conflictsTold[conflict] = now
    let known = table[existing.name]?.member ?? Self.member(existing)
    outbox.push(.delegate(.nameConflict(existing: known, claimant: Self.member(claimant))))
  }

  private static var conflictPause: Duration { .seconds(10) }
  private static var conflictLimit: Int { 256 }

  // MARK: How long a member is remembered

  /// A member has failed or left: the program may say how long it is remembered. Until it has, or has had its time, the member stays.
  mutating func askReconnectTimeout(_ kind: MemberEvent.Kind, _ member: SerfMember) {
    guard configuration.hasDelegate, kind == .failed || kind == .leave else { return }
    table.askTimeout(member.name, at: now)
    outbox.push(.delegate(.reconnectTimeout(member, standard: configuration.reaping.timeout(of: member.status))))
  }

  /// The program's answer; nil when it gives none, and then the setting counts.
  package mutating func reconnectTimeoutAnswered(_ name: NodeName, _ timeout: Duration?) {
    table.setTimeout(name, timeout.map { min(max($0, .zero), SettingBounds.longestTime) })
  }

  /// Whether a member has been gone for long enough to be forgotten.
  static func isForgettable(_ row: MemberTable.Row, _ reaping: SerfSettings.Reaping, at now: Instant) -> Bool {
    guard let goneAt = row.goneAt else { return false }
    let standard = reaping.timeout(of: row.member.status)
    switch row.timeout {
    case .standard: return now - goneAt > standard
    case .own(let timeout): return now - goneAt > timeout
    case .asked(let since): return now - goneAt > standard && now - since > answerTime
    }
  }

  /// A delegate that never answers keeps no member.
  private static var answerTime: Duration { .seconds(10) }
}

extension SerfSettings.Reaping {
  fileprivate func timeout(of status: MemberStatus) -> Duration { status == .failed ? failedTimeout : leftTimeout }
}

/// A conflict of names that the delegate was told.
struct ToldConflict: Hashable, Sendable {
  let name: NodeName
  let existing, claimant: NodeAddress
}

/// What the program's delegate is told or asked.
package enum DelegateCall: Hashable, Sendable {
  /// Two nodes claim one name.
  case nameConflict(existing: SerfMember, claimant: SerfMember)
  /// A member answered a probe after this time, which includes no dial.
  case pinged(NodeName, roundTrip: Duration)
  /// For how long is this member, which has failed or left, remembered? ``NodeCore/reconnectTimeoutAnswered(_:_:)`` takes the answer.
  case reconnectTimeout(SerfMember, standard: Duration)
  /// A member's program sent its state with a push/pull. `isJoin`: one of the two joins the other.
  case userState([UInt8], from: NodeName, isJoin: Bool)
  /// A member's program sent a message.
  case message([UInt8], from: NodeName)

  /// How many bytes wait with it.
  package var byteCount: Int {
    switch self {
    case .userState(let bytes, _, _), .message(let bytes, _): bytes.count
    case .nameConflict, .pinged, .reconnectTimeout: 0
    }
  }
}
