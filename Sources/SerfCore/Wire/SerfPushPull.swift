package import SerfWire

/// The part of Serf's state that a member sends in a push/pull (message 2): clocks, intents and recent events.
///
/// Decoding checks everything; the lists are then read from the received bytes with `next()`.
package struct SerfPushPull: ~Escapable {
  /// The member clock.
  package private(set) var time: LamportTime
  /// The newest intent time of each member.
  package private(set) var statusTimes: TimeMap
  /// Members that have left; a receiver sees no leave message for them any more.
  package private(set) var leftMembers: StringList
  /// The event clock.
  package private(set) var eventTime: LamportTime
  /// Recent events, by Lamport time.
  package private(set) var events: EventSlotList
  /// The query clock.
  package private(set) var queryTime: LamportTime
  /// Recent events with large payloads, as offers, which only our own members send.
  package private(set) var offers: StringList
  /// The state of the sender's program, which only our own members send; nil if there is none.
  package let user: RawSpan?

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    time = 0
    statusTimes = TimeMap()
    leftMembers = StringList()
    eventTime = 0
    events = EventSlotList()
    offers = StringList()
    queryTime = 0
    var user: RawSpan? = nil
    var fields = try reader.readStruct()
    while let key = try reader.nextField(
      &fields, declared: "LTime StatusLTimes LeftMembers EventLTime Events QueryLTime Offers User")
    {
      if key.equals("EventLTime") {
        eventTime = try reader.readInteger()
      } else if key.equals("Events") {
        events = try EventSlotList(&reader)
      } else if key.equals("LTime") {
        time = try reader.readInteger()
      } else if key.equals("LeftMembers") {
        leftMembers = try StringList(&reader)
      } else if key.equals("Offers") {
        offers = try StringList(&reader)
      } else if key.equals("QueryLTime") {
        queryTime = try reader.readInteger()
      } else if key.equals("StatusLTimes") {
        statusTimes = try TimeMap(&reader)
      } else if key.equals("User") {
        user = try reader.readBytes()
      } else {
        try reader.skip()
      }
    }
    self.user = user
  }
}

/// The events of a push/pull: Go sends its ring of 512 slots, mostly nil; the nil ones are skipped (`serf.md` section 3).
package struct EventSlotList: ~Escapable {
  private var reader: MessagePackReader
  private var slotsLeft: Int

  /// The empty list.
  @_lifetime(immortal)
  package init() {
    reader = MessagePackReader(RawSpan())
    slotsLeft = 0
  }

  @_lifetime(copy reader) @_lifetime(reader: copy reader)
  init(_ reader: inout MessagePackReader) throws(WireError) {
    slotsLeft = try reader.readArrayHeader()
    self.reader = MessagePackReader(reader.rest)
    for _ in 0..<slotsLeft where !reader.readNil() { _ = try EventSlot(&reader) }
  }

  /// The next slot that holds events, nil after the last.
  @_lifetime(copy self) @_lifetime(self: copy self)
  package mutating func next() -> EventSlot? {
    while slotsLeft > 0 {
      slotsLeft -= 1
      if !reader.readNil() { return try? EventSlot(&reader) }
    }
    return nil
  }
}

