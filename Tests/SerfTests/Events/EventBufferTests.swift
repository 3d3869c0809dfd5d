import Serf
import Testing

/// What waits for a slow reader.
@Suite("Event buffer")
struct EventBufferTests {
  /// `name` happened to `members`, or a user event `name` if there are none.
  private static func event(_ name: String, _ members: [NodeName] = []) -> SerfEvent {
    guard !members.isEmpty else {
      return .user(UserEvent(time: 0, nameBytes: Array(name.utf8), payload: [], coalesce: false))
    }
    return .member(
      MemberEvent(
        .update,
        members.map {
          SerfMember(
            name: $0, address: NodeAddress(ipv4: 127, 0, 0, 1, port: 1), tags: ["": name], status: .alive, versions: SerfMember.Versions())
        }))
  }

  /// The name of an event that ``event(_:_:)`` made.
  private static func name(_ event: SerfEvent) -> String {
    switch event {
    case .user(let event): event.name
    case .query(let query): query.name
    case .member(let event): event.members[0].tags[""] ?? ""
    }
  }

  private static func users(_ numbers: Range<Int>) -> [SerfEvent] { numbers.map { event("u\($0)") } }

  private func read(_ buffer: EventBuffer<SerfEvent>) async -> [String] {
    buffer.finish()
    var names: [String] = []
    while let event = await buffer.next() { names.append(Self.name(event)) }
    return names
  }

  /// What is pushed into a buffer with this limit, what is then read, and how many are dropped.
  static let cases: [(limit: Int, pushed: [SerfEvent], read: [String], dropped: Int)] = [
    // No more than the limit: all are kept.
    (8, users(0..<8), (0..<8).map { "u\($0)" }, 0),
    (8, (0..<8).map { event("m\($0)", ["a"]) }, (0..<8).map { "m\($0)" }, 0),
    // An eighth of the limit becomes free: seven are kept.
    (8, users(0..<9), (2..<9).map { "u\($0)" }, 2),
    // A member's latest event replaces the earlier ones, which are not lost; user events give way to it.
    (8, [event("a1", ["a"]), event("a2", ["a"])] + users(0..<7), ["a2", "u1", "u2", "u3", "u4", "u5", "u6"], 1),
    (8, users(0..<7) + [event("a1", ["a"]), event("b1", ["b"])], ["u2", "u3", "u4", "u5", "u6", "a1", "b1"], 2),
    // A quarter of the limit stays for user events, however many members there are.
    (
      8, users(0..<3) + (0..<9).map { event("m\($0)", [NodeName("\($0)")]) } + users(3..<6),
      ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "u4", "u5"], 4
    ),
    // An event of two members is needed while it is the latest of one of them.
    (4, [event("ab", ["a", "b"]), event("a", ["a"])] + users(0..<3), ["ab", "a", "u1", "u2"], 1),
    (4, [event("ab", ["a", "b"]), event("a", ["a"]), event("b", ["b"])] + users(0..<2), ["a", "b", "u0", "u1"], 0),
    (4, [event("a", ["a"]), event("b", ["b"]), event("ab", ["a", "b"])] + users(0..<2), ["ab", "u0", "u1"], 0),
    // The smallest limit, and those below it.
    (1, users(0..<3), ["u2"], 2), (0, users(0..<3), ["u2"], 2), (-1, [event("a", ["a"])] + users(0..<3), ["a", "u2"], 2),
  ]

  @Test("keeps the latest of each member and the newest user events, and counts what it drops", arguments: cases.indices)
  func table(index: Int) async {
    let (limit, pushed, expected, dropped) = Self.cases[index]
    let buffer = EventBuffer<SerfEvent>(limit: limit)
    for event in pushed { _ = buffer.push(event) }
    #expect(buffer.dropped == dropped)
    #expect(buffer.waiting == expected.count)
    #expect(await read(buffer) == expected)
  }

  @Test("an event of two members survives ten thousand user events")
  func severalMembers() async {
    let buffer = EventBuffer<SerfEvent>(limit: 16)
    _ = buffer.push(Self.event("both", ["a", "b"]))
    for event in Self.users(0..<10_000) { _ = buffer.push(event) }
    let dropped = buffer.dropped
    let names = await read(buffer)
    #expect(names.first == "both")
    #expect(names.last == "u9999")
    #expect(names.count - 1 + dropped == 10_000)
  }

  @Test("each push tells what was lost for it")
  func losses() {
    let buffer = EventBuffer<SerfEvent>(limit: 16)
    let told = Self.users(0..<21).map { buffer.push($0) }
    // When the buffer is full, an eighth of it becomes free.
    #expect(told == Array(repeating: 0, count: 16) + [3, 0, 0, 3, 0])
    #expect(buffer.dropped == 6)
  }

  @Test("more members than the limit are all kept, and pushing stays cheap")
  func manyMembers() async {
    let buffer = EventBuffer<SerfEvent>(limit: 16)
    let names = (0..<5_000).map { NodeName("\($0)") }
    let start = ContinuousClock.now
    for round in 0..<2 { for name in names { _ = buffer.push(Self.event("\(round)", [name])) } }
    // A pass over all that waits at every push would take minutes.
    #expect(ContinuousClock.now - start < .seconds(20))
    #expect(buffer.waiting >= 5_000 && buffer.waiting < 5_000 + 5_000 / 8 + 1)
    #expect(await read(buffer).suffix(5_000).allSatisfy { $0 == "1" })
  }

  @Test("what is read makes room: a reader that keeps up loses nothing")
  func keepsUp() async {
    let buffer = EventBuffer<SerfEvent>(limit: 4)
    for round in 0..<1_000 {
      for event in Self.users(4 * round..<4 * round + 4) { #expect(buffer.push(event) == 0) }
      for number in 4 * round..<4 * round + 4 { #expect(await buffer.next().map(Self.name) == "u\(number)") }
    }
    #expect(buffer.dropped == 0)
  }
}
