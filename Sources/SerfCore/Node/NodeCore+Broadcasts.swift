import Memberlist
import SerfPrimitives

/// A broadcast whose end the node waits for, at most for the broadcast timeout.
struct PendingBroadcast: Sendable {
  var purpose: BroadcastPurpose
  var request: RequestID?
}

/// Handing messages to the gossip layer, and waiting until enough members have them.
extension NodeCore {
  /// Queues one of our messages. `encode` gets an empty array and this node's name.
  mutating func broadcast(_ tier: BroadcastTier, id: BroadcastID? = nil, encode: (inout [UInt8], RawSpan) -> Void) {
    var message = takeScratch()
    encode(&message, name.bytes.span.bytes)
    membership.broadcast(message.span.bytes, tier: tier, id: id, at: now)
    scratch = message
  }

  /// An empty array with the memory of the last message that we made; assign it to ``scratch`` afterwards.
  mutating func takeScratch() -> [UInt8] {
    var taken: [UInt8] = []
    swap(&taken, &scratch)
    taken.removeAll(keepingCapacity: true)
    return taken
  }

  /// Names a broadcast whose end is waited for, and starts the wait.
  mutating func awaitBroadcast(_ purpose: BroadcastPurpose, request: RequestID?) -> BroadcastID {
    let id = BroadcastID(nextID())
    broadcasts[id] = PendingBroadcast(purpose: purpose, request: request)
    timers.schedule(.broadcastTimeout(id), at: now + configuration.leaving.broadcastTimeout)
    return id
  }

  /// Enough members have it, or a newer one replaced it.
  mutating func broadcastFinished(_ id: BroadcastID) {
    guard let pending = broadcasts.removeValue(forKey: id) else { return }
    conclude(pending, isSpread: true)
  }

  mutating func broadcastTimedOut(_ id: BroadcastID) {
    guard let pending = broadcasts.removeValue(forKey: id) else { return }
    counters.broadcastsTimedOut += 1
    diagnose(.broadcastTimedOut(pending.purpose))
    conclude(pending, isSpread: false)
  }

  private mutating func conclude(_ pending: PendingBroadcast, isSpread: Bool) {
    if pending.purpose == .leaveIntent { return sayFarewell(intentIsSpread: isSpread) }
    if let request = pending.request { outbox.push(.reply(request, .done(isSpread: isSpread))) }
  }
}
