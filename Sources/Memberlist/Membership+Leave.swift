package import SerfPrimitives

/// How far a leave has come.
enum Departure: Hashable, Sendable {
  case none
  /// The news is being spread.
  case spreading
  case done

  /// Names the broadcast of our own death; the layer above never uses this number.
  static let notice = BroadcastID(.max)
}

// Leaving (`memberlist.md` section 4.13).
extension Membership {
  /// Says goodbye: this node is `left` to every member that the news reaches, and ``MembershipOutput/leaveFinished(isComplete:)`` says that the news
  /// was sent out often enough, or that `timeout` (nil: none) ran out first.
  ///
  /// The node goes on answering and gossiping, so that the news spreads, until its owner closes it. A second call does nothing.
  package mutating func leave(timeout: Duration?, at now: Instant) {
    lastInput = now
    guard !isLeaving else { return }
    departure = .spreading
    let isAlone = !hasOtherLive
    guard hasStarted else { return departureSpread() }
    declareDead(me, incarnation, by: name, notice: isAlone ? nil : Departure.notice, at: now)
    if isAlone { return departureSpread() }
    if let timeout { timers.schedule(.departure, at: now + timeout) }
  }

  /// The last packets of a node that stops at once: a message of the layer above to each of as many members as gossip reaches in a round. They go to
  /// members with a connection first, because there is no time to make one. Best effort, and no change here.
  package mutating func sendFarewell(_ message: RawSpan) {
    guard hasStarted else { return }
    let me = me
    pickWarmFirst(configuration.gossip.fanout) { index, state in index != me && state.state.isLive }
    for index in gossipSchedule.picked { sendUserMessage(message, to: destination(index)) }
  }

  mutating func departureSpread() {
    guard departure == .spreading else { return }
    departure = .done
    outbox.push(.leaveFinished(isComplete: true))
  }

  mutating func departureExpired() {
    guard departure == .spreading else { return }
    departure = .done
    outbox.push(.leaveFinished(isComplete: false))
  }

  /// A member suspects us after we left: the news goes out once more.
  mutating func repeatDeparture() {
    guard departure == .done, table[me].state == .left else { return }
    if let handle = table[me].broadcast, dissemination[.membership].contains(handle) { return }
    queueAccusation(me, .left, by: name)
  }
}
