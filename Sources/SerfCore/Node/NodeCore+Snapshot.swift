import Memberlist
package import SerfPrimitives

/// The snapshot: what this node remembers beyond a restart (`serf.md` section 15).
extension NodeCore {
  // MARK: Restoring

  /// Takes up what the file says, before anything else happens: the clocks go on where they were, and events and queries from before are old.
  mutating func restore() {
    guard let restored = rejoining.restored else {
      if configuration.snapshot.path != nil { recorder = SnapshotRecorder(configuration.snapshot, SnapshotState()) }
      return
    }
    var state = restored.state
    let limits = configuration.membership.limits
    var kept = state.members.filter { $0.key.bytes.count <= limits.nameLength }.sorted { $0.key < $1.key }
    kept = Array(kept.prefix(limits.members))
    rejoining.dropped = state.members.count - kept.count
    state.members = [:]
    for (name, address) in kept { state.members[name] = address }
    let remembered = state.remembered.entries.filter { $0.name.bytes.count <= limits.nameLength && $0.name != name }
    state.remembered = RememberedMembers()
    for entry in remembered { state.remembered.remember(entry.name, at: entry.address) }
    if let time = state.memberTime { memberClock = LamportClock(after: time) }
    if let time = state.eventTime {
      eventClock = LamportClock(after: time)
      events.ignoreEvents(before: LamportClock.successor(of: time))
      // What other members have sent since then is not old: this node has missed it.
      isNewcomer = false
    }
    if let time = state.queryTime {
      queryClock = LamportClock(after: time)
      queries.ignoreQueries(before: LamportClock.successor(of: time))
    }
    counters.snapshotBlocksSkipped = restored.blocksSkipped
    counters.snapshotLinesSkipped = restored.linesSkipped
    let others = kept.filter { $0.key != name }.shuffled(using: &random)
    rejoining.candidates = others.map { JoinTarget($0.value, name: $0.key) }
    // Until they show up, those that were alive are as good as failed.
    healing.remembered = state.remembered
    for (name, address) in others.suffix(RememberedMembers.limit) { healing.restored.remember(name, at: address) }
    if configuration.snapshot.path != nil { recorder = SnapshotRecorder(configuration.snapshot, state) }
  }

  // MARK: Rejoining

  /// Says what was found in the file. The first of its members is asked when the first dial is due.
  mutating func startRejoining() {
    guard let restored = rejoining.restored else { return }
    rejoining.restored = nil
    for finding in restored.findings { diagnose(.snapshot(finding)) }
    if restored.hasLeft { diagnose(.snapshot(.hasLeft)) }
    if rejoining.dropped > 0 { diagnose(.snapshot(.membersDropped(rejoining.dropped))) }
    guard !rejoining.candidates.isEmpty else { return }
    rejoining.tried = rejoining.candidates.count
    diagnose(.snapshot(.restored(members: rejoining.tried)))
    schedule(.forgetRestored, after: configuration.reaping.failedTimeout)
  }

  /// A member that ended while this node was down never shows up here. The file has it as alive for as long as one that failed is a member.
  mutating func forgetRestored() {
    for (name, address) in recorder?.state.members.sorted(by: { $0.key < $1.key }) ?? [] where table[name] == nil {
      guard healing.restored.forget(name) else {
        recorder?.memberGone(name)
        continue
      }
      healing.remembered.remember(name, at: address)
      recorder?.memberFailed(name, at: address)
    }
  }

  /// One member after another, until one has answered. Each must be the member that we remember. There is no join intent, because this node did not
  /// leave; and no event is ignored, because the clocks say which ones are old. A member that has met us meanwhile is asked as well: only an exchange
  /// of states raises its clocks to ours, and until then it would take our next events for old ones.
  mutating func rejoinNext() {
    guard status == .alive else { return }
    guard let target = rejoining.candidates.popLast() else { return diagnose(.snapshot(.notRejoined(rejoining.tried))) }
    if let name = target.name { diagnose(.reconnecting(name, target.address)) }
    let id = JoinID(nextID())
    joins[id] = PendingJoin(purpose: .rejoin, ignoresOldEvents: false)
    membership.join([target], id: id, at: now)
  }

