import Memberlist
import SerfPrimitives

/// What a node does by itself from time to time (`serf.md` section 12).
extension NodeCore {
  /// Forgets members that have been gone for long enough, and old intents.
  mutating func reap() {
    schedule(.reap, after: configuration.reaping.interval)
    let (now, reaping) = (now, configuration.reaping)
    let erased = table.removeExpired { Self.isForgettable($0, reaping, at: now) }
    for member in erased { deliver(.reap, member) }
    intents.removeOlder(than: now - reaping.intentTimeout)
  }

  /// Tries one failed member, with a probability that grows with the share of failed ones: so the living members together try each failed one about
  /// once per interval, however many members there are.
  mutating func reconnect() {
    schedule(.reconnect, after: configuration.reconnecting.interval)
    let failed = table.count(of: .failed)
    guard status == .alive, failed > 0 else { return }
    let others = max(1, table.count - failed - table.count(of: .left))
    guard random.chance(Double(failed) / Double(others)) else { return }
    var skipped = random.below(failed)
    for row in table.rows where row.member.status == .failed {
      guard skipped == 0 else {
        skipped -= 1
        continue
      }
      counters.reconnects += 1
      diagnose(.reconnecting(row.member.name, row.member.address))
      let id = JoinID(nextID())
      joins[id] = PendingJoin(request: nil, ignoresOldEvents: false)
      return membership.join([JoinTarget(row.member.address, name: row.member.name)], id: id, at: now)
    }
  }

  /// Warns of deep queues and drops what is beyond the limit.
  mutating func checkQueues() {
    schedule(.queueCheck, after: configuration.queues.checkInterval)
    let limit = configuration.queues.limit(members: table.count)
    for tier in [BroadcastTier.intent, .query, .event] {
      let depth = membership.queueDepth(tier)
      if depth > limit {
        membership.pruneBroadcasts(tier, to: limit)
      } else if depth < configuration.queues.depthWarning {
        continue
      }
      diagnose(.queueDeep(tier, depth: depth, dropped: max(0, depth - limit)))
    }
  }
}
