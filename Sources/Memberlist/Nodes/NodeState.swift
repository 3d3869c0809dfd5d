package import SerfPrimitives
package import SerfWire

/// What we believe of a member's life. The raw values are those of push/pull.
package enum MemberState: UInt8, Sendable, Hashable {
  /// It answers, or no member has a reason to doubt it.
  case alive = 0
  /// A member got no answer from it. It has until the suspicion's deadline to refute.
  case suspect = 1
  /// It did not refute in time.
  case dead = 2
  /// It said goodbye.
  case left = 3

  /// Alive or suspect: a member of the group.
  package var isLive: Bool { self == .alive || self == .suspect }
}

extension MemberState: CustomStringConvertible {
  package var description: String {
    switch self {
    case .alive: "alive"
    case .suspect: "suspect"
    case .dead: "dead"
    case .left: "left"
    }
  }
}

extension ProtocolVersions {
  /// What this implementation states of itself under Serf: `01 05 02 02 05 05` (`memberlist.md` section 4.12).
  package static let current = ProtocolVersions(
    protocolMinimum: 1, protocolMaximum: 5, protocolCurrent: 2, delegateMinimum: 2, delegateMaximum: 5, delegateCurrent: 5)
}

/// One row of the ``NodeTable``: what is known of a node, and what we are doing about it.
package struct NodeState: Sendable {
  package var member: GossipMember
  /// When ``GossipMember/state`` last changed.
  package var changedAt: Instant
  /// The running suspicion; it exists exactly while the state is suspect.
  package var suspicion: Suspicion?
  /// The earliest timer entry that will look at ``suspicion``; see `Membership.armSuspicion`.
  var suspicionTimer: Instant?
  /// The queued broadcast about this node, if it is still queued.
  var broadcast: BroadcastHandle?
  /// Its place in the ``Ring``.
  let ringPlace: UInt64

  // What proven connections tell us; see `secure-transport.md`. Unused where names are not proven.

  /// When the node's own connection last delivered something.
  var heardAt: Instant?
  /// Where that came from: a connection that proves the node's name proves this address as well.
  var heardFrom: NodeAddress?
  /// Whether the node itself has ever been at the other end of a connection.
  var isProven = false
  /// Whether it reads what is in ``BroadcastTier/large``.
  var readsLargeMessages = false
  /// Its place in the table's list of warm members.
  package internal(set) var warmPosition: Int?
  /// Whether a dial to it is in progress as its probe, and whether the last such dial failed.
  var isProbedByDial = false
  var hasDialFailed = false
  /// When we last dialled an address that another member claimed for it.
  var addressDialledAt: Instant?
  /// The newest claim to another address that could not be checked yet.
  var waitingClaim: Membership.AddressClaim?
  /// Whether a timer will check that claim.
  var isAddressPauseArmed = false
  /// Whether a claim to another address is being checked.
  var isAddressInQuestion = false
  /// When it was last told about a wrong address that a peer has for it.
  var correctedAt: Instant?
  /// Names first heard of through this node: how many, and since when.
  var namesIntroduced = 0
  var namesIntroducedSince: Instant?

  /// When it was last probed out of turn.
  var urgentProbeAt: Instant?
  /// When an accusation was last queued again because of a stale alive.
  var accusationRequeuedAt: Instant?

  var state: MemberState {
    get { member.state }
    set { member.state = newValue }
  }

  package init(member: GossipMember, changedAt: Instant) {
    self.member = member
    self.changedAt = changedAt
    ringPlace = Ring.place(of: member.name)
  }
}
