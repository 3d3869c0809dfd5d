package import SerfPrimitives

/// What a ``QUICPeers`` reports. Read its bytes with ``QUICPeers/withBytes(of:_:)`` before the next input.
package enum PeerEvent: Sendable {
  case packet(ByteSlot, from: Peer)
  /// A packet with an ID was not sent: by our own fault (`notSent`), or because the peer could not be reached.
  case packetNotSent(PacketID, ContactFailure)
  /// A packet with an ID was sent after it had to wait for a dial: the time until its answer is no round-trip time.
  case packetDelayed(PacketID)
  /// A peer sends more than it may, and the excess is dropped. Reported once a second.
  case exceeded(Peer)
  /// Our stream reached its peer.
  case streamOpened(StreamID, Peer)
  case streamAccepted(StreamID, from: Peer)
  case streamData(StreamID, ByteSlot)
  /// The peer has this many more of the written bytes.
  case streamSent(StreamID, Int)
  /// The peer ended its half.
  case streamEnded(StreamID)
  /// The stream has failed: it was never opened, was reset, or was lost with its connection.
  case streamFailed(StreamID, ContactFailure)
  /// The peer's hello; pass the address in it to ``QUICPeers/advertised(_:by:)``.
  case hello(ByteSlot, from: Peer)
  /// The peer has accepted us as well: only now does it count as contacted (`secure-transport.md` 1.8).
  case confirmed(Peer, QUICRole)
  /// A connection to this name became usable, or the last one has ended.
  case warmthChanged(NodeName, isWarm: Bool)
  /// A connection that was usable has ended. It may start a probe, but never a state change.
  case closed(Peer, QUICEnd)
  /// A dial failed.
  case dialFailed(NodeAddress, DialExpectation, QUICEnd)
  /// A client was turned away.
  case turnedAway(NodeAddress, QUICEnd)
}
