import Memberlist
import SerfPrimitives
import SerfWire

/// Members as the gossip layer and the intents report them (`serf.md` section 6).
extension NodeCore {
  // MARK: From the gossip layer

  mutating func memberJoined(_ node: GossipMember) {
    let change = table.joined(
      Self.member(node), pending: intents[node.name], flapTimeout: configuration.reconnecting.flapTimeout, at: now)
    if change.flapped { counters.flaps += 1 }
    noteReadsLarge(node.name)
    deliver(change.event, change.member)
  }

  mutating func memberUpdated(_ node: GossipMember) {
    guard let change = table.updated(Self.member(node), at: now) else { return }
    deliver(change.event, change.member)
  }

  /// The gossip layer tells dead from left by the sender of the notice. We use the intents, as Go does: a member whose leave we heard of has left,
  /// however its end was noticed.
  mutating func memberDeparted(_ node: GossipMember) {
    guard let change = table.departed(node.name, at: now) else { return }
    deliver(change.event, change.member)
  }

  static func member(_ node: GossipMember) -> SerfMember {
    let versions = node.versions
    let status: MemberStatus =
      switch node.state {
      case .alive, .suspect: .alive
      case .dead: .failed
      case .left: .left
      }
    return SerfMember(
      name: node.name, address: node.address, tags: TagMap.decode(meta: node.meta.span.bytes).tags, status: status,
      versions: SerfMember.Versions(
        protocolMinimum: versions.protocolMinimum, protocolMaximum: versions.protocolMaximum, protocolCurrent: versions.protocolCurrent,
        delegateMinimum: versions.delegateMinimum, delegateMaximum: versions.delegateMaximum, delegateCurrent: versions.delegateCurrent))
  }

  /// Tells the application what happened, and the gossip layer how many members there are: the number of transmissions of a broadcast depends on
  /// that.
  mutating func deliver(_ kind: MemberEvent.Kind?, _ member: SerfMember) {
    guard let kind else { return }
    remember(kind, member)
    record(kind, member)
    membership.applicationMemberCount = table.count
    switch kind {
    case .join: counters.joins += 1
    case .leave: counters.leaves += 1
    case .failed: counters.failures += 1
    case .update: counters.updates += 1
    case .reap:
      counters.reaps += 1
      coordinates.forget(member.name)
    }
    tell(kind, member)
    askReconnectTimeout(kind, member)
  }

  // MARK: Intents

  /// An intent arrived, by gossip or in a push/pull; the clock has witnessed its time. True when it is new, and is passed on.
  mutating func intentReceived(_ intent: Intent, about node: NodeName, prune: Bool = false) -> Bool {
    guard let row = table[node] else { return buffer(intent, about: node) }
    // A member says that we leave, and we do not: a newer join intent overrides it everywhere. Go answers only a leave that is newer than our last
    // join. A leave with the same time as that join, from a member that had not heard the join, then stays valid wherever it arrived first.
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
    // The transport may have contacted the failed member again since it died.
    if change.event == .leave { outbox.push(.transport(.departed(node))) }
    deliver(change.event, change.member)
    if prune { self.prune(change.member) }
    return true
  }

  private mutating func buffer(_ intent: Intent, about node: NodeName) -> Bool {
    // No member can have such a name, and 4,096 such names could fill the memory.
    guard !node.isEmpty, node.bytes.count <= configuration.membership.limits.nameLength else {
      counters.intentsRefused += 1
      diagnose(.limitReached(.nameLength))
      return false
    }
    let insertion = intents.insert(intent, for: node, at: now)
    if intent.kind == .leave, insertion != .stale { rememberedLeft(node) }
    switch insertion {
    case .new: return true
    case .stale: counters.intentsStale += 1
    case .refused:
      counters.intentsRefused += 1
      diagnose(.limitReached(.bufferedIntents))
    }
    return false
  }

  /// Tells all members that we are here, with a time newer than any that we have heard.
  mutating func broadcastJoinIntent() {
    let time = memberClock.tick()
    _ = table.intended(Intent(.join, at: time), for: name, at: now)
    broadcast(.intent) { bytes, name in JoinMessage(time: time, node: name).encode(into: &bytes) }
  }

  // MARK: Prune

  /// Forgets a member that is declared gone. A member that is only leaving gets the time that a leave takes. Go sleeps for that time with its member
  /// table locked; we set a timer.
  private mutating func prune(_ member: SerfMember) {
    guard member.name != name else { return }
    if member.status == .leaving {
      // Only once per member, however often it is requested: a flood of such intents must not pile up timers.
      guard pruning.insert(member.name).inserted else { return }
      schedulePrune(of: member.name)
    } else {
      erase(member.name)
    }
  }

  private mutating func schedulePrune(of node: NodeName) {
    schedule(.prune(node), after: configuration.leaving.broadcastTimeout + configuration.leaving.propagateDelay)
  }

  /// The wait is over. A member that has refuted the leave in the meantime stays, and one that is still alive gets more time. Go erases both: they
  /// are then alive for the gossip layer, but not in the member list until they fail and return.
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
