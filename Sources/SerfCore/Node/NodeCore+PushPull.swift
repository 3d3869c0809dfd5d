import Memberlist
package import SerfPrimitives
import SerfWire

/// Serf's part of a push/pull, which carries what gossip may have missed (`serf.md` section 7).
extension NodeCore {
  // MARK: Sending

  /// Appends a whole push/pull message: the gossip layer's state and ours. For ``ExchangeContent/pushPull(isJoin:with:)``.
  package mutating func encodePushPull(isJoin: Bool, with name: NodeName?, into bytes: inout [UInt8]) {
    var state = takeScratch()
    encodeState(for: name, into: &state)
    membership.encodePushPull(isJoin: isJoin, userState: state.span.bytes, into: &bytes)
    if state.capacity <= Self.keptCapacity { scratch = state }
  }

  /// Writes the three clocks, every member's newest intent time, the members that have left, the events that are still remembered, offers of the large
  /// ones, and the program's own state; the last two if this member reads them.
  private func encodeState(for name: NodeName?, into bytes: inout [UInt8]) {
    let user = userState(for: name)
    let offers = replayedOffers(for: name)
    let slots = events.newest(within: configuration.userEvents.replayLimit)
    let takesLarge = !membership.transport.statesPeerFeatures || readsLarge(name)
    // Go sends its ring as it is, 512 slots and most of them nil. A receiver takes any number.
    var writer = SerfPushPullWriter(
      taking: &bytes, eventTime: eventClock.time, slots: slots.count, hasOffers: !offers.isEmpty, hasUser: user != nil)
    for slot in slots {
      let events = takesLarge ? slot.events : slot.events.filter { !Self.isLarge($0.nameBytes.count + $0.payload.count) }
      writer.slot(time: slot.time, events: events.count)
      for event in events { writer.event(name: event.nameBytes.span.bytes, payload: event.payload.bytes.span.bytes) }
    }
    writer.clock(memberClock.time, left: table.count(of: .left))
    for row in table.rows where row.member.status == .left { writer.left(row.member.name.bytes.span.bytes) }
    if !offers.isEmpty { writer.offers(offers) }
    writer.queryClock(queryClock.time, statuses: table.count)
    for row in table.rows {
      // Receivers take the time of a member that has not left for that of a join. If they then heard of the leave with the same time, they would not
      // believe it, and would see the member fail.
      let time = row.member.status == .leaving && row.intentTime > 0 ? row.intentTime - 1 : row.intentTime
      writer.status(row.member.name.bytes.span.bytes, time)
    }
    if let user { writer.user(user.span.bytes) }
    bytes = writer.finish()
  }

  // MARK: Receiving

  /// `isReply`: this node opened the exchange. `join` is set when it did so to join.
  mutating func stateReceived(_ slot: PacketSlot, isJoin: Bool, isReply: Bool, join: JoinID?, from peer: Peer) {
    counters.statesReceived += 1
    var state: [UInt8] = []
    swap(&state, &inbox)
    state.removeAll(keepingCapacity: true)
    state.append(copying: membership.bytes(slot))
    do throws(WireError) {
      try merge(state.span.bytes, isJoin: isJoin, isReply: isReply, join: join, from: peer)
    } catch {
      counters.statesMalformed += 1
      diagnose(.malformed(.pushPull, error, from: peer))
    }
    // A large cluster's state would otherwise keep its memory for as long as the node lives.
    if state.capacity <= Self.keptCapacity { swap(&state, &inbox) }
  }

  private mutating func merge(
    _ bytes: RawSpan, isJoin: Bool, isReply: Bool, join: JoinID?, from peer: Peer
  ) throws(WireError) {
    guard !bytes.isEmpty else { throw .empty }
    guard bytes[checked: 0] == SerfMessageType.pushPull.rawValue else { throw .unexpectedType }
    let state = try SerfPushPull(decoding: bytes.extracting(droppingFirst: 1))

    var meeting = ClockMeeting(clocks, theirs: Clocks(member: state.time, event: state.eventTime, query: state.queryTime))
    raiseClocks(&meeting, from: peer)
    mergeIntents(state, &meeting, from: peer)
    limitReplay(join: join, eventTime: state.eventTime, bound: meeting.bounds.event)
    mergeEvents(state, &meeting, from: peer)
    mergeOffers(state.offers, &meeting, from: peer)
    clocksMet(meeting, isReply: isReply, with: peer)
    if let user = state.user { userStateReceived(user, isJoin: isJoin, from: peer) }
  }

