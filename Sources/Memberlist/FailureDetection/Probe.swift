import SerfPrimitives

/// One probe of one member (`memberlist.md` section 4.5):
///
///     direct ──ack──→ succeeded
///       │ no ack within the probe timeout
///       ▼
///     indirect: helpers and a reliable ping ──ack──→ succeeded
///       │ deadline
///       ▼
///     failed: the member is suspected, unless what failed was our own sending
///
/// It is tied to the row, address and incarnation that it began with. A member that moved, left or was replaced in the meantime is not punished.
package struct Probe: Sendable {
  package enum Stage: Hashable, Sendable { case direct, indirect }

  /// A member that was asked to ping the target for us.
  struct Helper: Sendable {
    var name: NodeName
    var address: NodeAddress
    var packet: PacketID
    var owesNack: Bool
  }

  let target: NodeIndex
  let name: NodeName
  let address: NodeAddress
  let incarnation: UInt32
  let sequenceNumber: UInt32
  let startedAt: Instant
  /// Until when an answer counts. It is later than planned when we are late ourselves.
  var deadline: Instant
  /// Whether a round-trip time means anything: false when the ping may have waited for a dial, or when it was sent twice.
  var measuresRoundTrip: Bool
  var stage = Stage.direct
  /// The ping, and the second one on a fresh connection.
  var packet: PacketID
  var freshPacket: PacketID?
  var helpers: [Helper] = []
  /// Nacks that were asked for, and those that came.
  var nacksExpected = 0
  var nacksReceived = 0
  /// The reliable ping, and whether it was answered.
  var exchange: ExchangeID?
  var isReliablyAcked = false
  /// False after a failed send, which takes the reward away (`memberlist.md` 4.5, step 2).
  var earnsReward = true
  /// Whether the target was probed out of turn.
  var isUrgent = false
  /// Whether the verdict came too late and was postponed once.
  var isPostponed = false
  /// Whether a failure would be our own fault: a packet that we could not send (`secure-transport.md` 2.8).
  var isOurFault = false

  /// Which node, if any, may have sent this ack or nack. Where names are not proven the sender is not checked, as with Go: an address proves nothing,
  /// and a member may answer from another of its addresses.
  enum Voice: Hashable { case target, helper(Int), stranger }

  func voice(of peer: Peer, namesAreProven: Bool) -> Voice {
    if namesAreProven {
      guard let proven = peer.provenName else { return .stranger }
      if proven == name { return .target }
      return helpers.firstIndex { $0.name == proven }.map { .helper($0) } ?? .stranger
    }
    if let position = helpers.firstIndex(where: { $0.address.isSameEndpoint(as: peer.address) }) { return .helper(position) }
    return .target
  }

  /// A nack came: counted once per helper that owes one.
  mutating func nackReceived(from voice: Voice) -> Bool {
    let position: Int?
    switch voice {
    case .helper(let helper): position = helpers[helper].owesNack ? helper : nil
    case .target: position = helpers.firstIndex { $0.owesNack }
    case .stranger: position = nil
    }
    guard let position else { return false }
    helpers[position].owesNack = false
    nacksReceived += 1
    return true
  }

  /// What the outcome does to our awareness.
  var penalty: Int { nacksExpected > 0 ? nacksExpected - nacksReceived : 1 }
}
