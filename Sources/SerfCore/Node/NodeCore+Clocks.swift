import Memberlist
import SerfPrimitives

/// The three Lamport clocks against times that are too far away (`secure-transport.md` 3.3).
///
/// Hostile times can move some clocks of a cluster and not others. Then what one member sends is too far ahead, or too old, for another. Such
/// members find together by push/pulls out of turn:
///
/// - Where a push/pull brings the clocks only part of the way, it is repeated at once with the same member.
/// - Where gossip shows that its sender's clock is far from ours, we exchange states with the member that delivered it.
/// - A member whose clock a push/pull moved to a height that no honest one reaches passes that on to a few others.
///
/// The gossip layer bounds how many there are in all.
extension NodeCore {
  // MARK: Gossip

  /// Every message moves its clock before anything else is asked of it. False when its time cannot be true.
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
    // Once in a while, however many such messages there are.
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

  /// Raises each clock to the sender's, as far as one push/pull may. Each is judged by itself, and the exchange goes on whatever they are.
  mutating func raiseClocks(_ meeting: inout ClockMeeting, from peer: Peer) {
    note(memberClock.raise(to: meeting.theirs.member, within: meeting.bounds.member), meeting.theirs.member, &meeting, from: peer)
    note(eventClock.raise(to: meeting.theirs.event, within: meeting.bounds.event), meeting.theirs.event, &meeting, from: peer)
    note(queryClock.raise(to: meeting.theirs.query, within: meeting.bounds.query), meeting.theirs.query, &meeting, from: peer)
  }

  /// An intent of this time stands in a push/pull. False when it is beyond what the exchange may raise the clock to: then it must not count.
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
    // Whoever opened it can say with whom to repeat it; who was asked knows the other side of a TCP connection by its host at best. So the
    // one that opened it repeats it for both.
    if meeting.isCut || isReply && meeting.isTheirsCut { membership.pushPull(with: peer, at: now) }
    guard !spreadsClocks, clocks.areFarAbove(meeting.before) else { return }
    spreadsClocks = true
    schedule(.spreadClocks, after: Self.clockPause + random.fraction(of: Self.clockPause))
  }

  /// Passes the height of our clocks on. The join intent takes back, wherever it comes, what was said of us at times that we did not know.
  mutating func spreadClocks() {
    spreadsClocks = false
    guard status == .alive else { return }
    membership.pushPull(withOthers: configuration.membership.gossip.fanout, at: now)
    broadcastJoinIntent()
  }

  /// Between two push/pulls that gossip causes, and before the height of our clocks is passed on.
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

  /// Whether one of them went up to where no honest clock is, and farther than peers follow by gossip.
  func areFarAbove(_ before: Clocks) -> Bool {
    func isFar(_ time: LamportTime, above before: LamportTime) -> Bool {
      time > LamportClock.gossipHeight && time > before && time - before > LamportClock.gossipLead
    }
    return isFar(member, above: before.member) || isFar(event, above: before.event) || isFar(query, above: before.query)
  }
}

/// The clocks of two members in one push/pull.
struct ClockMeeting: Sendable {
  /// Ours when the exchange came.
  let before: Clocks
  /// What this exchange may raise ours to, whatever stands in it.
  let bounds: Clocks
  /// The sender's.
  let theirs: Clocks
  /// Whether a time in it was beyond our bound.
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
