package import Memberlist
package import SerfPrimitives

/// What the core wants the driver to do, in this order.
package enum NodeOutput: Sendable {
  // MARK: To the transport. Bytes of a slot are read with `NodeCore.bytes(_:)`.

  /// Send a packet. With an `id`, report its failure (`packetNotSent`). `checksummed`: put a CRC in front.
  case send(PacketSlot, to: Destination, path: SendPath, id: PacketID?, checksummed: Bool)
  /// Open a reliable exchange, send the request, and report its end before or at the deadline (`exchangeCompleted`, `exchangeFailed`).
  case open(ExchangeID, to: Destination, path: SendPath, deadline: Instant, ExchangeContent)
  /// Answer an exchange that was accepted, and end it.
  case respond(ExchangeID, ExchangeContent)
  /// End an accepted exchange that has no answer.
  case finish(ExchangeID)
  /// End an accepted exchange whose request was not usable.
  case refuse(ExchangeID, RefusalReason)
  /// Close the connection that this peer is on.
  case close(Peer, CloseReason)
  /// The gossip layer has forgotten the member: drop what you keep for it.
  case forget(NodeName)

  // MARK: To the user

  /// Tell the subscribers.
  case event(Event)
  /// An address of a join has answered or failed; the reply to the verb follows after all of them.
  case joinAnswered(RequestID, JoinAnswer)
  /// A verb has ended.
  case reply(RequestID, NodeReply)
  /// A member answered a probe after this time, which includes no dial.
  case roundTrip(Duration)
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