/// The events of one Lamport time.
package struct EventSlot: ~Escapable {
  /// One event. It does not say whether it may be coalesced.
  package struct Event: ~Escapable {
    package private(set) var name: RawSpan
    package let payload: RawSpan?

    @_lifetime(copy reader) @_lifetime(reader: copy reader)
    init(_ reader: inout MessagePackReader) throws(WireError) {
      name = RawSpan()
      var payload: RawSpan? = nil
      var fields = try reader.readStruct()
      while let key = try reader.nextField(&fields, declared: "Name Payload") {
        if key.equals("Name") {
          name = try reader.readString()
        } else if key.equals("Payload") {
          payload = try reader.readBytes()
        } else {
          try reader.skip()
        }
      }
      self.payload = payload
    }
  }

  package private(set) var time: LamportTime
  private var reader: MessagePackReader
  /// Events that have not been given out.
  package private(set) var count: Int

  @_lifetime(copy reader) @_lifetime(reader: copy reader)
  init(_ reader: inout MessagePackReader) throws(WireError) {
    time = 0
    count = 0
    self.reader = MessagePackReader(RawSpan())
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "LTime Events") {
      if key.equals("Events") {
        count = try reader.readArrayHeader()
        self.reader = MessagePackReader(reader.rest)
        for _ in 0..<count { _ = try Event(&reader) }
      } else if key.equals("LTime") {
        time = try reader.readInteger()
      } else {
        try reader.skip()
      }
    }
  }

  /// The next event, nil after the last.
  @_lifetime(copy self) @_lifetime(self: copy self)
  package mutating func next() -> Event? {
    guard count > 0 else { return nil }
    count -= 1
    return try? Event(&reader)
  }
}

/// Writes the state that ``SerfPushPull`` reads, part by part, because its length grows with the cluster. Every part begins with its count. Make the
/// calls in the order of the functions.
package struct SerfPushPullWriter: ~Copyable {
  private var writer: MessagePackWriter

  /// Begins with the event clock and the number of slots that follow. Go sends nil for empty slots; they can be left out.
  ///
  /// - Parameters:
  ///   - hasOffers: whether ``offers(_:)`` follows behind the members that have left.
  ///   - hasUser: whether ``user(_:)`` follows at the end.
  package init(taking bytes: inout [UInt8], eventTime: LamportTime, slots: Int, hasOffers: Bool = false, hasUser: Bool = false) {
    writer = MessagePackWriter(taking: &bytes)
    writer.raw(SerfMessageType.pushPull.rawValue)
    writer.map(6 + (hasOffers ? 1 : 0) + (hasUser ? 1 : 0))
    writer.field("EventLTime", eventTime)
    writer.string("Events")
    writer.array(slots)
  }

  /// A slot and the number of its events that follow.
  package mutating func slot(time: LamportTime, events: Int) {
    writer.map(2)
    pendingSlotTime = time
    eventsLeft = events
    writer.string("Events")
    writer.array(events)
    endSlot()
  }

  /// An event of the slot.
  package mutating func event(name: RawSpan, payload: RawSpan?) {
    writer.map(2)
    writer.field("Name", string: name)
    writer.field("Payload", binary: payload)
    eventsLeft -= 1
    endSlot()
  }

  /// The member clock, and the number of members that have left, which follow.
  package mutating func clock(_ time: LamportTime, left: Int) {
    writer.field("LTime", time)
    writer.string("LeftMembers")
    writer.array(left)
  }

  /// A member that has left.
  package mutating func left(_ name: RawSpan) { writer.string(name) }

  /// The offers of recent events with large payloads.
  package mutating func offers(_ offers: [[UInt8]]) {
    writer.string("Offers")
    writer.array(offers.count)
    for offer in offers { writer.binary(offer) }
  }

  /// The query clock, and the number of members whose intent times follow.
  package mutating func queryClock(_ time: LamportTime, statuses: Int) {
    writer.field("QueryLTime", time)
    writer.string("StatusLTimes")
    writer.map(statuses)
  }

  /// A member's newest intent time.
  package mutating func status(_ name: RawSpan, _ time: LamportTime) {
    writer.string(name)
    writer.integer(time)
  }

  /// The state of our own program.
  package mutating func user(_ state: RawSpan) { writer.field("User", binary: state) }

  /// Gives the array back.
  package consuming func finish() -> [UInt8] { writer.finish() }

  // A slot's time comes after its events.
  private var pendingSlotTime: LamportTime = 0
  private var eventsLeft = 0

  private mutating func endSlot() {
    if eventsLeft == 0 { writer.field("LTime", pendingSlotTime) }
  }
}
