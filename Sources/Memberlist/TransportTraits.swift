package import SerfPrimitives

/// What the core must know of the transport below it, and of where the node's members may be.
///
/// None of it is a setting of ``MembershipConfiguration``: the driver makes it from the transport that is bound. The defaults are those of TCP and UDP
/// without a key.
package struct TransportTraits: Hashable, Sendable {
  /// Whether the transport proves the name at the other end of every connection. Switches the rules of `secure-transport.md` sections 1 and 2 that
  /// live in the core. Off by default: on TCP and UDP a name is what a packet says.
  package var provesNames: Bool
  /// Bytes that one packet may hold, compound header included: what is left of the transport's packet after its own wrapping (TCP/UDP: 1400 less
  /// label, less 29 or 45 when sealed, less 5; QUIC: 1160 less the pulse).
  package var packetBudget: Int
  /// Whether the transport carries a packet above the budget, on a stream (`secure-transport.md` 2.9), so that a broadcast which fits no packet is
  /// sent alone. Otherwise it waits in the queue and spreads through push/pull only, as with Go.
  package var carriesOversizedPackets: Bool
  /// Whether the transport says what its peers read beyond what every member reads. Otherwise nothing of that is sent.
  package var statesPeerFeatures: Bool
  /// Where members may be: an alive about another node at an address outside creates and changes nothing. The node has one setting for this, which
  /// its transport gets too. The default is all.
  package var allowedNetworks: AllowedNetworks

  /// Whether this node passes on what changes keys. Not where it encrypts and accepts clear text as well: to the others a stranger's word would then be a
  /// member's.
  package var passesKeyOperations: Bool

  package init(
    provesNames: Bool = false, packetBudget: Int = 1_395, carriesOversizedPackets: Bool = false, statesPeerFeatures: Bool = false,
    allowedNetworks: AllowedNetworks = .all, passesKeyOperations: Bool = true
  ) {
    self.provesNames = provesNames
    self.packetBudget = packetBudget
    self.carriesOversizedPackets = carriesOversizedPackets
    self.statesPeerFeatures = statesPeerFeatures
    self.allowedNetworks = allowedNetworks
    self.passesKeyOperations = passesKeyOperations
  }
}
