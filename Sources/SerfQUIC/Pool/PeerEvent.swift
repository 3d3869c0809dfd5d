package import SerfPrimitives

/// What a ``QUICPeers`` has to say. Bytes stand in ``QUICPeers/withBytes(of:_:)`` until the next input.
package enum PeerEvent: Sendable {
  case packet(ByteSlot, from: Peer)
  /// A packet with an identity did not leave: by our own fault (`notSent`), or because there was no way to the peer.
  case packetNotSent(PacketID, ContactFailure)
  /// A packet with an identity had to wait for a dial before it left: the time until its answer is no round-trip time.
  case packetDelayed(PacketID)
  /// A peer sends more than it may: what is beyond is dropped. Said once a second.
  case exceeded(Peer)
  /// Our stream reached its peer.
  case streamOpened(UInt64, Peer)
  case streamAccepted(UInt64, from: Peer)
  case streamData(UInt64, ByteSlot)
  /// The peer has so many bytes more of what was written.
  case streamSent(UInt64, Int)
  /// The peer ended its half.
  case streamEnded(UInt64)
  /// The stream is gone: never opened, reset, or lost with its connection.
  case streamFailed(UInt64, ContactFailure)
  /// The peer's hello; tell ``QUICPeers/advertised(_:by:)`` what address stands in it.
  case hello(ByteSlot, from: Peer)
  /// The peer has accepted us as well: only now it is contacted (`secure-transport.md` 1.8).
  case confirmed(Peer, QUICRole)
  /// A connection to this name became usable, or the last one is gone.
  case warmthChanged(NodeName, isWarm: Bool)
  /// A connection that was usable is over. It may start a probe, never a state change.
  case closed(Peer, QUICEnd)
  /// A dial came to nothing.
  case dialFailed(NodeAddress, DialExpectation, QUICEnd)
  /// A client was turned away.
  case turnedAway(NodeAddress, QUICEnd)
}
