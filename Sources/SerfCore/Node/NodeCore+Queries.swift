import Memberlist
import SerfPrimitives
import SerfWire

/// Queries of other members are passed on (`serf.md` section 9), and remembered so that each is handled once. Answering them, and asking our own,
/// belongs here.
extension NodeCore {
  /// A query arrived, whose time the clock has witnessed; true when it is new and may be passed on.
  mutating func queryReceived(_ message: borrowing QueryMessage) -> Bool {
    do {
      try queries.insert(id: message.id, time: message.time, clock: queryClock.time)
    } catch {
      switch error {
      case .duplicate: counters.queriesDuplicate += 1
      case .tooOld: counters.queriesTooOld += 1
      case .full:
        counters.queriesRefused += 1
        diagnose(.limitReached(.queryIDsPerTime))
      }
      return false
    }
    counters.queriesReceived += 1
    return !message.flags.contains(.noBroadcast)
  }

  /// An answer to a query. This node asks no queries yet, so no call waits for it.
  mutating func responseReceived(_ body: RawSpan) throws(WireError) {
    _ = try QueryResponseMessage(decoding: body)
    counters.responsesWithoutQuery += 1
  }

  /// A member asks us to hand a message to another one: answers to queries also take such detours, so that more of them arrive.
  ///
  /// Where names are proven, an address from a message is never used: the name is looked up in the member table (`secure-transport.md` 1.10).
  /// Otherwise the address must be in the allowed networks.
  mutating func relayReceived(_ body: RawSpan, from peer: Peer) throws(WireError) {
    let message = try RelayMessage(decoding: body)
    guard !message.message.isEmpty else { throw .empty }
    let node = NodeName(bytes: [UInt8](copying: message.destinationName))
    guard let destination = relayDestination(node, message.destination) else {
      counters.relaysDropped += 1
      return diagnose(.relayDropped(node, from: peer))
    }
    counters.relaysForwarded += 1
    membership.sendUserMessage(message.message, to: destination)
  }

  private func relayDestination(_ node: NodeName, _ address: NodeAddress?) -> Destination? {
    if membership.transport.provesNames {
      return membership.member(node).flatMap { $0.state.isLive ? .member(node, $0.address) : nil }
    }
    guard let address, membership.maySend(to: address) else { return nil }
    return node.isEmpty ? .anyMember(address) : .member(node, address)
  }
}
