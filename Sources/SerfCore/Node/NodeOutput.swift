package import Memberlist
package import SerfPrimitives

/// What the core wants done, in the order in which it is to be done.
package enum NodeOutput: Sendable {
  // MARK: To the transport. Bytes of a slot are read with `NodeCore.bytes(_:)`.

  /// Send a packet. With an `id`, report its failure (`packetNotSent`). `checksummed`: prefix a CRC.
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
  /// The gossip layer has forgotten the member: drop what is kept for it.
  case forget(NodeName)

  // MARK: To the user

  /// Tell the subscribers.
  case event(Event)
  /// An address of a join has answered, or will not; the reply to the verb follows when all have.
  case joinAnswered(RequestID, JoinAnswer)
  /// A verb has run its course.
  case reply(RequestID, NodeReply)
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
  /// A join: what became of each address. It succeeded if one of them has no failure.
  case joined([JoinResult])
  /// A leave, force-leave or change of tags is done. `isSpread` is false when the time ran out before enough members had the news; it still
  /// travels on, so this is worth a warning and no more.
  case done(isSpread: Bool)
  /// The node was shut down first.
  case shutDown
}

/// Where this node is in its own life.
public enum NodeStatus: UInt8, Hashable, Sendable, CaseIterable {
  /// Running.
  case alive
  /// Telling the others that it goes.
  case leaving
  /// Gone from the cluster, on purpose; it can only be shut down.
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
