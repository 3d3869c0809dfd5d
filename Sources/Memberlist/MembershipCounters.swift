/// How often something happened since the start. No decision of the protocol depends on them.
package struct MembershipCounters: Sendable, Hashable {
  package var packetsReceived: UInt64 = 0
  package var packetsSent: UInt64 = 0
  /// Packets of news that were sent at once, which ``packetsSent`` counts as well.
  package var packetsForwarded: UInt64 = 0
  /// How often the transport held packets back, so that less news was passed on for a while.
  package var forwardingSlowed: UInt64 = 0
  package var messagesReceived: UInt64 = 0
  package var packetsMalformed: UInt64 = 0
  package var messagesMalformed: UInt64 = 0
  package var exchangesMalformed: UInt64 = 0
  /// Packets and exchanges dropped because they spoke for another name than the one their connection proves.
  package var claimedOtherName: UInt64 = 0
  /// Claims dropped, by ``ClaimProblem``.
  package var claimsWithBadVersions: UInt64 = 0
  package var claimsWithBadName: UInt64 = 0
  package var claimsWithBadAddress: UInt64 = 0
  package var claimsWithLongMeta: UInt64 = 0
  package var claimsWithHighIncarnation: UInt64 = 0
  package var claimsWithBadState: UInt64 = 0
  package var claimsToUnprovenAddress: UInt64 = 0
  package var claimsOutsideNetworks: UInt64 = 0
  package var claimsWithUnusableAddress: UInt64 = 0
  /// Alives that the alive filter refused.
  package var claimsFiltered: UInt64 = 0
  /// Death notices about members that we still hear from, and suspicions of such members whose time was over.
  package var doubtfulDeaths: UInt64 = 0
  package var probes: UInt64 = 0
  package var probesFailed: UInt64 = 0
  package var probesNotSent: UInt64 = 0
  /// Probes without a verdict, because we were late ourselves.
  package var probesStalled: UInt64 = 0
  /// Probes without an ack whose target spoke to us in the meantime.
  package var probesHeard: UInt64 = 0
  /// Members without a connection that were skipped in their turn, because we were late ourselves or dials took long.
  package var probesPassed: UInt64 = 0
  package var suspicions: UInt64 = 0
  package var suspicionsConfirmed: UInt64 = 0
  package var refutations: UInt64 = 0
  package var deaths: UInt64 = 0
  package var conflicts: UInt64 = 0
  /// Claims that this node is elsewhere, where names are proven: its past, or another process with its certificate.
  package var ownNameElsewhere: UInt64 = 0
  package var strayAcks: UInt64 = 0
  package var strayNacks: UInt64 = 0
  package var pingsForOthers: UInt64 = 0
  package var indirectPingsToUnknown: UInt64 = 0
  package var relaysRefused: UInt64 = 0
  /// Pings and indirect pings that name an address to which nothing may be sent.
  package var addressesRefused: UInt64 = 0
  package var addressDials: UInt64 = 0
  /// Messages that told a member which other address is held for it, or told a peer our real address.
  package var addressesCorrected: UInt64 = 0
  package var mergesRefused: UInt64 = 0
  package var membersRefused: UInt64 = 0
  package var broadcastsDropped: UInt64 = 0
  package var accusationsRequeued: UInt64 = 0
  package var urgentProbesRefused: UInt64 = 0
  package var joinsRefused: UInt64 = 0
  package var pushPullsOutOfTurn: UInt64 = 0
  package var pushPullsOutOfTurnRefused: UInt64 = 0
  package var packetsNotSent: UInt64 = 0

  package init() {}
}
