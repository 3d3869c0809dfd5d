import Memberlist
import Metrics
import SerfCore
import SerfPrimitives

/// A node's counters for swift-metrics, under the names that Serf has (`agent.md` section 14), with the node's name as a dimension.
///
/// Counters are made once; nothing is allocated per packet.
struct NodeMetrics {
  private let joins, leaves, failures, updates, reaps, events: Counter
  private let suspicions, refutations, probesFailed, malformed, claimedOtherName, refusedExchanges: Counter

  init(node: NodeName) {
    let dimensions = [("node", node.description)]
    func counter(_ label: String) -> Counter { Counter(label: label, dimensions: dimensions) }
    joins = counter("serf.member.join")
    leaves = counter("serf.member.left")
    failures = counter("serf.member.failed")
    updates = counter("serf.member.update")
    reaps = counter("serf.member.reap")
    events = counter("serf.events")
    suspicions = counter("memberlist.msg.suspect")
    refutations = counter("memberlist.refuted")
    probesFailed = counter("memberlist.degraded.probe")
    malformed = counter("memberlist.malformed")
    claimedOtherName = counter("memberlist.claimed_other_name")
    refusedExchanges = counter("memberlist.exchange.refused")
  }

  func event(_ event: Event) {
    switch event {
    case .user: events.increment()
    case .member(let change):
      let counter =
        switch change.kind {
        case .join: joins
        case .leave: leaves
        case .failed: failures
        case .update: updates
        case .reap: reaps
        }
      counter.increment(by: change.members.count)
    }
  }

  func diagnostic(_ diagnostic: NodeDiagnostic) {
    switch diagnostic {
    case .malformed, .membership(.malformed): malformed.increment()
    case .membership(.claimedOtherName): claimedOtherName.increment()
    case .membership(.suspected): suspicions.increment()
    case .membership(.probeFailed): probesFailed.increment()
    case .membership(.refuted): refutations.increment()
    default: break
    }
  }

  func refused(_ reason: RefusalReason) { refusedExchanges.increment() }
}
