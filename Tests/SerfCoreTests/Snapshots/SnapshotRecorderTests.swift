import Memberlist
import SerfCore
import SerfPrimitives
import Testing

/// What a node wants to be written, and when.
@Suite("a node's snapshot")
struct SnapshotRecorderTests {
  private static let full = SnapshotFailure("write snapshot", "No space left on device")

  private func node(rejoins: Bool = false, compactionSize: Int = 1 << 20, restoring restored: RestoredState? = nil) throws -> TestNode {
    var configuration = SerfCoreConfiguration.quiet
    configuration.snapshot.path = "snapshot"
    configuration.snapshot.rejoinAfterLeave = rejoins
    configuration.snapshot.minimumCompactionSize = compactionSize
    return try TestNode(configuration, restoring: restored)
  }

  /// A file that does what the node wants as soon as it wants it.
  private final class File {
    var bytes: [UInt8] = []
    var replacements = 0
    var failure: SnapshotFailure?
    /// The orders that it has seen.
    private var seen = 0

    var lines: [String] { String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") } }
    var state: SnapshotState { RestoredState(reading: bytes, rejoinAfterLeave: false).state }

    /// Does everything that is due within this time.
    func follow(_ node: TestNode, for duration: Duration = .milliseconds(300)) {
      let end = node.now + duration
      while true {
        while seen < node.orders.count {
          let result = perform(node.orders[seen])
          seen += 1
          node.feed { core, now in core.snapshotWritten(result, at: now) }
        }
        guard node.now < end else { return }
        node.advance(by: min(end - node.now, .milliseconds(50)))
      }
    }

    private func perform(_ order: SnapshotOrder) -> Result<Int, SnapshotFailure> {
      if let failure { return .failure(failure) }
      switch order {
      case .append(let more, _): bytes += more
      case .replace(let state, let hasLeft):
        bytes = []
        replacements += 1
        state.encode(hasLeft: hasLeft, into: &bytes)
      }
      return .success(bytes.count)
    }
  }

  @Test("begins with a new file, and gets what happens within a quarter of a second; then nothing is written")
  func records() throws {
    let node = try node()
    let file = File()
    file.follow(node)
    #expect(file.lines == ["alive: me 10.0.0.1:7946"])
    node.meet("a")
    node.meet("b")
    node.lose("b")
    node.gossip(.userEvent("deploy", at: 7))
    node.joinIntent("a", at: 41)
    #expect(node.core.statistics.eventTime == 8)
    file.follow(node)
    #expect(
      file.lines.dropFirst() == ["alive: a 10.0.1.97:7946", "alive: b 10.0.1.98:7946", "not-alive: b", "clock: 41", "event-clock: 7"])
    // And the comment that remembers b.
    #expect(node.core.counters.snapshotLines == 6 && node.core.counters.snapshotCompactions == 1 && file.replacements == 1)
    let orders = node.orders.count
    file.follow(node, for: .seconds(60))
    #expect(node.orders.count == orders)
  }

  @Test("gets nothing when a member changes its tags, and a line when it comes back from a failure")
  func returns() throws {
    let node = try node()
    let file = File()
    node.meet("a")
    file.follow(node)
    let size = file.bytes.count
    node.meet("a", incarnation: 2, tags: ["x": "1"])
    file.follow(node)
    #expect(node.memberEvents == ["join a", "update a"] && file.bytes.count == size)
    node.lose("a", incarnation: 2)
    node.meet("a", incarnation: 3)
    file.follow(node)
    #expect(file.lines.suffix(2) == ["not-alive: a", "alive: a 10.0.1.97:7946"])
  }

  @Test("does not keep a member whose name would break the file, and says so")
  func names() throws {
    let node = try node()
    let file = File()
    node.meet(NodeName(bytes: Array("a\nleave".utf8)))
    node.meet("b")
    file.follow(node)
    #expect(file.lines == ["alive: b 10.0.1.98:7946", "alive: me 10.0.0.1:7946"])
    #expect(node.core.counters.snapshotNamesRefused == 1)
  }

