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
/// So no more than half of that number are on their way from here at once; the others wait here, in order.
extension NodeCore {
  /// How many events may be on their way.
  private var eventsOnTheWay: Int { max(1, configuration.userEvents.bufferSize / 2) }

  /// Whether an event that is to be sent now has to wait.
  var mustEventWait: Bool { !waitingEvents.isEmpty || !hasRoomForEvent }

  private var hasRoomForEvent: Bool {
    !membership.forwards || membership.queueDepth(.event) < eventsOnTheWay || !membership.hasOtherLive
  }

  /// Sends what waits, as far as there is room; false if nothing was sent.
  mutating func sendWaitingEvents() -> Bool {
    var isSent = false
    while !waitingEvents.isEmpty, hasRoomForEvent, let event = waitingEvents.popFirst() {
      let encoded = encodeEvent(event.name, event.payload, coalesce: event.coalesce)
      sendEvent(event.name, event.payload, coalesce: event.coalesce, encoded: encoded)
      outbox.push(.reply(event.request, .done(isSpread: true)))
      isSent = true
    }
    return isSent
  }
}
