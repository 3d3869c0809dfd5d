package import Memberlist
package import SerfPrimitives

/// A join that the gossip layer is working on.
struct PendingJoin: Sendable {
  /// Why the gossip layer was asked for it.
  enum Purpose: Sendable {
    /// This call waits for it.
    case call(RequestID)
    /// To find the cluster of the snapshot again.
    case rejoin
    /// To find a member that is missing.
    case dial(Healing.Dial)
  }

  let purpose: Purpose
  /// Whether events from before the join are to be dropped.
  var ignoresOldEvents: Bool
  /// How often, before it began, other members had said that our name is at another address.
  var ownNameElsewhere: UInt64 = 0
  /// Whether a member has said that our name is in use.
  var isNameRefused = false
  /// Its results, kept while the members that answered may still refuse our name.
  var results: [JoinResult]?

  /// The call that waits for it, if there is one.
  var request: RequestID? { if case .call(let request) = purpose { request } else { nil } }
}

/// Joining (`serf.md` section 17).
extension NodeCore {
  /// Exchanges states with each of `targets`; the reply has the result of each. If one succeeded, all members are told that we have joined.
  ///
  /// With `ignoreOld`, user events from before the join are not delivered. Go keeps that in a flag of the whole node while the join runs; here it
  /// applies only to this join's own exchanges.
  package mutating func join(
    _ targets: [JoinTarget], ignoreOld: Bool, request: RequestID, at now: Instant
  ) throws(SerfCoreError) {
    guard status == .alive else { throw .notAlive(status) }
    self.now = now
    let id = JoinID(nextID())
    joins[id] = PendingJoin(
      purpose: .call(request), ignoresOldEvents: ignoreOld, ownNameElsewhere: membership.counters.ownNameElsewhere)
    membership.join(targets, id: id, at: now)
  }

  mutating func joinFinished(_ id: JoinID, _ results: [JoinResult]) {
    guard let join = joins[id] else { return }
    switch join.purpose {
    case .call: break
    case .rejoin: rejoinFinished(results)
    case .dial(let dial): dialFinished(dial, results)
    }
    let isContested = membership.counters.ownNameElsewhere > join.ownNameElsewhere && results.contains { $0.failure == nil }
    joins[id]?.results = results
    guard join.request != nil, isContested, !join.isNameRefused else { return concludeJoin(id) }
    // A member that answered has another address for us, and asks there whether that is still right (`secure-transport.md` 1.6). If it is, the member
    // closes our connection. If we have only moved, no answer comes there within a probe timeout. Another timeout is added for the way to the member
    // and back.
    timers.schedule(.nameVerdict(id), at: now + configuration.membership.probe.timeout * 2)
  }

  /// A member says that our name belongs to another process. Joins that run, or have only just ended, have failed.
  mutating func nameRefused(by peer: Peer) {
    diagnose(.ownNameRefused(by: peer))
    for id in joins.keys.sorted(by: { $0.value < $1.value }) {
      joins[id]?.isNameRefused = true
      if joins[id]?.results != nil { concludeJoin(id) }
    }
  }

  /// No member has refused our name in time.
  mutating func nameAccepted(_ id: JoinID) {
    if joins[id]?.results != nil { concludeJoin(id) }
  }

  private mutating func concludeJoin(_ id: JoinID) {
    guard let join = joins.removeValue(forKey: id), let request = join.request, var results = join.results else { return }
    if join.isNameRefused {
      for index in results.indices where results[index].failure == nil { results[index].failure = .nameInUse }
    }
    if status == .alive, results.contains(where: { $0.failure == nil }) { broadcastJoinIntent() }
    outbox.push(.reply(request, .joined(results)))
  }
}