  @Test("is written anew when it has grown, and keeps its last clocks through 1,024 events and queries")
  func compacts() throws {
    let node = try node(compactionSize: 1_024)
    let file = File()
    for time in LamportTime(1)...1_024 {
      node.gossip(.userEvent("e", at: time))
      node.gossip(.query(UInt32(time), at: time))
      file.follow(node, for: .milliseconds(300))
    }
    #expect(file.replacements > 10 && file.bytes.count < 3_000)
    #expect(file.state.eventTime == 1_024 && file.state.queryTime == 1_024)
  }

  @Test("ends with the leave: what the node hears afterwards is not kept", arguments: [false, true])
  func leaves(rejoins: Bool) throws {
    let node = try node(rejoins: rejoins)
    let file = File()
    file.follow(node)
    node.gossip(.userEvent("deploy", at: 7))
    try node.with { (core, now) throws(SerfCoreError) in try core.leave(request: RequestID(1), at: now) }
    // At once, and durable: the process may end.
    guard case .append(_, isDurable: true) = node.orders.last else { throw TestNode.NoReply() }
    node.meet("late")
    node.gossip(.userEvent("late", at: 9))
    file.follow(node, for: .seconds(5))
    #expect(file.lines.contains("leave") && !file.lines.contains { $0.contains("late") })
    #expect(file.lines.last == (rejoins ? "event-clock: 9" : "leave"))
    #expect(RestoredState(reading: file.bytes, rejoinAfterLeave: false).state.members.isEmpty)
    let kept = RestoredState(reading: file.bytes, rejoinAfterLeave: true).state
    #expect(kept.members.count == 1 && kept.eventTime == (rejoins ? 9 : 7))
  }

  @Test("gets its last lines when the node is shut down, although they waited for a write that ran")
  func shutsDown() throws {
    let node = try node()
    let file = File()
    node.advance(by: .milliseconds(300))
    // The first write has not ended.
    #expect(node.orders.count == 1)
    node.meet("a")
    node.feed { core, now in core.shutDown(at: now) }
    #expect(node.orders.count == 1)
    file.follow(node, for: .zero)
    #expect(node.orders.count == 2)
    #expect(file.lines == ["alive: me 10.0.0.1:7946", "alive: a 10.0.1.97:7946"])
  }

  @Test("is tried every half minute while the disk is full, loses nothing, and is whole when there is space again")
  func fullDisk() throws {
    let node = try node()
    let file = File()
    file.follow(node)
    file.failure = Self.full
    node.meet("a")
    file.follow(node)
    #expect(node.core.counters.snapshotFailures == 1)
    for second in 1...95 {
      node.gossip(.userEvent("e", at: LamportTime(second)))
      file.follow(node, for: .seconds(1))
    }
    #expect((3...5).contains(node.core.counters.snapshotFailures))
    #expect(file.lines == ["alive: me 10.0.0.1:7946"])
    file.failure = nil
    file.follow(node, for: .seconds(31))
    #expect(file.replacements == 2)
    #expect(file.state.members.count == 2 && file.state.eventTime == 95)
    let said = node.diagnostics.compactMap { if case .snapshot(let said) = $0 { said } else { nil } }
    #expect(said.first == .notWritten(Self.full) && said.last == .writtenAgain)
  }

  @Test("is written anew when more waits than a slow disk can take: memory stays bounded, and nothing is lost")
  func slowDisk() throws {
    let node = try node()
    let file = File()
    node.advance(by: .milliseconds(300))
    #expect(node.orders.count == 1)
    // 20,000 changes while one write runs.
    for round in 1...UInt32(10_000) {
      node.meet("a", incarnation: 2 * round)
      node.lose("a", incarnation: 2 * round)
    }
    node.meet("z")
    #expect(node.orders.count == 1)
    file.follow(node)
    #expect(file.replacements == 2 && file.state.members.count == 2)
    #expect(file.lines.contains("alive: z 10.0.1.122:7946"))
  }

