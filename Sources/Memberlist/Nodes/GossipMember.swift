package import SerfPrimitives
package import SerfWire

/// A member as the layer above sees it: a copy, taken when something about it changed.
package struct GossipMember: Sendable, Hashable {
  package var name: NodeName
  package var address: NodeAddress
  /// What that member's layer above says about it (Serf: its tags).
  package var meta: [UInt8]
  package var versions: ProtocolVersions
  package var incarnation: UInt32
  package var state: MemberState

  package init(
    name: NodeName, address: NodeAddress, meta: [UInt8] = [], versions: ProtocolVersions = .current, incarnation: UInt32 = 1,
    state: MemberState = .alive
  ) {
    self.name = name
    self.address = address
    self.meta = meta
    self.versions = versions
    self.incarnation = incarnation
    self.state = state
  }
}
