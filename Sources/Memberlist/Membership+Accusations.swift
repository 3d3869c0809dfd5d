import SerfPrimitives
import SerfWire

// Claims that a member is suspect, dead or gone (`memberlist.md` sections 4.8 and 4.9).
extension Membership {
  // MARK: Suspect

  mutating func suspectReceived(_ suspect: borrowing Suspect, from origin: Origin, at now: Instant) {
    guard let index = accused(suspect.accusation, from: origin, at: now) else { return }
    self.suspect(index, suspect.incarnation, by: suspect.from, from: origin, at: now)
  }

  /// Applies an accusation at an incarnation that is not outdated.
  mutating func suspect(_ index: NodeIndex, _ incarnation: UInt32, by accuser: RawSpan, from origin: Origin, at now: Instant) {
    guard incarnation >= table[index].member.incarnation else { return }
    guard table[index].state == .alive else {
      // Whatever happens next, an alive has to outdo the highest accusation that was ever heard (hazard 13).
      if index != me { table[index].member.incarnation = incarnation }
      if table[index].state == .suspect { confirmSuspicion(of: index, by: accuser, from: origin, at: now) }
      // Accused after leaving: the departure is said again, so that the accuser hears it on our own connection.
      if index == me { repeatDeparture() }
      return
    }
    guard index != me else { return refute(incarnation, origin) }
    counters.suspicions += 1
    table[index].member.incarnation = incarnation
    table[index].state = .suspect
    table[index].changedAt = now
    let multiplier = configuration.suspicion.multiplier
    let minimum = Suspicion.minimum(multiplier: multiplier, nodes: table.count, interval: configuration.probe.interval)
    let accuser = table.name(of: accuser)
    table[index].suspicion = Suspicion(
      accuser: accuser, carrier: origin.carrier,
      expected: Suspicion.expectedConfirmations(multiplier: multiplier, nodes: table.count), minimum: minimum,
      maximum: minimum * configuration.suspicion.maximumMultiplier, at: now)
    armSuspicion(index)
    queueAccusation(index, .suspect, by: accuser)
    diagnose(.suspected(table[index].member.name, by: accuser, deliveredBy: origin.carrier))
  }

  private mutating func confirmSuspicion(of index: NodeIndex, by accuser: RawSpan, from origin: Origin, at now: Instant) {
    guard var suspicion = table[index].suspicion, suspicion.isIndependent(accuser, carrier: origin.carrier) else { return }
    let accuser = table.name(of: accuser)
    // Taken out while it changes, so that its list of voices is not copied.
    table[index].suspicion = nil
    let confirmed = suspicion.confirm(by: accuser, carrier: origin.carrier)
    table[index].suspicion = suspicion
    guard let deadline = confirmed else { return }
    counters.suspicionsConfirmed += 1
    // With this voice the time is already over. If it was this node that stood still, the timer decides instead.
    if deadline <= now, !hasStoodStill(at: now) { return suspicionEnded(index, at: now) }
    armSuspicion(index)
    queueAccusation(index, .suspect, by: accuser)
  }

  /// Schedules a look at the suspicion, unless an entry that is due no later waits already. A member that is accused and refutes again and again must
  /// not fill the timer queue.
  private mutating func armSuspicion(_ index: NodeIndex) {
    guard let suspicion = table[index].suspicion else { return }
    let deadline = suspicion.deadline
    if let due = table[index].suspicionTimer, due <= deadline { return }
    table[index].suspicionTimer = deadline
    timers.schedule(.suspicion(index, due: deadline), at: deadline)
  }

  /// A timer entry is due. In the meantime the suspicion may have ended, or a new one may have begun.
  mutating func suspicionDue(_ index: NodeIndex, due: Instant, at now: Instant) {
    guard table.contains(index) else { return }
    if table[index].suspicionTimer == due { table[index].suspicionTimer = nil }
    guard let suspicion = table[index].suspicion else { return }
    let deadline = suspicion.deadline
    guard deadline <= now else { return armSuspicion(index) }
    // We stood still (suspended, starved): the refutation may be in what we have not read yet. Not in memberlist.
    if now - deadline > stallTolerance {
      table[index].suspicion?.postpone(to: now + configuration.probe.interval)
      counters.probesStalled += 1
      return armSuspicion(index)
    }
    suspicionEnded(index, at: now)
  }

