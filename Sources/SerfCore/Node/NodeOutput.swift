package import Memberlist
package import SerfPrimitives

/// What the core wants the driver to do, in this order.
package enum NodeOutput: Sendable {
  /// For the transport. Bytes of a slot are read with ``NodeCore/bytes(_:)``.
  case transport(TransportOrder)

  /// For the snapshot file. Tell the core how it ended with ``NodeCore/snapshotWritten(_:at:)``.
  case snapshot(SnapshotOrder)

  /// Look up the seeds that the node keeps dialling, and tell the core with ``NodeCore/seedsFound(_:at:)``, also if none was found: until then there is no further
  /// order.
  case seedsWanted

  // MARK: To the user

  /// Tell the subscribers. Where events are coalesced, this comes later than what it tells.
  case event(SerfEvent)
  /// Something happened to a member, now: for the log, and for what else must not wait for ``event(_:)``.
  case memberChanged(MemberEvent.Kind, SerfMember)
  /// An address of a join has answered or failed; the reply to the verb follows after all of them.
  case joinAnswered(RequestID, JoinAnswer)
  /// A verb has ended.
  case reply(RequestID, NodeReply)
  /// A member says that one of our queries has arrived.
  case queryAcknowledged(SerfQuery.ID, by: NodeName)
  /// A member answered one of our queries.
  case queryAnswered(SerfQuery.ID, QueryAnswer)
  /// One of our queries has ended: no ack and no answer follows.
  case queryEnded(SerfQuery.ID, QuerySummary)
  /// A member asks to do this with the keyring; ``NodeCore/keyOperationEnded(_:_:at:)`` takes the answer.
  case keyOperation(SerfQuery.ID, KeyOperation, from: NodeName)
  /// The members voted for another node with our name, so this node has shut itself down.
  case nameLost(rival: NodeAddress, NameTally)
  /// A member answered a probe after this time, which includes no dial.
  case roundTrip(Duration)
  /// For the program's delegate, which is called later.
  case delegate(DelegateCall)
  /// Worth a log line.
  case diagnostic(NodeDiagnostic)
}

/// Names one call of a verb until its reply; chosen by the driver.
package struct RequestID: Hashable, Sendable {
  package let value: UInt64

  package init(_ value: UInt64) { self.value = value }
}

/// How a verb ended.
package enum NodeReply: Hashable, Sendable {
  /// A join: the result of each address. It succeeded if one of them has no failure.
  case joined([JoinResult])
  /// A leave, force-leave or change of tags is done. `isSpread` is false when the time ran out before enough members had the news; it still spreads,
  /// so this is worth only a warning.
  case done(isSpread: Bool)
  /// A message to another node was taken there; or not, for this reason.
  case messageEnded(NodeMessageFailure?)
  /// The node was shut down first.
  case shutDown
}

/// The stage of this node's own life.
@nonexhaustive
public enum NodeStatus: UInt8, Hashable, Sendable, CaseIterable {
  /// Running.
  case alive
  /// Telling other members that it leaves.
  case leaving
  /// Has left the cluster on purpose; it can only be shut down.
  case left
  /// Stopped.
  case shutDown
}

extension NodeStatus: CustomStringConvertible {
  public var description: String {
    switch self {
    case .alive: "alive"
    case .leaving: "leaving"
    case .left: "left"
    case .shutDown: "shutdown"
    }
  }
}
