package import Memberlist
package import SerfCore
package import SerfPrimitives
import SerfWire

/// A ``NodeCore`` in a ``SimulatedNetwork``. It reports events, replies and diagnostics as they come out.
package struct SimulatedNode: SimulatedMachine, ~Copyable {
  package var core: NodeCore
  /// Where its snapshot is.
  package let disk: SimulatedDisk?
  /// What its seeds are looked up as.
  package var seeds: [JoinTarget] = []
  private var now = Instant.zero
  /// A write that has not ended.
  private var write: SnapshotOrder?

  package init(_ core: consuming NodeCore, disk: SimulatedDisk? = nil) {
    self.core = core
    self.disk = disk
  }

  package var name: NodeName { core.name }
  package var nextDeadline: Instant? { write == nil ? core.nextDeadline : .zero }

  package mutating func start(at now: Instant) { core.start(at: now) }
  package mutating func advance(to now: Instant) {
    self.now = now
    if let order = write, let disk {
      write = nil
      core.snapshotWritten(disk.perform(order), at: now)
    }
    core.advance(to: now)
  }
  package mutating func receive(_ packet: RawSpan, from peer: Peer, at now: Instant) { core.receive(packet, from: peer, at: now) }
  package mutating func packetNotSent(_ id: PacketID, reason: ContactFailure, at now: Instant) {
    core.packetNotSent(id, reason: reason, at: now)
  }
  package mutating func exchangeReceived(_ id: ExchangeID, message: RawSpan, from peer: Peer, at now: Instant) {
    core.exchangeReceived(id, message: message, from: peer, at: now)
  }
  package mutating func exchangeCompleted(_ id: ExchangeID, reply: RawSpan, from peer: Peer, at now: Instant) {
    core.exchangeCompleted(id, reply: reply, from: peer, at: now)
  }
  package mutating func exchangeFailed(_ id: ExchangeID, reason: ContactFailure, at now: Instant) {
    core.exchangeFailed(id, reason: reason, at: now)
  }
  package mutating func connectionClosed(_ peer: Peer, reason: CloseReason?, at now: Instant) {
    core.connectionClosed(peer, reason: reason, at: now)
  }
  package mutating func addressStated(_ address: NodeAddress, by peer: Peer, at now: Instant) {
    core.addressStated(address, by: peer, at: now)
  }
  package mutating func setWarm(_ name: NodeName, _ isWarm: Bool) { core.setWarm(name, isWarm) }

  package mutating func nextAction() -> SimulatedAction<NodeOutput>? {
    while let output = core.nextOutput() {
      switch output {
      case .transport(let order):
        if let action = SimulatedAction<NodeOutput>(order, bytes: { bytes(of: $0) }) { return action }
      case .roundTrip: continue
      case .seedsWanted: core.seedsFound(seeds, at: now)
      case .snapshot(let order): if disk != nil { write = order }
      case .event, .memberChanged, .joinAnswered, .reply, .queryAcknowledged, .queryAnswered, .queryEnded, .keyOperation, .nameLost,
        .delegate, .diagnostic:
        return .report(output)
      }
    }
    return nil
  }

  private mutating func bytes(of content: ExchangeContent) -> [UInt8] {
    switch content {
    case .bytes(let slot): return [UInt8](copying: core.bytes(slot))
    case .pushPull(let isJoin, let name):
      var bytes: [UInt8] = []
      core.encodePushPull(isJoin: isJoin, with: name, into: &bytes)
      return bytes
    }
  }
}
