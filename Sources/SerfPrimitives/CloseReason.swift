/// Why one side closes a connection. The raw values are part of the wire: the application error code of a QUIC CONNECTION_CLOSE
/// (`secure-transport.md` 2.2). A close may start a probe; it never changes a member's state.
@nonexhaustive
public enum CloseReason: UInt8, Hashable, Sendable, CaseIterable {
  /// No particular reason: idle, or evicted from a full pool.
  case none = 0
  /// The node stops without leaving.
  case shutdown = 1
  /// The node left the cluster.
  case left = 2
  /// The dialled address proved another name than the one that was meant.
  case wrongName = 3
  /// A message spoke for another name than the connection's.
  case claimedOtherName = 4
  /// The name is in use at another address that still proves it.
  case nameInUse = 5
  /// The certificate is no longer acceptable: expired, revoked, or its CA is no longer trusted.
  case notAuthorised = 6
  /// A limit was reached; try later.
  case overloaded = 7
  /// The peer broke the protocol.
  case protocolViolation = 8
  /// A newer connection serves this peer.
  case replaced = 9
}

extension CloseReason: CustomStringConvertible {
  /// A word or two for logs.
  public var description: String {
    switch self {
    case .none: "closed"
    case .shutdown: "shut down"
    case .left: "left"
    case .wrongName: "wrong name"
    case .claimedOtherName: "claimed another name"
    case .nameInUse: "name in use"
    case .notAuthorised: "not authorised"
    case .overloaded: "overloaded"
    case .protocolViolation: "protocol violation"
    case .replaced: "replaced"
    }
  }
}