  @Test("holds up nothing when the disk never answers: 3,000 member events are told at once")
  func stuckDisk() throws {
    let node = try node()
    node.advance(by: .milliseconds(300))
    #expect(node.orders.count == 1)
    let (start, before) = (node.now, node.events.count)
    for round in 1...UInt32(1_000) {
      node.meet("a", incarnation: 3 * round)
      node.meet("a", incarnation: 3 * round + 1, tags: ["round": String(round)])
      node.lose("a", incarnation: 3 * round + 1)
      #expect(node.events.count == before + 3 * Int(round))
    }
    #expect(node.now == start && Set(node.memberEvents) == ["join a", "update a", "failed a"])
    // Nor does anything else wait for the first write, which goes on for ever.
    node.gossip(.userEvent("deploy", at: 7))
    node.advance(by: .seconds(600))
    #expect(node.userEvents.map(\.name) == ["deploy"] && node.orders.count == 1)
    node.feed { core, now in core.shutDown(at: now) }
    #expect(node.core.status == .shutDown)
  }

  @Test(
    "changes no event and delays none; the next node has the clocks and the members that live, with coordinates or without",
    arguments: [false, true])
  func passesThrough(hasCoordinates: Bool) throws {
    let recorded = try node()
    let other = try TestNode()
    let file = File()
    for node in [recorded, other] {
      node.meet("a", tags: ["role": "db"])
      node.meet("b")
      node.meet("a", incarnation: 2, tags: ["role": "web"])
      node.joinIntent("a", at: 100)
      node.lose("b")
      node.gossip(.userEvent("deploy", [1, 2, 3], at: 42))
      node.gossip(.query(7, at: 50, payload: [4]))
      #expect(node.events.count == 7)
    }
    #expect(recorded.events == other.events)
    file.follow(recorded)
    #expect(recorded.events == other.events)
    var configuration = SerfCoreConfiguration.quiet
    configuration.coordinates.isEnabled = hasCoordinates
    let restored = RestoredState(reading: file.bytes, rejoinAfterLeave: false)
    #expect(restored.state.members.keys.sorted() == ["a", "me"])
    let next = try TestNode(configuration, restoring: restored)
    let clocks = next.core.statistics
    #expect((clocks.memberTime, clocks.eventTime, clocks.queryTime) == (101, 43, 51))
    next.advance(by: .milliseconds(20))
    #expect(next.opened.map(\.to) == [.member("a", NodeAddress(ipv4: 10, 0, 1, 97, port: 7946))])
  }

  // MARK: After a restart

  private func restored(_ file: String) -> RestoredState { RestoredState(reading: Array(file.utf8), rejoinAfterLeave: false) }

  @Test("brings the clocks to where they were, before anything is exchanged, and events and queries from before stay away")
  func restores() throws {
    let node = try node(restoring: restored("alive: a 10.0.0.7:7946\nclock: 100\nevent-clock: 42\nquery-clock: 50\n"))
    let now = node.core.statistics
    #expect((now.memberTime, now.eventTime, now.queryTime) == (101, 43, 51))
    for time in LamportTime(40)...44 {
      node.gossip(.userEvent("e\(time)", at: time))
      node.gossip(.query(UInt32(time), at: time + 8))
    }
    #expect(node.userEvents.map(\.name) == ["e43", "e44"])
    #expect(node.queries.map(\.id.time) == [51, 52])
  }

