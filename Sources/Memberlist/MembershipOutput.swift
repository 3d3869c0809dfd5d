package import SerfPrimitives
package import SerfWire

/// What the core wants the caller to do, in this order.
package enum MembershipOutput: Sendable {
  /// For the transport.
  case transport(TransportOrder)

  // MARK: To the layer above

  /// A message of the layer above. `exchange` is set if it came over a stream; end it with ``Membership/endUserExchange(_:answer:)``.
  case userMessage(PacketSlot, exchange: ExchangeID?, from: Peer)
  /// The layer above's state, received in a push/pull. `isReply`: this node opened the exchange. `join` is set if it did so to join.
  case userState(PacketSlot, isJoin: Bool, isReply: Bool, join: JoinID?, from: Peer)
  /// A member is new, or back from dead or left. The first is this node itself.
  case joined(GossipMember)
  /// A live member's address, meta or versions changed.
  case updated(GossipMember)
  /// A member died or left; its state tells which.
  case left(GossipMember)
  /// Two nodes claim one name; the existing one is kept.
  case conflict(existing: GossipMember, claimant: GossipMember)
  /// A peer closed our connection because another node holds our name.
  case nameRefused(by: Peer)
  /// The broadcast was sent out often enough, replaced or dropped.
  case broadcastFinished(BroadcastID)
  /// An address of a join has answered or failed.
  case joinAnswered(JoinID, JoinAnswer)
  /// All targets of a join have ended; one result for each, in the order in which they were given.
  case joinFinished(JoinID, [JoinResult])
  /// The leave was spread, or its time ran out. The node still answers; close it when you like.
  case leaveFinished(isComplete: Bool)
  /// An ack came in time to measure: what the layer above learns from (Serf: coordinates). `roundTrip` is nil when it may include a dial.
  case ackReceived(NodeName, roundTrip: Duration?, payload: PacketSlot)
  /// A ping that the user asked for has ended.
  case pingFinished(PingID, PingResult)
  /// A user message that was sent reliably has ended; with the peer's answer if it gave one.
  case userMessageFinished(ExchangeID, answer: PacketSlot?, failure: ContactFailure?)
  /// Something worth a log line.
  case diagnostic(MembershipDiagnostic)
}

/// Names one join.
package struct JoinID: Hashable, Sendable {
  package let value: UInt64

  package init(_ value: UInt64) { self.value = value }
}

/// Whom to join: an address, with the member's name if it is known.
package struct JoinTarget: Hashable, Sendable {
  package var name: NodeName?
  package var address: NodeAddress
  /// Further addresses of the same host. One of them all is enough. They are asked when those before them have failed or do not answer at once.
  package var alternatives: [NodeAddress]

  package init(_ address: NodeAddress, name: NodeName? = nil, alternatives: [NodeAddress] = []) {
    self.name = name
    self.address = address
    self.alternatives = alternatives
  }
}

/// The outcome of one address of a join.
package struct JoinAnswer: Hashable, Sendable {
  /// The targets that it belongs to, as positions in the join's list: several where the list names one target more than once.
  package var targets: [Int]
  package var address: NodeAddress
  /// Nil when states were exchanged.
  package var failure: JoinFailure?
}

/// The outcome of one target of a join.
package struct JoinResult: Hashable, Sendable {
  package var target: JoinTarget
  /// Nil when states were exchanged; else why the last address failed.
  package var failure: JoinFailure?
}

/// Why a target of a join was not joined.
package enum JoinFailure: Hashable, Sendable {
  case contact(ContactFailure)
  /// It answered with an error of its own (the text, unchecked, cut to 256 bytes).
  case remote([UInt8])
  /// Its answer could not be read.
  case malformed(WireError)
  /// Its answer lists no live member with the name that its connection proves, or the name is our own.
  case unproven
  /// A member says that another process has our name, and answers at the address that the cluster knows.
  case nameInUse
  case versionMismatch
  case filtered
  /// It advertises this address, at which no node can be reached. What it said about other members was merged.
  case unusableAddress(NodeAddress)
  /// We are leaving.
  case leaving
  /// Too many joins run already.
  case tooMany
}

/// Names one ping that the user asked for.
package struct PingID: Hashable, Sendable {
  package let value: UInt64

  package init(_ value: UInt64) { self.value = value }
}

/// The outcome of a ping that the user asked for.
package enum PingResult: Hashable, Sendable {
  case answered(roundTrip: Duration)
  /// No ack within the probe timeout.
  case timedOut
  /// There is no live member of that name.
  case unknownMember
  case notSent(ContactFailure)
}

/// Something worth a log line.
package enum MembershipDiagnostic: Sendable {
  /// Bytes that could not be read; the whole packet when there is no type.
  case malformed(MessageType?, WireError, from: Peer)
  /// A message spoke for a name that its connection does not prove.
  case claimedOtherName(NodeName, from: Peer)
  /// A claim about a member was dropped.
  case claimDropped(NodeName, ClaimProblem, deliveredBy: NodeName?)
  /// A member is suspected.
  case suspected(NodeName, by: NodeName, deliveredBy: NodeName?)
  /// `left` or `dead` about a member that we still hear from: it is treated as suspect, and probed at once.
  case doubtfulDeath(NodeName, by: NodeName, deliveredBy: NodeName?)
  /// We were accused, and refuted with this incarnation.
  case refuted(incarnation: UInt32, deliveredBy: NodeName?)
  /// A probe failed; the member is now suspected by us.
  case probeFailed(NodeName)
  /// A probe ended without a verdict because our own sending failed.
  case probeNotSent(NodeName, ContactFailure)
  /// Packets to the member are lost, but a reliable ping came through.
  case onlyReliablyReachable(NodeName)
  /// A ping for another node's name: two nodes use one address, or a member table is out of date.
  case pingForOther(NodeName, from: Peer)
  /// A ping was not answered, or an indirect ping was not passed on: it names an address to which nothing may be sent.
  case addressRefused(NodeAddress, from: Peer)
  /// A whole push/pull was refused.
  case mergeRefused(RefusalReason, from: Peer)
  /// A table or queue is full, and something was dropped.
  case limitReached(MembershipLimit)
}

/// Why a claim about a member was dropped.
package enum ClaimProblem: UInt8, Sendable, Hashable {
  /// No six valid version bytes, or versions that do not fit the cluster's.
  case versions
  /// No name, or one above the limit.
  case name
  /// No address of 4 or 16 bytes.
  case address
  /// Meta above the limit.
  case meta
  /// An accusation at an incarnation near the last one: it is only a reason to probe.
  case incarnation
  /// A state that does not exist.
  case state
  /// Another address than the one that is proven, without proof so far.
  case unprovenAddress
  /// An address outside the allowed networks.
  case network
  /// A new name, said by a peer that is not a member: it may introduce no node but itself.
  case introducer
  /// An address that cannot belong to a single node: unspecified, multicast or broadcast.
  case unusableAddress
}

/// A limit of the configuration that was reached.
package enum MembershipLimit: UInt8, Sendable, Hashable {
  case members
  case unprovenMembers
  case newNamesPerPeer
  case queuedBroadcasts
  case relays
  case joins
  case urgentProbes
  case pushPullsOutOfTurn
}
