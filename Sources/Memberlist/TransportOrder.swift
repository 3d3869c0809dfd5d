package import SerfPrimitives
package import SerfWire

/// What the core wants from the transport, in this order. Bytes of a slot are read with the core's `bytes(_:)`.
package enum TransportOrder: Sendable {
  /// Send a packet. `id` is set for all but gossip where names are proven, and for probes everywhere: the core hears if it could not be sent
  /// (`packetNotSent`). `checksummed`: put a CRC in front, which the peer reads (never set where names are proven).
  case send(PacketSlot, to: Destination, path: SendPath, id: PacketID?, checksummed: Bool)
  /// Open a reliable exchange, send the request and report its end before or at the deadline: `exchangeCompleted` with the reply, which is
  /// empty for a request that has none, or `exchangeFailed`.
  case open(ExchangeID, to: Destination, path: SendPath, deadline: Instant, ExchangeContent)
  /// Answer an exchange that was accepted, and end it.
  case respond(ExchangeID, ExchangeContent)
  /// End an accepted exchange that has no answer.
  case finish(ExchangeID)
  /// End an accepted exchange: the request was not usable.
  case refuse(ExchangeID, RefusalReason)
  /// Close the connection that this peer is on.
  case close(Peer, CloseReason)
  /// A member died or left: its connections have no further use.
  case departed(NodeName)
  /// The member is forgotten: drop what you keep for it.
  case forget(NodeName)
}

/// What an exchange carries.
package enum ExchangeContent: Sendable, Hashable {
  /// These bytes.
  case bytes(PacketSlot)
  /// The whole state, which is encoded when the caller handles the order, so that the layer above can add its own state: see `encodePushPull`.
  ///
  /// `with` is the member whose name the connection proves, or must prove; nil where it is not known.
  case pushPull(isJoin: Bool, with: NodeName?)
}

/// Why an accepted exchange is ended without an answer.
package enum RefusalReason: Sendable, Hashable {
  case malformed(WireError)
  /// Not a message that starts an exchange.
  case unexpectedType
  /// A ping that asks for another name.
  case wrongNode
  /// The peer spoke for a name that is not the one its connection proves.
  case claimedOtherName
  /// The peer's own protocol versions do not fit ours, or no member in its state has versions that do.
  case versionMismatch
  /// The merge filter refuses the peer's members.
  case filtered
  /// A count or length above its limit.
  case tooLarge
}
