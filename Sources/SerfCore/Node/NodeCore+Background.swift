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

  /// Warns of deep queues and drops what is beyond the limit.
  mutating func checkQueues() {
    schedule(.queueCheck, after: configuration.queues.checkInterval)
    let limit = configuration.queues.limit(members: table.count)
    for tier in [BroadcastTier.intent, .query, .event, .large] {
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
