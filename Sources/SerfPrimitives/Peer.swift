/// Where a packet or stream came from, as far as the transport can tell.
public struct Peer: Hashable, Sendable {
  /// The socket address of the other side. On TCP this has an ephemeral port and is not the member's address.
  public var address: NodeAddress
  /// The connection it came on, where the transport has connections.
  public var connection: ConnectionID?
  /// The name that the connection's certificate proves; nil on a transport that proves none.
  public var provenName: NodeName?

  /// A peer at `address`, on `connection` and with a proven name where the transport has them.
  public init(address: NodeAddress, connection: ConnectionID? = nil, provenName: NodeName? = nil) {
    self.address = address
    self.connection = connection
    self.provenName = provenName
  }
}

/// Names one connection of a transport for as long as the transport lives; an ID is never used again.
public struct ConnectionID: Hashable, Comparable, Sendable {
  /// A running number.
  public let value: UInt64

  /// The connection with this running number.
  @inlinable public init(_ value: UInt64) { self.value = value }

  @inlinable public static func < (left: ConnectionID, right: ConnectionID) -> Bool { left.value < right.value }
}