  @Test("lets the first exchange bring the events that the node has missed, and only those")
  func missed() throws {
    let node = try node(restoring: restored("event-clock: 42\n"))
    node.pushPull(state: .state(clocks: (1, 50, 1), events: [(41, ["old"]), (42, ["old too"]), (49, ["missed"])]))
    #expect(node.userEvents.map(\.name) == ["missed"])
    // Without the clock the node knows as little as a new one.
    let other = try self.node(restoring: restored("clock: 100\n"))
    other.pushPull(state: .state(clocks: (1, 50, 1), events: [(41, ["old"]), (49, ["old too"])]))
    #expect(other.userEvents.isEmpty)
  }

  @Test("remembers how far the events had come that a join has ignored")
  func ignored() throws {
    let node = try node()
    let file = File()
    file.follow(node)
    #expect(file.state.eventTime == nil)
    node.pushPull(state: .state(clocks: (1, 50, 1), events: [(49, ["old"])]))
    file.follow(node)
    #expect(node.userEvents.isEmpty && file.state.eventTime == 49)
  }

  @Test("lets the node ask one remembered member after another, by name, until one answers")
  func rejoins() throws {
    let file = "alive: me 10.0.0.1:7946\nalive: a 10.0.0.7:7946\nalive: b 10.0.0.8:7946\nalive: c 10.0.0.9:7946\n"
    let node = try node(restoring: restored(file))
    #expect(node.opened.isEmpty)
    node.advance(by: .milliseconds(30))
    for count in 1...2 {
      #expect(node.opened.count == count)
      let id = try #require(node.opened.last).id
      node.feed { core, now in core.exchangeFailed(id, reason: .noContact, at: now) }
    }
    #expect(node.opened.count == 3)
    #expect(
      Set(node.opened.map { $0.to }) == [
        .member("a", NodeAddress(ipv4: 10, 0, 0, 7, port: 7946)), .member("b", NodeAddress(ipv4: 10, 0, 0, 8, port: 7946)),
        .member("c", NodeAddress(ipv4: 10, 0, 0, 9, port: 7946)),
      ])
    let asked = try #require(node.opened.last)
    try node.acknowledge(asked.id)
    let exchange = try #require(node.opened.last)
    #expect(exchange.id != asked.id && exchange.to == asked.to)
    let member = try (name: #require(asked.to.expectedName), address: asked.to.address)
    let reply = TestNode.pushPullMessage(state: .state(clocks: (1, 50, 1), events: []), isJoin: true, of: member)
    node.feed { core, now in core.exchangeCompleted(exchange.id, reply: reply.span.bytes, from: node.peer, at: now) }
    #expect(node.opened.count == 4 && node.queuedIntents == 0)
    let said = node.diagnostics.compactMap { if case .snapshot(let said) = $0 { said } else { nil } }
    #expect(said.first == .restored(members: 3))
    guard case .rejoined = said.last else { throw TestNode.NoReply() }
  }

  @Test("lets the node ask a remembered member also if it has met that member meanwhile, because only an exchange raises that one's clocks")
  func metMeanwhile() throws {
    let node = try node(restoring: restored("alive: a 10.0.0.7:7946\nevent-clock: 42\n"))
    node.meet("a")
    node.advance(by: .milliseconds(30))
    #expect(node.opened.map(\.to) == [.member("a", NodeAddress(ipv4: 10, 0, 0, 7, port: 7946))])
  }

  @Test("does not make the node ask for ever: when none has answered it says so, and they stay remembered")
  func none() throws {
    let node = try node(restoring: restored("alive: a 10.0.0.7:7946\nalive: b 10.0.0.8:7946\n"))
    let file = File()
    node.advance(by: .milliseconds(20))
    for _ in 0..<2 {
      let id = try #require(node.opened.last).id
      node.feed { core, now in core.exchangeFailed(id, reason: .noContact, at: now) }
    }
    #expect(node.opened.count == 2)
    guard case .snapshot(.notRejoined(2)) = node.diagnostics.last else { throw TestNode.NoReply() }
    file.follow(node)
    #expect(file.state.members.count == 3)
  }

