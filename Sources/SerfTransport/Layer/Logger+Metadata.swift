import Logging
package import SerfPrimitives

extension Logger.Metadata {
  /// What a line says, in parts that a program can search for: `serf.member`, whom it is about or who caused it; `serf.address`, where that one is;
  /// and `serf.reason`, why something failed or was refused. Each is there only if it is known. Text from peers is escaped, as in the line.
  package static func about(
    _ member: NodeName? = nil, at address: (any CustomStringConvertible & Sendable)? = nil, because reason: String? = nil
  ) -> Self {
    var metadata: Self = [:]
    if let member { metadata["serf.member"] = .stringConvertible(member) }
    if let address { metadata["serf.address"] = .stringConvertible(address) }
    if let reason { metadata["serf.reason"] = .string(reason) }
    return metadata
  }

  /// The same of a peer: the name is the one that it has proven.
  package static func about(_ peer: Peer, because reason: String? = nil) -> Self {
    about(peer.provenName, at: peer.address, because: reason)
  }
}
