package import Memberlist
package import SerfPrimitives

/// A join that the gossip layer is working on.
struct PendingJoin: Sendable {
  /// Who waits for it; nil for an attempt of our own to reconnect.
  var request: RequestID?
  /// Whether events from before the join are to be dropped.
  var ignoresOldEvents: Bool
}

/// Joining (`serf.md` section 17).
extension NodeCore {
  /// Exchanges states with each of `targets`; the reply says what became of each. If one succeeded, everybody is told that we are here.
  ///
  /// With `ignoreOld`, user events from before the join are not delivered. Go keeps that in a flag of the whole node while the join runs;
  /// here it belongs to this join's own exchanges.
  package mutating func join(
    _ targets: [JoinTarget], ignoreOld: Bool, request: RequestID, at now: Instant
  ) throws(SerfCoreError) {
    guard status == .alive else { throw .notAlive(status) }
    self.now = now
    let id = JoinID(nextID())
    joins[id] = PendingJoin(request: request, ignoresOldEvents: ignoreOld)
    membership.join(targets, id: id, at: now)
  }

  mutating func joinFinished(_ id: JoinID, _ results: [JoinResult]) {
    guard let join = joins.removeValue(forKey: id), let request = join.request else { return }
    if status == .alive, results.contains(where: { $0.failure == nil }) { broadcastJoinIntent() }
    outbox.push(.reply(request, .joined(results)))
  }
}
