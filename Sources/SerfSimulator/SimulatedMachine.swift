package import Memberlist
package import SerfPrimitives

/// A sans-I/O member that a ``SimulatedNetwork`` can run: the membership machine, a whole node, or a planted fault of either.
///
/// `Report` is what it tells the layer above; the network keeps it with the time.
package protocol SimulatedMachine<Report>: ~Copyable {
  associatedtype Report

  /// The name that its connections prove.
  var name: NodeName { get }
  var nextDeadline: Instant? { get }

  mutating func start(at now: Instant)
  mutating func advance(to now: Instant)
  mutating func receive(_ packet: RawSpan, from peer: Peer, at now: Instant)
  mutating func packetNotSent(_ id: PacketID, reason: ContactFailure, at now: Instant)
  mutating func exchangeReceived(_ id: ExchangeID, message: RawSpan, from peer: Peer, at now: Instant)
  mutating func exchangeCompleted(_ id: ExchangeID, reply: RawSpan, from peer: Peer, at now: Instant)
  mutating func exchangeFailed(_ id: ExchangeID, reason: ContactFailure, at now: Instant)
  mutating func connectionClosed(_ peer: Peer, reason: CloseReason?, at now: Instant)
  mutating func addressStated(_ address: NodeAddress, by peer: Peer, at now: Instant)
  mutating func setWarm(_ name: NodeName, _ isWarm: Bool)

  /// The next thing that it wants the network to do, or nil when there is nothing more.
  mutating func nextAction() -> SimulatedAction<Report>?
}

/// What a simulated machine wants the network to do, including the bytes.
package enum SimulatedAction<Report> {
  case send([UInt8], to: Destination, path: SendPath, id: PacketID?)
  case open(ExchangeID, to: Destination, path: SendPath, deadline: Instant, [UInt8])
  case respond(ExchangeID, [UInt8])
  /// End an accepted exchange, with an empty answer or as refused.
  case finish(ExchangeID)
  case refuse(ExchangeID)
  case close(Peer, CloseReason)
  /// A member died or left: its connections have no further use.
  case departed(NodeName)
  case report(Report)
}

extension SimulatedAction {
  /// An order of the core, with its bytes, which `bytes` copies or encodes. Nil for `forget`: the network keeps nothing for a member.
  package init?(_ order: TransportOrder, bytes: (ExchangeContent) -> [UInt8]) {
    switch order {
    case .send(let slot, let destination, let path, let id, _): self = .send(bytes(.bytes(slot)), to: destination, path: path, id: id)
    case .open(let id, let destination, let path, let deadline, let content):
      self = .open(id, to: destination, path: path, deadline: deadline, bytes(content))
    case .respond(let id, let content): self = .respond(id, bytes(content))
    case .finish(let id): self = .finish(id)
    case .refuse(let id, _): self = .refuse(id)
    case .close(let peer, let reason): self = .close(peer, reason)
    case .departed(let name): self = .departed(name)
    case .forget: return nil
    }
  }
}
