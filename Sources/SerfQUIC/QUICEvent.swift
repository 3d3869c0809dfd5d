package import SerfIdentity
package import SerfPrimitives

/// Which side of a connection we are.
package enum QUICRole: Hashable, Sendable { case client, server }

/// Who has to answer a dial.
package enum DialExpectation: Hashable, Sendable {
  /// Exactly this member.
  case name(NodeName)
  /// Any member of the cluster but ourselves: a plain join address.
  case anyMember
}

/// One stream of one connection.
package struct QUICStreamID: Hashable, Sendable {
  package let connection: ConnectionID
  package let number: Int64

  package init(connection: ConnectionID, number: Int64) {
    self.connection = connection
    self.number = number
  }
}

/// What happened, in the order in which it happened. Bytes stand in the endpoint (``QUICEndpoint/withBytes(of:_:)``) until the next input.
package enum QUICEvent: Sendable {
  /// Both certificates are verified and the name is right; the connection may be used. On the client this is *completed*: the server may still refuse us.
  case established(ConnectionID, QUICRole, name: NodeName, address: NodeAddress)
  /// The other side has accepted us as well. Only now is it contacted (`secure-transport.md` 1.8).
  case confirmed(ConnectionID)
  /// The peer's hello.
  case hello(ConnectionID, ByteSlot)
  /// A packet, from a datagram or a stream of its own.
  case packet(ConnectionID, ByteSlot)
  /// The peer sends more than it may: what is beyond is dropped. Said once a second.
  case exceeded(ConnectionID)
  /// A packet with an identity was not sent in time, or not at all. Our fault, never the peer's.
  case packetNotSent(PacketID)
  /// The peer opened a bidirectional stream.
  case streamOpened(QUICStreamID)
  /// Bytes of a stream; `end` with its last. Credit goes back to the peer when ``QUICEndpoint/consumed(_:_:at:)`` says so.
  case streamData(QUICStreamID, ByteSlot, end: Bool)
  /// The peer gave up sending; what it sent before may be missing.
  case streamReset(QUICStreamID, code: UInt64)
  /// The peer wants no more of what we send. Found when there was more to send, or when the stream closes without that the peer has it all.
  case streamStopped(QUICStreamID)
  /// The peer has so many bytes more of what we wrote, and they are let go of.
  case streamSent(QUICStreamID, Int)
  /// A stream that had more than ``QUICConfiguration/streamSendBuffer`` queued has room again.
  case streamWritable(QUICStreamID)
  /// Everything was sent and acknowledged, or given up, both ways.
  case streamClosed(QUICStreamID)
  /// The peer allows more streams, after one could not be opened.
  case streamsAllowed(ConnectionID)
  /// The peer's address changed and the new one was validated.
  case moved(ConnectionID, to: NodeAddress)
  /// A dialled or established connection is over. All that was queued on it is gone.
  case closed(ConnectionID, QUICEnd)
  /// A client was turned away before it was anybody.
  case turnedAway(NodeAddress, QUICEnd)
}

/// How a connection ended.
package enum QUICEnd: Hashable, Sendable {
  case closed(CloseReason)
  case closedByPeer(CloseReason)
  /// We do not accept the peer's certificate.
  case peerNotAuthorised(VerificationFailure)
  /// The peer does not accept ours; the TLS alert says why.
  case refusedOurCertificate(alert: UInt8)
  /// Somebody else than expected answers at the address; the name that it proves.
  case wrongName(NodeName)
  /// We dialled an address of our own: our first packet came to us.
  case ourselves
  /// The peer is too busy, or not taking connections.
  case refusedByPeer
  /// The peer has forgotten the connection: it restarted.
  case reset
  case idle
  case handshakeTimeout
  case noCommonVersion
  /// An error found by us: RFC 9000 section 20.1, or 0x100 + a TLS alert.
  case error(UInt64)
  /// An error found by the peer.
  case errorAtPeer(UInt64)

  /// What it means for somebody who wanted to reach the peer.
  package var contactFailure: ContactFailure {
    switch self {
    case .peerNotAuthorised, .wrongName, .closed(.wrongName): .identityMismatch
    case .refusedOurCertificate, .noCommonVersion, .errorAtPeer, .closedByPeer(.notAuthorised): .refused
    case .refusedByPeer, .closedByPeer(.overloaded): .overloaded
    case .handshakeTimeout: .noContact
    case .ourselves: .ourselves
    case .closed, .closedByPeer, .reset, .idle, .error: .broken
    }
  }
}

extension QUICEnd: CustomStringConvertible {
  /// A clause for logs.
  package var description: String {
    switch self {
    case .closed(let reason): "closed here: \(reason)"
    case .closedByPeer(let reason): "closed by the peer: \(reason)"
    case .peerNotAuthorised(let failure): "refused the peer's certificate: \(failure)"
    case .refusedOurCertificate(let alert):
      "peer refused our certificate: \(VerificationFailure.meaning(ofTLSAlert: alert) ?? QUICEndpoint.alertName(alert))"
    case .wrongName(let name): "the address proves another name: \(name)"
    case .ourselves: "the address is our own"
    case .refusedByPeer: "the peer takes no connections now"
    case .reset: "the peer has forgotten the connection"
    case .idle: "idle for too long"
    case .handshakeTimeout: "no answer to the handshake"
    case .noCommonVersion: "the peer does not speak QUIC version 1"
    case .error(let code): "protocol error: \(Self.errorName(code))"
    case .errorAtPeer(let code): "the peer reports a protocol error: \(Self.errorName(code))"
    }
  }

  private static func errorName(_ code: UInt64) -> String {
    if (0x100..<0x200).contains(code) { return "TLS alert \(QUICEndpoint.alertName(UInt8(code - 0x100)))" }
    return "0x" + String(code, radix: 16)
  }
}
