import Memberlist
import SerfPrimitives

/// The three Lamport clocks against times that are too far away (`secure-transport.md` 3.3).
///
/// Hostile times can move some clocks of a cluster and not others. Then what one member sends is too far ahead, or too old, for another. Push/pulls
/// out of turn bring such members together again:
///
/// - Where a push/pull brings the clocks only part of the way, it is repeated at once with the same member.
/// - Where gossip shows that its sender's clock is far from ours, we exchange states with the member that delivered it.
/// - If a push/pull moved a member's clock to a value that no honest clock reaches, the member passes that value on to a few others.
///
/// The gossip layer limits their number.
extension NodeCore {
  // MARK: Gossip

  /// Every message moves its clock before it is handled otherwise. False when its time is not plausible.
  mutating func witnessMember(_ time: LamportTime, _ type: SerfMessageType, from peer: Peer) -> Bool {
    isPlausible(memberClock.witness(time), time, type, from: peer)
  }

  mutating func witnessEvent(_ time: LamportTime, _ type: SerfMessageType, from peer: Peer) -> Bool {
    isPlausible(eventClock.witness(time), time, type, from: peer)
  }

  mutating func witnessQuery(_ time: LamportTime, _ type: SerfMessageType, from peer: Peer) -> Bool {
    isPlausible(queryClock.witness(time), time, type, from: peer)
  }

  private mutating func isPlausible(
    _ distance: LamportClock.Distance, _ time: LamportTime, _ type: SerfMessageType, from peer: Peer
  ) -> Bool {
    guard distance != .near else { return true }
    if distance == .ahead { implausible(time, type, from: peer) }
    // At most once per pause, however many such messages there are.
    if askedForClocksAt.map({ now - $0 >= Self.clockPause }) ?? true {
      askedForClocksAt = now
      membership.pushPull(with: peer, at: now)
    }
    return distance == .behind
  }

  private mutating func implausible(_ time: LamportTime, _ type: SerfMessageType, from peer: Peer) {
    counters.implausibleTimes += 1
    diagnose(.implausibleTime(type, time, from: peer))
  }

  // MARK: Push/pull

  var clocks: Clocks { Clocks(member: memberClock.time, event: eventClock.time, query: queryClock.time) }

  /// Raises each clock to the sender's, as far as one push/pull may. Each clock is judged by itself, and the exchange goes on whatever the values
  /// are.
  mutating func raiseClocks(_ meeting: inout ClockMeeting, from peer: Peer) {
    note(memberClock.raise(to: meeting.theirs.member, within: meeting.bounds.member), meeting.theirs.member, &meeting, from: peer)
    note(eventClock.raise(to: meeting.theirs.event, within: meeting.bounds.event), meeting.theirs.event, &meeting, from: peer)
    note(queryClock.raise(to: meeting.theirs.query, within: meeting.bounds.query), meeting.theirs.query, &meeting, from: peer)
  }

  /// A push/pull contains an intent of this time. False when the time is beyond what the exchange may raise the clock to: then the intent must not
  /// count.
  mutating func raiseMemberClock(after time: LamportTime, _ meeting: inout ClockMeeting, from peer: Peer) -> Bool {
    let isWithin = memberClock.raise(to: LamportClock.successor(of: time), within: meeting.bounds.member)
    note(isWithin, time, &meeting, from: peer)
    return isWithin
  }

  /// The same for events.
  mutating func raiseEventClock(after time: LamportTime, _ meeting: inout ClockMeeting, from peer: Peer) -> Bool {
    let isWithin = eventClock.raise(to: LamportClock.successor(of: time), within: meeting.bounds.event)
    note(isWithin, time, &meeting, from: peer)
    return isWithin
  }

  private mutating func note(_ isWithin: Bool, _ time: LamportTime, _ meeting: inout ClockMeeting, from peer: Peer) {
    guard !isWithin else { return }
    meeting.isCut = true
    implausible(time, .pushPull, from: peer)
  }

  /// A push/pull has been merged.
  mutating func clocksMet(_ meeting: ClockMeeting, isReply: Bool, with peer: Peer) {
    // The member that opened the exchange can say with whom to repeat it. The other one knows the opener of a TCP connection by its host at best. So
    // the opener repeats it for both.
    if meeting.isCut || isReply && meeting.isTheirsCut { membership.pushPull(with: peer, at: now) }
    guard !spreadsClocks, clocks.areFarAbove(meeting.before) else { return }
    spreadsClocks = true
    schedule(.spreadClocks, after: Self.clockPause + random.fraction(of: Self.clockPause))
  }

  /// Passes the values of our clocks on. Our join intent overrides, at every member that gets it, what was said about us at times that our clock had
  /// not reached.
  mutating func spreadClocks() {
    spreadsClocks = false
    guard status == .alive else { return }
    membership.pushPull(withOthers: configuration.membership.gossip.fanout, at: now)
    broadcastJoinIntent()
  }

  /// The pause between two push/pulls that gossip causes, and the one before the values of our clocks are passed on.
  private static var clockPause: Duration { .seconds(1) }
}

/// The values of the three clocks.
struct Clocks: Hashable, Sendable {
  var member: LamportTime
  var event: LamportTime
  var query: LamportTime

  /// What one push/pull may raise them to.
  var exchangeBounds: Clocks {
    Clocks(
      member: LamportClock.exchangeBound(of: member), event: LamportClock.exchangeBound(of: event),
      query: LamportClock.exchangeBound(of: query))
  }

  /// Whether one of them rose to a value that no honest clock has, and farther than peers follow through gossip.
  func areFarAbove(_ before: Clocks) -> Bool {
    func isFar(_ time: LamportTime, above before: LamportTime) -> Bool {
      time > LamportClock.gossipHeight && time > before && time - before > LamportClock.gossipLead
    }
    return isFar(member, above: before.member) || isFar(event, above: before.event) || isFar(query, above: before.query)
  }
}

/// The clocks of two members in one push/pull.
struct ClockMeeting: Sendable {
  /// Ours before the exchange.
  let before: Clocks
  /// What this exchange may raise ours to, whatever it contains.
  let bounds: Clocks
  /// The sender's.
  let theirs: Clocks
  /// Whether it contained a time beyond our bound.
  var isCut = false
  /// Whether ours are beyond what the same exchange may raise the sender's to.
  let isTheirsCut: Bool

  init(_ ours: Clocks, theirs: Clocks) {
    before = ours
    self.theirs = theirs
    bounds = ours.exchangeBounds
    let theirBounds = theirs.exchangeBounds
    isTheirsCut = ours.member > theirBounds.member || ours.event > theirBounds.event || ours.query > theirBounds.query
  }
}