  /// Intents from a push/pull are not gossiped: exchanges reach all members in time.
  private mutating func mergeIntents(_ state: borrowing SerfPushPull, _ meeting: inout ClockMeeting, from peer: Peer) {
    // Twice as many as there can be members, the same limit as for the members themselves. Without it a state of short entries could have ten
    // million.
    let limit = 2 * configuration.membership.limits.members
    var left: [NodeName: LamportTime] = [:]
    var names = state.leftMembers
    var count = 0
    while let name = names.next() {
      count += 1
      guard count <= limit else { return diagnose(.limitReached(.stateEntries)) }
      left[membership.nodeName(name)] = 0
    }
    if !left.isEmpty {
      var times = state.statusTimes
      count = 0
      while count <= limit, let entry = times.next() {
        count += 1
        let name = membership.nodeName(entry.key)
        if left[name] != nil { left[name] = entry.time }
      }
      names = state.leftMembers
      while let name = names.next() {
        // The time at which it left is not stated; this one is just above the newest intent that the sender has.
        let name = membership.nodeName(name)
        let time = LamportClock.successor(of: left[name] ?? 0)
        mergeIntent(Intent(.leave, at: time, isImplied: true), name, &meeting, from: peer)
      }
    }
    var times = state.statusTimes
    count = 0
    while let entry = times.next() {
      count += 1
      guard count <= limit else { return diagnose(.limitReached(.stateEntries)) }
      let name = membership.nodeName(entry.key)
      if left[name] == nil { mergeIntent(Intent(.join, at: entry.time, isImplied: true), name, &meeting, from: peer) }
    }
  }

  private mutating func mergeIntent(_ intent: Intent, _ node: NodeName, _ meeting: inout ClockMeeting, from peer: Peer) {
    guard raiseMemberClock(after: intent.time, &meeting, from: peer) else { return }
    _ = intentReceived(intent, about: node)
  }

  private mutating func mergeEvents(_ state: borrowing SerfPushPull, _ meeting: inout ClockMeeting, from peer: Peer) {
    var slots = state.events
    while var slot = slots.next() {
      let time = slot.time
      // Its time is not plausible yet: the push/pull that follows brings the events again.
      guard slot.count == 0 || raiseEventClock(after: time, &meeting, from: peer) else { continue }
      while let event = slot.next() {
        _ = eventReceived(UserEventMessage(time: time, name: event.name, payload: event.payload, coalesce: false), inPushPull: true)
      }
    }
  }

  /// The first push/pull of a node's life brings old events only if the node wants them, whichever side opened it. If a later one brings an event
  /// that the node has not seen, the node has missed it. Our own join can ask for the old ones, or not, at any time.
  private mutating func limitReplay(join: JoinID?, eventTime: LamportTime, bound: LamportTime) {
    let asked = join.flatMap { joins[$0] }.flatMap { $0.request == nil ? nil : $0 }
    if asked?.ignoresOldEvents == false, isReplayLimitImplied {
      events.acceptOldEvents()
      isReplayLimitImplied = false
    }
    let ignoresOld = asked?.ignoresOldEvents ?? (isNewcomer && !wantsOldEvents)
    if ignoresOld {
      isReplayLimitImplied = asked == nil && (isReplayLimitImplied || events.minimumTime == 0)
      events.ignoreEvents(before: min(eventTime, bound))
    }
    // If it was cut off, the limit lies before the sender's newest events. The push/pull that follows raises it.
    isNewcomer = ignoresOld && eventTime > bound
  }

  /// Whether we want old events from the first member that we exchange states with: by our own setting, or because a running join asks for them.
  private var wantsOldEvents: Bool {
    configuration.userEvents.deliversOldEvents || joins.values.contains { $0.request != nil && !$0.ignoresOldEvents }
  }

  private static let keptCapacity = 1 << 20
}
