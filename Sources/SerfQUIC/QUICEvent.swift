package import SerfIdentity
package import SerfPrimitives

/// Which side of a connection we are.
package enum QUICRole: Hashable, Sendable { case client, server }

/// Which member has to answer a dial.
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

/// What happened, in the order in which it happened. Read bytes with ``QUICEndpoint/withBytes(of:_:)`` before the next input.
package enum QUICEvent: Sendable {
  /// We have verified the peer's certificate, and its name is right; the connection may be used. On the client this is *completed*: the server may
  /// still refuse us.
  case established(ConnectionID, QUICRole, name: NodeName, address: NodeAddress)
  /// The other side has accepted us as well. Only now does it count as contacted (`secure-transport.md` 1.8).
  case confirmed(ConnectionID)
  /// The peer's hello.
  case hello(ConnectionID, ByteSlot)
  /// A packet, from a datagram or from its own stream.
  case packet(ConnectionID, ByteSlot)
  /// The peer sends more than it may, and the excess is dropped. Reported once a second.
  case exceeded(ConnectionID)
  /// A packet with an ID was not sent in time, or not at all. The fault is ours, never the peer's.
  case packetNotSent(PacketID)
  /// The peer opened a bidirectional stream.
  case streamOpened(QUICStreamID)
  /// Bytes of a stream; `end` with its last ones. The peer gets credit again when ``QUICEndpoint/consumed(_:_:at:)`` says so.
  case streamData(QUICStreamID, ByteSlot, end: Bool)
  /// The peer gave up sending; what it sent before may be missing.
  case streamReset(QUICStreamID, code: UInt64)
  /// The peer refuses the rest of what we send. This is found when there was more to send, or when the stream closes before the peer has everything.
  case streamStopped(QUICStreamID)
  /// The peer has this many more of the bytes that we wrote, and they are released.
  case streamSent(QUICStreamID, Int)
  /// A stream that had more than ``QUICConfiguration/streamSendBuffer`` queued has room again.
  case streamWritable(QUICStreamID)
  /// All bytes were sent and acknowledged, or given up, in both directions.
  case streamClosed(QUICStreamID)
  /// The peer allows more streams, after one could not be opened.
  case streamsAllowed(ConnectionID)
  /// The peer's address changed and the new one was validated.
  case moved(ConnectionID, to: NodeAddress)
  /// A dialled or established connection has ended. All that was queued on it is lost.
  case closed(ConnectionID, QUICEnd)
  /// A client was turned away before its name was proven.
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
  /// Another member than the expected one answers at the address; this is the name that it proves.
  case wrongName(NodeName)
  /// Another process proves our own name at the address.
  case ownName
  /// We dialled our own address: our first packet arrived here.
  case ourselves
  /// The peer is too busy, or accepts no connections.
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

  /// What it means for a caller that wanted to reach the peer.
  package var contactFailure: ContactFailure {
    switch self {
    case .peerNotAuthorised: .peerCertificateRefused
    case .refusedOurCertificate, .closedByPeer(.notAuthorised): .ownCertificateRefused
    case .wrongName, .closed(.wrongName): .identityMismatch
    case .ownName: .ownName
    case .noCommonVersion, .errorAtPeer: .refused
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
      "the peer refused our certificate: \(VerificationFailure.meaning(ofTLSAlert: alert) ?? QUICEndpoint.alertName(alert))"
    case .wrongName(let name): "the address proves another name: \(name)"
    case .ownName: "the address proves our own name. Give each node a name and a certificate of its own"
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