  mutating func rejoinFinished(_ results: [JoinResult]) {
    guard let result = results.first, result.failure == nil else { return rejoinNext() }
    if let name = result.target.name { diagnose(.snapshot(.rejoined(name, result.target.address))) }
    rejoining.candidates = []
  }

  // MARK: Recording

  /// A member has come, gone or moved.
  mutating func record(_ kind: MemberEvent.Kind, _ member: SerfMember) {
    guard recorder != nil else { return }
    switch kind {
    case .join:
      guard SnapshotRecord.canHold(member.name) else {
        counters.snapshotNamesRefused += 1
        return diagnose(.snapshot(.nameRefused(member.name)))
      }
      recorder?.memberAlive(member.name, at: member.address)
    case .update: recorder?.memberMoved(member.name, to: member.address)
    case .failed:
      // A name that the file cannot hold is not in it.
      if SnapshotRecord.canHold(member.name) { recorder?.memberFailed(member.name, at: member.address) }
    case .leave: recorder?.memberGone(member.name)
    case .reap: if !healing.remembered.contains(member.name) { recorder?.memberGone(member.name) }
    }
  }

  /// This node leaves. What it hears from now on is not for the next run.
  mutating func recordLeave() {
    guard recorder != nil else { return }
    noteClocks()
    recorder?.left()
    writeSnapshot()
  }

  /// This node ends: what is not written yet is written now.
  mutating func endSnapshot() {
    guard recorder != nil else { return }
    noteClocks()
    recorder?.ends()
    writeSnapshot()
  }

  private mutating func noteClocks() {
    let eventTime = max(events.newestTime, events.minimumTime == 0 ? 0 : events.minimumTime - 1)
    // While no exchange has told how far the cluster's events have come, the next run has to ask as this one did.
    recorder?.clocksMoved(
      member: memberClock.time - 1, event: isNewcomer && eventTime == 0 ? nil : eventTime, query: queries.newestTime)
  }

  // MARK: Writing

  /// Everything has been handled: if there is something to write, a timer will see to it.
  mutating func scheduleSnapshot() {
    guard recorder != nil, !isSnapshotScheduled else { return }
    noteClocks()
    guard let due = recorder?.nextWrite(after: now) else { return }
    isSnapshotScheduled = true
    timers.schedule(.snapshot, at: due)
  }

  mutating func snapshotDue() {
    isSnapshotScheduled = false
    noteClocks()
    writeSnapshot()
  }

  private mutating func writeSnapshot() {
    guard let (order, lines) = recorder?.nextOrder(at: now) else { return }
    counters.snapshotLines += lines
    outbox.push(.snapshot(order))
  }

  /// The order that the driver had has ended: the file has so many bytes now, or it could not be written.
  package mutating func snapshotWritten(_ result: Result<Int, SnapshotFailure>, at now: Instant) {
    guard let before = recorder, before.isBusy else { return }
    self.now = now
    recorder?.written(result)
    switch result {
    case .success:
      if before.isReplacing { counters.snapshotCompactions += 1 }
      if before.hasFailed { diagnose(.snapshot(.writtenAgain)) }
    case .failure(let failure):
      counters.snapshotFailures += 1
      diagnose(.snapshot(.notWritten(failure)))
    }
    if recorder?.isUrgent == true { writeSnapshot() }
  }

  /// Whether a write runs, or waits for one that runs. A node that ends waits for it, though not for long.
  package var isSnapshotBusy: Bool { recorder?.isBusy ?? false }
}

/// The way back to the cluster after a restart.
struct Rejoining: Sendable {
  /// What the file said, until the node has started.
  var restored: RestoredState?
  /// How many members of the file were too many.
  var dropped = 0
  /// The members that were not asked yet, in an order left to chance; the last is the next.
  var candidates: [JoinTarget] = []
  var tried = 0

  init(_ restored: RestoredState?) { self.restored = restored }
}