  /// The time of a suspicion is over.
  private mutating func suspicionEnded(_ index: NodeIndex, at now: Instant) {
    // It has spoken to us since, on a connection that proves its name: it lives, and its refutation is still on its way or was lost.
    if transport.provesNames, configuration.adaptsToLoad, let heardAt = table[index].heardAt,
      let since = table[index].suspicion?.listensSince, heardAt > since, !isBeyondRefutation(index)
    {
      table[index].suspicion?.listen(until: now + configuration.probe.interval, at: now)
      counters.doubtfulDeaths += 1
      hastenProbe(of: index, at: now)
      return armSuspicion(index)
    }
    declareDead(index, table[index].member.incarnation, by: name, at: now)
  }

  /// Whether a timer is so overdue that this node itself must have stood still.
  private func hasStoodStill(at now: Instant) -> Bool { timers.nextDeadline.map { now - $0 > stallTolerance } ?? false }

  /// How late a timer may come before we conclude that this node itself stood still.
  var stallTolerance: Duration { max(configuration.probe.timeout, .milliseconds(100)) }

  // MARK: Dead and left

  mutating func deadReceived(_ dead: borrowing Dead, from origin: Origin, at now: Instant) {
    guard let index = accused(dead.accusation, from: origin, at: now) else { return }
    self.dead(index, dead.incarnation, by: dead.from, from: origin, at: now)
  }

  /// Applies a death notice at an incarnation that is not outdated; `accuser` is the node itself when it leaves.
  mutating func dead(_ index: NodeIndex, _ incarnation: UInt32, by accuser: RawSpan, from origin: Origin, at now: Instant) {
    guard incarnation >= table[index].member.incarnation else { return }
    guard table[index].state.isLive else {
      if index != me { table[index].member.incarnation = incarnation }
      return
    }
    if index == me { return refute(incarnation, origin) }
    if isDoubtful(index, origin, at: now) {
      counters.doubtfulDeaths += 1
      diagnose(
        .doubtfulDeath(
          table[index].member.name, by: table.name(of: accuser), deliveredBy: origin.carrier))
      suspect(index, incarnation, by: accuser, from: origin, at: now)
      return hastenProbe(of: index, at: now)
    }
    declareDead(index, incarnation, by: table.name(of: accuser), at: now)
  }

  /// A death notice from a third party about a member that has just spoken to us (`secure-transport.md` 1.9).
  private func isDoubtful(_ index: NodeIndex, _ origin: Origin, at now: Instant) -> Bool {
    guard transport.provesNames, origin.peer != nil, origin.carrier != table[index].member.name else { return false }
    guard let heardAt = table[index].heardAt else { return false }
    return now - heardAt <= configuration.probe.timeout
  }

  /// The member is dead, or has left if it says so itself.
  mutating func declareDead(_ index: NodeIndex, _ incarnation: UInt32, by accuser: NodeName, notice: BroadcastID? = nil, at now: Instant) {
    table[index].suspicion = nil
    table[index].member.incarnation = incarnation
    table[index].state = accuser == table[index].member.name ? .left : .dead
    table[index].changedAt = now
    ring.isStale = true
    counters.deaths += 1
    queueAccusation(index, table[index].state, by: accuser, notice: notice)
    outbox.push(.departed(table[index].member.name))
    outbox.push(.left(table[index].member))
  }

  // MARK: Common

  /// The accused node, unless it is not in the table or the accusation is only a reason for a probe of our own.
  private mutating func accused(_ accusation: borrowing Accusation, from origin: Origin, at now: Instant) -> NodeIndex? {
    guard accusation.from.byteCount <= configuration.limits.nameLength else {
      drop(accusation.from, .name, origin)
      return nil
    }
    guard let index = table.find(accusation.node) else { return nil }
    if index == me || countsAsAccusation(accusation.incarnation, of: index, from: origin) { return index }
    drop(accusation.node, .incarnation, origin)
    hastenProbe(of: index, at: now)
    return nil
  }

  /// Queues the news that a node is suspect, dead or gone at the incarnation that we hold.
  mutating func queueAccusation(_ index: NodeIndex, _ state: MemberState, by accuser: NodeName, notice: BroadcastID? = nil) {
    let member = table[index].member
    let accuser = state == .left ? member.name : accuser
    let accusation = Accusation(
      incarnation: member.incarnation, node: member.name.bytes.span.bytes, from: accuser.bytes.span.bytes)
    var message = startDraft()
    accusation.encode(state == .suspect ? .suspect : .dead, into: &message)
    draft = message
    queueDraft(about: index, notice: notice)
  }
}
