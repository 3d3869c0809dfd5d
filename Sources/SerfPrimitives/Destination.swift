/// Where a packet or exchange goes, and which name must answer there. A layer must know every case, so a new one breaks it on purpose.
public enum Destination: Hashable, Sendable {
  /// Back to the peer whose message is answered; where the transport has connections, on that very connection.
  case reply(Peer)
  /// A member, at the address that the member table holds. A transport that proves names accepts an answer from this name only.
  case member(NodeName, NodeAddress)
  /// An address whose owner is not known yet: a plain join address. Any member of the cluster but ourselves may answer.
  case anyMember(NodeAddress)

  /// The socket address to send to or to dial.
  public var address: NodeAddress {
    switch self {
    case .reply(let peer): peer.address
    case .member(_, let address), .anyMember(let address): address
    }
  }

  /// The name that what answers there must prove, on a transport that proves names; nil if any member may answer.
  public var expectedName: NodeName? {
    switch self {
    case .reply(let peer): peer.provenName
    case .member(let name, _): name
    case .anyMember: nil
    }
  }
}

/// Which of several ways to one peer a message takes, on a transport that keeps connections. A layer must know every case, so a new one breaks it on
/// purpose.
public enum SendPath: Hashable, Sendable {
  /// The connection that most recently received something from the peer, else a new one.
  case warm
  /// A connection dialled after this instant: a warm connection is evidence of nothing (`secure-transport.md` 2.1).
  case fresh(since: Instant)
}

/// Names one reliable exchange, at most one request and one reply, for as long as the node lives.
package struct ExchangeID: Hashable, Comparable, Sendable {
  /// A running number. Exchanges that we open and exchanges that we accept never have the same number.
  package let value: UInt64

  /// The exchange with this running number.
  @inlinable package init(_ value: UInt64) { self.value = value }

  @inlinable package static func < (left: ExchangeID, right: ExchangeID) -> Bool { left.value < right.value }
}

/// Names one stream of a layer; a number is never used again. The opener chooses the number: even for streams that we open, odd for those that we
/// accept.
public struct StreamID: Hashable, Sendable {
  /// The number.
  public let value: UInt64

  /// The stream with this number.
  @inlinable public init(_ value: UInt64) { self.value = value }

  /// The next stream of the same opener.
  package var next: StreamID { StreamID(value + 2) }
}

/// Names one packet about which the core is told if it could not be sent.
public struct PacketID: Hashable, Sendable {
  /// A running number.
  public let value: UInt64

  /// The packet with this running number.
  @inlinable public init(_ value: UInt64) { self.value = value }
}

/// Why a peer was not reached, or why a message was not delivered.
@nonexhaustive
public enum ContactFailure: Hashable, Sendable {
  /// Nothing answered at the address.
  case noContact
  /// The other side answered, and declined.
  case refused
  /// It answered that it is too busy, or takes no connections, now.
  case overloaded
  /// Another node answers at the address.
  case identityMismatch
  /// What answers at the address proves our own name, and is not this node.
  case ownName
  /// We do not accept the certificate of what answers at the address.
  case peerCertificateRefused
  /// It does not accept our certificate.
  case ownCertificateRefused
  /// It answered, but the answer is sealed with a key that we do not have, or sealed in another way than ours.
  case unreadable
  /// The address is our own: what answers there is this node.
  case ourselves
  /// No answer within the deadline.
  case deadline
  /// The connection broke after contact.
  case broken
  /// We could not send it: a full queue, a local error, or no time left to send it. The fault is ours, never the peer's (`secure-transport.md` 2.8).
  case notSent
}
