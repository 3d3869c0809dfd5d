import SerfCore
import SerfPrimitives
import Testing

@Suite("a user event")
struct UserEventTests {
  let node: TestNode

  init() throws { node = try TestNode() }

  @Test("that we send is delivered here, queued once and takes the next time")
  func own() throws {
    for index in 0..<2 as Range<UInt8> {
      try node.with { (core, now) throws(SerfCoreError) in
        try core.userEvent(name: Array("deploy".utf8), payload: [index], coalesce: true, at: now)
      }
    }
    #expect(node.userEvents.map { $0.time } == [1, 2])
    #expect(node.userEvents.map { $0.payload } == [[0], [1]])
    #expect(node.userEvents.allSatisfy { $0.coalesce && $0.name == "deploy" })
    #expect(node.core.statistics.eventQueue == 2)
    #expect(node.core.statistics.eventTime == 3)
    // It comes back from other members, and is not new.
    node.gossip(.userEvent("deploy", [0], at: 1))
    #expect(node.userEvents.count == 2)
  }

  /// Sends an event of this size, and gives the error.
  private func refusal(name: [UInt8], payload: Int) -> SerfCoreError? {
    do throws(SerfCoreError) {
      try node.with { (core, now) throws(SerfCoreError) in
        try core.userEvent(name: name, payload: [UInt8](repeating: 0, count: payload), coalesce: false, at: now)
      }
      return nil
    } catch { return error }
  }

  @Test("is refused where its encoding passes the limit, and takes no time", arguments: ["", "job"])
  func sizeLimit(name: String) {
    let name = Array(name.utf8)
    func encoded(_ payload: Int) -> Int {
      var bytes: [UInt8] = []
      UserEventMessage(
        time: 1, name: name.span.bytes, payload: [UInt8](repeating: 0, count: payload).span.bytes, coalesce: false
      ).encode(into: &bytes)
      return bytes.count
    }
    let largest = (0...512).last { encoded($0) <= 512 } ?? 0
    for payload in [largest + 1, 513, 100_000] {
      #expect(
        refusal(name: name, payload: payload)
          == .userEventTooLarge(name: name, encoded: encoded(payload), content: name.count + payload, limit: 512))
      #expect(node.core.statistics.eventTime == 1)
      #expect(node.userEvents.isEmpty)
    }
    #expect(refusal(name: name, payload: largest) == nil)
    #expect(node.userEvents.count == 1)
  }

  @Test("that is too large gives an error which says what was counted")
  func sizeText() {
    let error = refusal(name: Array("job".utf8), payload: 503)
    #expect(error?.description == "the event 'job' takes 536 bytes encoded (506 of name and payload), and the limit is 512")
    let long = refusal(name: [0x1b] + [UInt8](repeating: 0x61, count: 9_999), payload: 0)
    let name = "\\u{1b}" + String(repeating: "a", count: 63) + "…"
    #expect(long?.description == "the event '\(name)' takes 10030 bytes encoded (10000 of name and payload), and the limit is 512")
  }

  @Test("that no member may send is not kept", arguments: [(9_216, 1, 0), (9_217, 0, 1)] as [(Int, Int, UInt64)])
  func foreignTooLarge(size: Int, delivered: Int, refused: UInt64) {
    node.gossip(.userEvent("", [UInt8](repeating: 0, count: size), at: 4))
    #expect(node.userEvents.count == delivered)
    #expect(node.core.counters.eventsRefused == refused)
    #expect(node.core.statistics.eventQueue == delivered)
    #expect(node.limits == (refused == 1 ? [.eventSize] : []))
  }

  @Test("of another member is delivered and passed on once, whatever its age within the buffer")
  func foreign() {
    node.gossip(.userEvent("a", at: 600))
    #expect(node.core.statistics.eventTime == 601)
    node.gossip(.userEvent("a", at: 600))
    node.gossip(.userEvent("a", at: 90))
    node.gossip(.userEvent("a", at: 88))
    #expect(node.userEvents.map { $0.time } == [600, 90])
    #expect(node.core.statistics.eventQueue == 2)
    #expect(node.core.counters.eventsDuplicate == 1)
    #expect(node.core.counters.eventsTooOld == 1)
    #expect(node.limits == [.eventsOnTheWay])
  }

  @Test("that a push/pull brings too late is counted, and is no sign that too many are on their way")
  func lateInPushPull() throws {
    var configuration = SerfCoreConfiguration.quiet
    configuration.userEvents.deliversOldEvents = true
    let node = try TestNode(configuration)
    node.gossip(.userEvent("a", at: 600))
    node.pushPull(state: .state(clocks: (1, 590, 1), events: [(88, ["old"]), (90, ["missed"])]))
    #expect(node.userEvents.map(\.name) == ["a", "missed"])
    #expect(node.core.counters.eventsTooOld == 1)
    #expect(node.limits == [])
  }

  @Test("of one time with another name or payload is another event")
  func sameClock() {
    node.gossip(.userEvent("a", [1], at: 7))
    node.gossip(.userEvent("a", [2], at: 7))
    node.gossip(.userEvent("b", [1], at: 7))
    #expect(node.userEvents.count == 3)
  }

  @Test("is passed on byte for byte, including its unknown fields")
  func verbatim() {
    // As user event 3 with a field that no peer knows, its keys in another order and a wide integer.
    let message: [UInt8] =
      [3, 0x85, 0xa1] + Array("X".utf8) + [0x01, 0xa5] + Array("LTime".utf8) + [0xcf, 0, 0, 0, 0, 0, 0, 0, 9, 0xa4] + Array("Name".utf8)
      + [0xa1, 0x65, 0xa7] + Array("Payload".utf8) + [0xc0, 0xa2] + Array("CC".utf8) + [0xc2]
    node.gossip(message)
    #expect(node.userEvents == [UserEvent(time: 9, nameBytes: [0x65], payload: [], coalesce: false)])
    node.meet("a")
    #expect(node.core.statistics.eventQueue == 1)
  }

  @Test("with an implausible time is dropped and not passed on")
  func implausible() {
    node.gossip(.userEvent("a", at: .max))
    #expect(node.userEvents.isEmpty)
    #expect(node.core.statistics.eventQueue == 0)
    #expect(node.core.statistics.eventTime == 1)
  }

  @Test("flood of one time is cut at 64")
  func flood() {
    for index in 0..<100 as Range<UInt8> { node.gossip(.userEvent("a", [index], at: 5)) }
    #expect(node.userEvents.count == 64)
    #expect(node.core.counters.eventsRefused == 36)
    #expect(Set(node.limits) == [.eventsPerTime])
  }

  @Test("is not accepted from the caller after the node was shut down")
  func shutDown() {
    node.feed { core, now in core.shutDown(at: now) }
    #expect(throws: SerfCoreError.notAlive(.shutDown)) {
      try node.with { (core, now) throws(SerfCoreError) in
        try core.userEvent(name: [], payload: [], coalesce: false, at: now)
      }
    }
  }
}