  @Test("says why a node that restarts after its leave is alone, unless it is to rejoin, or members came later", arguments: [false, true])
  func afterLeave(rejoins: Bool) throws {
    func said(_ file: String) throws -> [SnapshotDiagnostic] {
      let restored = RestoredState(reading: Array(file.utf8), rejoinAfterLeave: rejoins)
      return try node(restoring: restored).diagnostics.compactMap { if case .snapshot(let said) = $0 { said } else { nil } }
    }
    #expect(try said("alive: a 10.0.0.7:7946\nleave\n") == [rejoins ? .restored(members: 1) : .hasLeft])
    // As Go's agent writes it, whose file goes on after a leave.
    #expect(try said("leave\nalive: b 10.0.0.8:7946\n") == [.restored(members: 1)])
  }

  @Test("forgets a member that never came back, as late as one that failed")
  func forgets() throws {
    let node = try node(restoring: restored("alive: a 10.0.0.7:7946\nalive: b 10.0.1.98:7946\n"))
    let file = File()
    node.meet("b")
    file.follow(node)
    #expect(file.state.members.count == 3)
    node.advance(by: SerfCoreConfiguration.quiet.reaping.failedTimeout)
    file.follow(node)
    #expect(Set(file.state.members.keys) == ["me", "b"])
    // It is dialled nevertheless.
    #expect(file.state.remembered.entries.map(\.name) == ["a"])
  }

  @Test("remembers members that failed, beyond their end in the member list, in comments; none that left or is back")
  func remembers() throws {
    var configuration = SerfCoreConfiguration.quiet
    configuration.snapshot.path = "snapshot"
    configuration.reaping.failedTimeout = .seconds(60)
    let node = try TestNode(configuration)
    let file = File()
    for name: NodeName in ["a", "b", "c", "d"] { node.meet(name) }
    node.leaveIntent("d", at: 3)
    for name: NodeName in ["a", "b", "c", "d"] { node.lose(name) }
    file.follow(node)
    let comments = ["a", "b", "c"].map { "# remembered: \($0) 10.0.1.\(Array($0.utf8)[0]):7946\n" }
    for comment in comments { #expect(String(decoding: file.bytes, as: UTF8.self).contains(comment)) }
    #expect(file.state.remembered.entries.map(\.name) == ["a", "b", "c"])
    node.meet("a", incarnation: 2)
    file.follow(node, for: .seconds(90))
    // Forgotten, and declared gone only then.
    #expect(node.status("b") == nil && file.state.remembered.entries.map(\.name) == ["b", "c"])
    node.leaveIntent("c", at: 9)
    file.follow(node)
    #expect(file.lines.contains("not-alive: c") && file.state.remembered.entries.map(\.name) == ["b"])
    #expect(Set(file.state.members.keys) == ["a", "me"])
    // A new file has the same.
    var bytes: [UInt8] = []
    file.state.encode(into: &bytes)
    #expect(RestoredState(reading: bytes, rejoinAfterLeave: false).state == file.state)
    // After a leave nothing is.
    try node.with { (core, now) throws(SerfCoreError) in try core.leave(request: RequestID(1), at: now) }
    file.follow(node)
    #expect(file.state.remembered.entries.isEmpty && file.state.members.isEmpty)
  }

  @Test("keeps no more members than the node does, and no name that is too long")
  func bounds() throws {
    var configuration = SerfCoreConfiguration.quiet
    configuration.membership.limits.members = 3
    let lines = (0..<9).map { "alive: n\($0) 10.0.0.7:7946\n" }.joined() + "alive: \(String(repeating: "x", count: 600)) 10.0.0.7:7946\n"
    let node = try TestNode(configuration, restoring: restored(lines))
    let said = node.diagnostics.compactMap { if case .snapshot(let said) = $0 { said } else { nil } }
    #expect(said == [.membersDropped(7), .restored(members: 3)])
  }
}
