package import Memberlist
package import SerfPrimitives
import SerfWire

/// A ``Membership`` in a ``SimulatedNetwork``.
package struct SimulatedMember: SimulatedMachine, ~Copyable {
  /// An output for the layer above, with its bytes if it has any.
  package struct Report: Sendable {
    package let output: MembershipOutput
    package let bytes: [UInt8]
  }

  package var membership: Membership
  /// What its push/pulls carry for the layer above.
  package var userState: [UInt8] = []

  package init(_ configuration: MembershipConfiguration, transport: TransportTraits = .init(), local: GossipMember, seed: UInt64) {
    membership = Membership(configuration, transport: transport, local: local, seed: seed)
  }

  package var name: NodeName { membership.name }
  package var nextDeadline: Instant? { membership.nextDeadline }

  package mutating func start(at now: Instant) { membership.start(at: now) }
  package mutating func advance(to now: Instant) { membership.advance(to: now) }
  package mutating func receive(_ packet: RawSpan, from peer: Peer, at now: Instant) { membership.receive(packet, from: peer, at: now) }
  package mutating func packetNotSent(_ id: PacketID, reason: ContactFailure, at now: Instant) {
    membership.packetNotSent(id, reason: reason, at: now)
  }
  package mutating func exchangeReceived(_ id: ExchangeID, message: RawSpan, from peer: Peer, at now: Instant) {
    membership.exchangeReceived(id, message: message, from: peer, at: now)
  }
  package mutating func exchangeCompleted(_ id: ExchangeID, reply: RawSpan, from peer: Peer, at now: Instant) {
    membership.exchangeCompleted(id, reply: reply, from: peer, at: now)
  }
  package mutating func exchangeFailed(_ id: ExchangeID, reason: ContactFailure, at now: Instant) {
    membership.exchangeFailed(id, reason: reason, at: now)
  }
  package mutating func connectionClosed(_ peer: Peer, reason: CloseReason?, at now: Instant) {
    membership.connectionClosed(peer, reason: reason, at: now)
  }
  package mutating func addressStated(_ address: NodeAddress, by peer: Peer, at now: Instant) {
    membership.addressStated(address, by: peer, at: now)
  }
  package mutating func setWarm(_ name: NodeName, _ isWarm: Bool) { membership.setWarm(name, isWarm) }

  package mutating func nextAction() -> SimulatedAction<Report>? {
    while let output = membership.nextOutput() {
      switch output {
      case .transport(let order):
        if let action = SimulatedAction<Report>(order, bytes: { bytes(of: $0) }) { return action }
      case .userMessage(let slot, _, _), .userState(let slot, _, _, _, _), .ackReceived(_, _, let slot):
        return .report(Report(output: output, bytes: bytes(of: .bytes(slot))))
      default: return .report(Report(output: output, bytes: []))
      }
    }
    return nil
  }

  private func bytes(of content: ExchangeContent) -> [UInt8] {
    switch content {
    case .bytes(let slot): return [UInt8](copying: membership.bytes(slot))
    case .pushPull(let isJoin, _):
      var bytes: [UInt8] = []
      membership.encodePushPull(isJoin: isJoin, userState: userState.span.bytes, into: &bytes)
      return bytes
    }
  }
}
