import SerfPrimitives

/// What the application hears, and when: at once, or at the end of a window in which events are collected (`serf.md` section 14).
///
/// ```
///  member table ──▶ memberChanged (log, at once)
///        └────────▶ MemberCoalescer ────┐
///  event ring ────▶ UserEventCoalescer ─┴──▶ event (subscribers)
/// ```
extension NodeCore {
  /// Something happened to a member. The member table is up to date already.
  mutating func tell(_ kind: MemberEvent.Kind, _ member: SerfMember) {
    outbox.push(.memberChanged(kind, member))
    guard configuration.coalescing.members.isOpen else { return outbox.push(.event(.member(MemberEvent(kind, [member])))) }
    if memberEvents.isFull(for: member.name) {
      counters.flushesEarly += 1
      flushMembers()
    }
    if memberEvents.insert(kind, member) { counters.eventsCoalesced += 1 }
    if let time = memberEvents.window.opened(at: now) { timers.schedule(.flushMembers, at: time) }
  }

  /// A user event is new.
  mutating func tell(_ event: UserEvent) {
    counters.eventsDelivered += 1
    guard event.coalesce, configuration.coalescing.userEvents.isOpen else { return outbox.push(.event(.user(event))) }
    if userEvents.isFull(for: event) {
      counters.flushesEarly += 1
      flushUserEvents()
    }
    counters.eventsCoalesced += UInt64(userEvents.insert(event))
    if let time = userEvents.window.opened(at: now) { timers.schedule(.flushUserEvents, at: time) }
  }

  mutating func memberTimerFired() {
    switch memberEvents.window.timerFired(at: now) {
    case .flush: flushMembers()
    case .wait(let time): timers.schedule(.flushMembers, at: time)
    case .idle: break
    }
  }

  mutating func userEventTimerFired() {
    switch userEvents.window.timerFired(at: now) {
    case .flush: flushUserEvents()
    case .wait(let time): timers.schedule(.flushUserEvents, at: time)
    case .idle: break
    }
  }

  /// The node ends: what waits is delivered now.
  mutating func flushEvents() {
    flushUserEvents()
    flushMembers()
  }

  private mutating func flushMembers() {
    for event in memberEvents.flush() { outbox.push(.event(.member(event))) }
  }

  private mutating func flushUserEvents() {
    for event in userEvents.flush() { outbox.push(.event(.user(event))) }
  }
}
