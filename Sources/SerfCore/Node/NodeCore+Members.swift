import Memberlist
import SerfPrimitives

/// Members as the gossip layer and the intents tell of them (`serf.md` section 6).
extension NodeCore {
  // MARK: From the gossip layer

  mutating func memberJoined(_ node: Memberlist.Member) {
    let change = table.joined(
      Self.member(node), pending: intents[node.name], flapTimeout: configuration.reconnecting.flapTimeout, at: now)
    if change.flapped { counters.flaps += 1 }
    deliver(change.event, change.member)
  }

  mutating func memberUpdated(_ node: Memberlist.Member) {
    guard let change = table.updated(Self.member(node), at: now) else { return }
    deliver(change.event, change.member)
  }

  /// The gossip layer tells dead from left by who said so. We go by the intents, as Go does: a member whose leave we heard of has left,
  /// however its end came about.
  mutating func memberDeparted(_ node: Memberlist.Member) {
    guard let change = table.departed(node.name, at: now) else { return }
    deliver(change.event, change.member)
  }

  mutating func nameConflict(existing: Memberlist.Member, claimant: Memberlist.Member) {
    // The vote among the others on which of two rivals stays needs own queries (`serf.md` section 11).
    diagnose(
      existing.name == name
        ? .ownNameConflict(claimant: claimant.address)
        : .nameConflict(existing.name, existing: existing.address, claimant: claimant.address))
  }

  private static func member(_ node: Memberlist.Member) -> Member {
    let versions = node.versions
    return Member(
      name: node.name, address: node.address, tags: TagMap.decode(meta: node.meta.span.bytes).tags, status: .alive,
      versions: MemberVersions(
        protocolMinimum: versions.protocolMinimum, protocolMaximum: versions.protocolMaximum, protocolCurrent: versions.protocolCurrent,
        delegateMinimum: versions.delegateMinimum, delegateMaximum: versions.delegateMaximum, delegateCurrent: versions.delegateCurrent))
  }

  /// Tells the application, and the gossip layer how many members there are: how often a broadcast goes out depends on it.
  mutating func deliver(_ kind: MemberEvent.Kind?, _ member: Member) {
    guard let kind else { return }
    membership.applicationMemberCount = table.count
    switch kind {
    case .join: counters.joins += 1
    case .leave: counters.leaves += 1
    case .failed: counters.failures += 1
    case .update: counters.updates += 1
    case .reap: counters.reaps += 1
    }
    outbox.push(.event(.member(MemberEvent(kind, [member]))))
  }

  // MARK: Intents

  /// An intent arrived, from wherever; the clock has witnessed its time. True when it is news, and travels on.
  mutating func intentReceived(_ intent: Intent, about node: NodeName, prune: Bool = false) -> Bool {
    guard let row = table[node] else { return buffer(intent, about: node) }
    // Somebody says that we leave, and we do not: a newer join intent takes it back everywhere. Go answers only what is newer than our last
    // join; a leave of the very time of that join, from a member that had not heard of it, then stands wherever it came first.
    if intent.kind == .leave, node == name, status == .alive, intent.time >= row.intentTime {
      counters.leavesRefuted += 1
      diagnose(.leaveRefuted(time: intent.time))
      broadcastJoinIntent()
      return false
    }
    guard let change = table.intended(intent, for: node, at: now) else {
      if intent.time <= row.intentTime { counters.intentsStale += 1 }
      return false
    }
    deliver(change.event, change.member)
    if prune { self.prune(change.member) }
    return true
  }

  private mutating func buffer(_ intent: Intent, about node: NodeName) -> Bool {
    // No member can have such a name, and 4,096 of them could fill the memory.
    guard !node.isEmpty, node.bytes.count <= configuration.membership.limits.nameLength else {
      counters.intentsRefused += 1
      diagnose(.limitReached(.nameLength))
      return false
    }
    switch intents.insert(intent, for: node, at: now) {
    case .new: return true
    case .stale: counters.intentsStale += 1
    case .refused:
      counters.intentsRefused += 1
      diagnose(.limitReached(.bufferedIntents))
    }
    return false
  }

  /// Tells everybody that we are here, with a time newer than all that we have heard.
  mutating func broadcastJoinIntent() {
    let time = memberClock.tick()
    _ = table.intended(Intent(.join, at: time), for: name, at: now)
    broadcast(.intent) { bytes, name in JoinMessage(time: time, node: name).encode(into: &bytes) }
  }

  // MARK: Prune

  /// Forgets a member that is declared gone. One that is only leaving gets the time that a leave takes; Go sleeps that long with its
  /// member table locked, and we set a timer.
  private mutating func prune(_ member: Member) {
    guard member.name != name else { return }
    if member.status == .leaving {
      // Once, however often it is asked for: a flood of such intents must not pile up timers.
      guard pruning.insert(member.name).inserted else { return }
      schedulePrune(of: member.name)
    } else {
      erase(member.name)
    }
  }

  private mutating func schedulePrune(of node: NodeName) {
    schedule(.prune(node), after: configuration.leaving.broadcastTimeout + configuration.leaving.propagateDelay)
  }

  /// The wait is over. A member that has meanwhile taken the leave back stays, and one that still lives is waited for: Go erases both, and they
  /// are then alive for the gossip layer and invisible here until they fail and return.
  mutating func pruneDue(_ node: NodeName) {
    if let row = table[node], row.member.status == .leaving, membership.member(node)?.state.isLive == true {
      return schedulePrune(of: node)
    }
    pruning.remove(node)
    guard let row = table[node], row.member.status != .alive else { return }
    erase(node)
  }

  private mutating func erase(_ node: NodeName) {
    guard let member = table.remove(node) else { return }
    deliver(.reap, member)
  }
}
