import Memberlist
package import SerfPrimitives

/// Leaving, and making others leave (`serf.md` section 17).
///
/// ```
///  alive ── leave ──▶ leaving: intent spread? ──▶ farewell (dead by our own word) spread? ──▶ delay ──▶ left
/// ```
/// Each wait ends with the broadcast timeout at the latest. That is a warning and not a failure: what was queued still spreads. A node that is alone
/// has no member to wait for, and has left at once.
extension NodeCore {
  /// Tells the cluster that this node leaves, so that it is shown as left and not as failed. The reply comes when the other members have had time to
  /// hear it; then the node can be shut down. Calls while the node leaves get the same reply at the same time; on a node that has already left it
  /// comes at once.
  package mutating func leave(request: RequestID, at now: Instant) throws(SerfCoreError) {
    switch status {
    case .alive: break
    case .leaving: return departure.requests.append(request)
    case .left: return outbox.push(.reply(request, .done(isSpread: true)))
    case .shutDown: throw .notAlive(status)
    }
    self.now = now
    status = .leaving
    recordLeave()
    departure.requests = [request]
    let time = memberClock.tick()
    _ = intentReceived(Intent(.leave, at: time), about: name)
    guard membership.hasOtherLive else { return sayFarewell(intentIsSpread: true) }
    let id = awaitBroadcast(.leaveIntent, request: nil)
    broadcast(.intent, id: id) { bytes, name in LeaveMessage(time: time, node: name, prunes: false).encode(into: &bytes) }
  }

  /// The intent has been spread; now the gossip layer announces that we left.
  mutating func sayFarewell(intentIsSpread: Bool) {
    departure.isSpread = intentIsSpread
    membership.leave(timeout: configuration.leaving.broadcastTimeout, at: now)
  }

  /// The farewell has been handed on, or its time ran out.
  mutating func farewellFinished(isSpread: Bool) {
    guard status == .leaving else { return }
    if !isSpread {
      departure.isSpread = false
      counters.broadcastsTimedOut += 1
      diagnose(.broadcastTimedOut(.farewell))
    }
    guard membership.hasOtherLive else { return leftCluster() }
    timers.schedule(.propagated, at: now + configuration.leaving.propagateDelay)
  }

  mutating func leftCluster() {
    guard status == .leaving else { return }
    status = .left
    for request in departure.requests { outbox.push(.reply(request, .done(isSpread: departure.isSpread))) }
    departure.requests = []
  }

  /// Stops the node without waiting for any peer: peers see a failure, unless ``leave(request:at:)`` ran before. With `saysFarewell` the last thing
  /// that is sent is our leave intent, in one packet each to a few members. If one of these arrives, all see the node as leaving, and as left when probes
  /// find that it is gone. Every waiting request is answered, and later inputs are ignored.
  package mutating func shutDown(at now: Instant, saysFarewell: Bool = false) {
    guard status != .shutDown else { return }
    self.now = now
    if saysFarewell, status != .left { sendFarewell() }
    flushEvents()
    status = .shutDown
    endSnapshot()
    let waiting =
      joins.values.compactMap { $0.request } + broadcasts.values.compactMap { $0.request } + departure.requests
      + userData.requests + pacing.waiting.waiting.map { $0.request }
    for request in waiting.sorted(by: { $0.value < $1.value }) { outbox.push(.reply(request, .shutDown)) }
    joins = [:]
    broadcasts = [:]
    pacing.waiting.removeAll()
    departure.requests = []
    userData.dropMessages()
    pendingKeyOperations = [:]
    for time in openQueries.keys.sorted() { endQuery(time) }
  }

  /// The intent alone. With our death beside it the members would pass on the death first, because messages about members
  /// go before intents; those that hear it so would show us as failed until the intent comes.
  private mutating func sendFarewell() {
    let time = memberClock.tick()
    var message = takeScratch()
    LeaveMessage(time: time, node: name.bytes.span.bytes, prunes: false).encode(into: &message)
    membership.sendFarewell(message.span.bytes)
    scratch = message
    // A node that is shut down asks the gossip layer for nothing any more.
    while let output = membership.nextOutput() {
      if let output = translate(output) { outbox.push(output) }
    }
  }

  /// Declares a member gone: a failed one becomes left at all members, and no member tries it again. With `prune` it is also forgotten. A member that
  /// is alive refutes this. An unknown name is no error, because other members may know it.
  ///
  /// The intent goes to all members that the gossip layer sees alive. Go uses its own member list, in which the member that is declared gone no
  /// longer counts. In a cluster of two the other member then never hears of it and never refutes it.
  package mutating func forceLeave(
    _ node: NodeName, prune: Bool, request: RequestID, at now: Instant
  ) throws(SerfCoreError) {
    guard status == .alive else { throw .notAlive(status) }
    self.now = now
    let time = memberClock.tick()
    _ = intentReceived(Intent(.leave, at: time), about: node, prune: prune)
    guard membership.hasOtherLive else { return outbox.push(.reply(request, .done(isSpread: true))) }
    let id = awaitBroadcast(.forceLeave, request: request)
    broadcast(.intent, id: id) { bytes, _ in
      LeaveMessage(time: time, node: node.bytes.span.bytes, prunes: prune).encode(into: &bytes)
    }
  }
}

/// How far our own leave has come.
struct Departure: Sendable {
  /// The calls that wait for it.
  var requests: [RequestID] = []
  /// Whether everything so far was handed to other members in time.
  var isSpread = true
}
