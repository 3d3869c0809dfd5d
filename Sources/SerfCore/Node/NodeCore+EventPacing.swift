import Memberlist
import SerfPrimitives

/// An event of this node that waits until earlier ones have been sent.
struct WaitingEvent: Sendable {
  let name: [UInt8]
  let payload: [UInt8]
  let coalesce: Bool
  let request: RequestID
}

/// Our own events go out no faster than the members can take them.
///
/// A member drops an event whose Lamport time is further back than it remembers (`serf.md` section 8), because it cannot tell whether the event is new.
/// So no more than half of that number are on their way from here at once, those of other members included, and no more than half of it follow in the
/// time of two rounds of gossip, in which the members repeat what was lost. The others wait here, in order.
struct EventPacing: Sendable {
  var waiting = DrainQueue<WaitingEvent>()
  /// How many events may be on their way.
  fileprivate let window: Int
  fileprivate var rate: RateLimit
  fileprivate var isTurnScheduled = false

  init(remembered: Int, gossipInterval: Duration) {
    window = max(1, remembered / 2)
    let rounds = max(gossipInterval.seconds, 0.001) * 2
    rate = RateLimit(perSecond: max(1, Int(Double(window) / rounds)), burst: window, at: .zero)
  }
}

extension NodeCore {
  /// Whether an event may be sent now; then it counts as sent.
  mutating func takeEventTurn() -> Bool { pacing.waiting.isEmpty && takeRoomForEvent() }

  private mutating func takeRoomForEvent() -> Bool {
    guard membership.forwards, membership.hasOtherLive else { return true }
    return membership.queueDepth(.event) < pacing.window && pacing.rate.take(at: now)
  }

  /// Sends what waits, as far as there is room; false if nothing was sent.
  mutating func sendWaitingEvents() -> Bool {
    guard !pacing.waiting.isEmpty else { return false }
    var isSent = false
    while !pacing.waiting.isEmpty, takeRoomForEvent(), let event = pacing.waiting.popFirst() {
      let encoded = encodeEvent(event.name, event.payload, coalesce: event.coalesce)
      sendEvent(event.name, event.payload, coalesce: event.coalesce, encoded: encoded)
      outbox.push(.reply(event.request, .done(isSpread: true)))
      isSent = true
    }
    // Where only the window is full, a round of gossip makes room, and its outputs come here.
    let next = pacing.rate.nextTake(after: now)
    if !pacing.waiting.isEmpty, !pacing.isTurnScheduled, next > now {
      pacing.isTurnScheduled = true
      // Several at once, so that they share packets.
      timers.schedule(.eventTurn, at: max(next, now + .milliseconds(5)))
    }
    return isSent
  }

  /// The next outputs send what may go now.
  mutating func eventTurnDue() { pacing.isTurnScheduled = false }
}
