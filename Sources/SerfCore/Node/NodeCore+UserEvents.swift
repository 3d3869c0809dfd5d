import Memberlist
package import SerfPrimitives
import SerfWire

/// User events: our own, and those of other members (`serf.md` section 8).
extension NodeCore {
  /// Sends an event to every member, this one included. An empty name is allowed.
  ///
  /// An event that does not fit into one packet is carried by other means than gossip and is slower; the transport's packet budget decides. One above
  /// 16 KiB is offered: members fetch it.
  package mutating func userEvent(name: [UInt8], payload: [UInt8], coalesce: Bool, at now: Instant) throws(SerfCoreError) {
    _ = try send(name, payload, coalesce: coalesce, request: nil, at: now)
  }

  /// The same, but an event that Go members take waits for earlier ones if too many are on their way. Then the result is false, and the reply comes when
  /// it is sent.
  @discardableResult
  package mutating func userEvent(
    name: [UInt8], payload: [UInt8], coalesce: Bool, request: RequestID, at now: Instant
  ) throws(SerfCoreError) -> Bool {
    try send(name, payload, coalesce: coalesce, request: request, at: now)
  }

  private mutating func send(
    _ name: [UInt8], _ payload: [UInt8], coalesce: Bool, request: RequestID?, at now: Instant
  ) throws(SerfCoreError) -> Bool {
    guard status == .alive || status == .leaving else { throw .notAlive(status) }
    let encoded = encodeEvent(name, payload, coalesce: coalesce)
    // Go also compares the name and payload alone, which are always fewer bytes.
    let limit = configuration.userEvents.sizeLimit
    guard encoded.count <= limit else {
      throw .userEventTooLarge(name: name, encoded: encoded.count, content: name.count + payload.count, limit: limit)
    }
    self.now = now
    if Self.isOffered(encoded.count) {
      try offerEvent(name: name, payload: payload, coalesce: coalesce)
    } else if let request, !Self.isLarge(encoded.count), !takeEventTurn() {
      let limit = configuration.membership.limits.queuedBroadcasts
      guard pacing.waiting.count < limit else { throw .tooManyEvents(limit: limit) }
      pacing.waiting.append(WaitingEvent(name: name, payload: payload, coalesce: coalesce, request: request))
      return false
    } else {
      sendEvent(name, payload, coalesce: coalesce, encoded: encoded)
    }
    return true
  }

  /// An event with the time that it has if it is sent now.
  mutating func encodeEvent(_ name: [UInt8], _ payload: [UInt8], coalesce: Bool) -> [UInt8] {
    var encoded = takeScratch()
    UserEventMessage(time: eventClock.time, name: name.span.bytes, payload: payload.span.bytes, coalesce: coalesce).encode(into: &encoded)
    return encoded
  }

  /// Sends an event that was encoded just now, and whose size has been checked.
  mutating func sendEvent(_ name: [UInt8], _ payload: [UInt8], coalesce: Bool, encoded: [UInt8]) {
    let time = eventClock.tick()
    do {
      let event = try events.insert(
        time: time, name: name.span.bytes, payload: payload.span.bytes, coalesce: coalesce, clock: eventClock.time)
      tell(event)
    } catch {
      // This happens only at the end of the clock's range, where times repeat.
      countEvent(error)
    }
    membership.broadcast(encoded.span.bytes, tier: Self.isLarge(encoded.count) ? .large : .event, at: now)
    scratch = encoded
  }

  /// The event is too large to be pushed: the members are told that it is here.
  private mutating func offerEvent(name: [UInt8], payload: [UInt8], coalesce: Bool) throws(SerfCoreError) {
    let time = eventClock.time
    var message: [UInt8] = []
    UserEventMessage(time: time, name: name.span.bytes, payload: nil, coalesce: coalesce).encode(into: &message)
    let limit = SerfSettings.UserEvents.largestSizeLimit
    guard message.count <= limit else {
      throw .userEventTooLarge(name: name, encoded: message.count, content: name.count, limit: limit)
    }
    _ = eventClock.tick()
    let body = BodyID(digest: SHA256.digest(of: payload.span.bytes), size: payload.count)
    events.note(time)
    tell(UserEvent(time: time, nameBytes: name, payload: payload, coalesce: coalesce))
    broadcastLarge(.event(time, name: SHA256.digest(of: name.span.bytes), body.digest), message, payload: payload, body)
  }

  /// An event arrived, by gossip or in a push/pull, and the clock has taken note of its time; true when it is new, and is passed on.
  mutating func eventReceived(_ message: borrowing UserEventMessage, inPushPull: Bool = false) -> Bool {
    var payload = RawSpan()
    if let stated = message.payload { payload = stated }
    // No sender may send an event of this size, and a ring full of them could fill the memory.
    guard message.name.byteCount + payload.byteCount <= largestPush else {
      counters.eventsRefused += 1
      diagnose(.limitReached(.eventSize))
      return false
    }
    do {
      let event = try events.insert(
        time: message.time, name: message.name, payload: payload, coalesce: message.coalesce, clock: eventClock.time)
      tell(event)
      return true
    } catch {
      countEvent(error, inPushPull: inPushPull)
      return false
    }
  }

  /// The most bytes of an event that is not offered, but sent as it is.
  private var largestPush: Int {
    membership.transport.statesPeerFeatures ? SerfSettings.LargeMessages.pushLimit : SerfSettings.UserEvents.largestSizeLimit
  }

  mutating func countEvent(_ refusal: RingRefusal, inPushPull: Bool = false) {
    switch refusal {
    case .duplicate: counters.eventsDuplicate += 1
    case .notWanted: counters.eventsNotWanted += 1
    case .tooOld:
      counters.eventsTooOld += 1
      // The oldest events of a member whose clock is a little behind ours are too old here, and were here long ago. Gossip brings none that is so old
      // unless more is on its way than we remember.
      if !inPushPull { diagnose(.limitReached(.eventsOnTheWay)) }
    case .full:
      counters.eventsRefused += 1
      diagnose(.limitReached(.eventsPerTime))
    }
  }
}
