import Memberlist
import SerfCore
import SerfPrimitives
import Testing

@Suite("what a node keeps dialling")
struct HealingTests {
  private static let interval = SerfCoreConfiguration.quiet.reconnecting.interval

  /// A node whose failed members are forgotten after a minute.
  private func node(restoring restored: RestoredState? = nil) throws -> TestNode {
    var configuration = SerfCoreConfiguration.quiet
    configuration.reaping.failedTimeout = .seconds(60)
    return try TestNode(configuration, restoring: restored)
  }

  private func address(_ last: UInt8) -> NodeAddress { NodeAddress(ipv4: 10, 0, 9, last, port: 7946) }

  /// The transport reports for each exchange that nothing answers there.
  private func failAll(_ node: TestNode, from first: Int = 0) {
    for exchange in node.opened.dropFirst(first) {
      node.feed { core, now in core.exchangeFailed(exchange.id, reason: .noContact, at: now) }
    }
  }

  /// Lets so many reconnect intervals pass, and returns what was dialled.
  private func dials(_ node: TestNode, intervals: Int, seeds: [JoinTarget] = []) -> [Destination] {
    let before = node.opened.count
    for _ in 0..<intervals {
      let (wanted, opened) = (node.seedsWanted, node.opened.count)
      node.advance(by: Self.interval)
      if node.seedsWanted > wanted { node.feed { core, now in core.seedsFound(seeds, at: now) } }
      failAll(node, from: opened)
    }
    return node.opened.dropFirst(before).map { $0.to }
  }

  // MARK: Members

  @Test("a member that failed, also when it is no member any more, at its address and under its name, and no member hears of a join")
  func forgotten() throws {
    let node = try node()
    node.meet("a", port: 9)
    node.lose("a")
    node.advance(by: .seconds(80))
    #expect(node.status("a") == nil && node.core.statistics.remembered == 1)
    failAll(node)
    let at = Destination.member("a", NodeAddress(ipv4: 10, 0, 1, 97, port: 9))
    #expect(dials(node, intervals: 3) == [at, at, at])
    #expect(node.core.counters.rememberedDials >= 3 && node.queuedIntents == 0)
    node.meet("a", incarnation: 2, port: 9)
    #expect(node.core.statistics.remembered == 0 && dials(node, intervals: 3).isEmpty)
  }

  @Test("no member that left, or that was made to leave, whether it is in the table or not", arguments: [false, true])
  func left(isForgotten: Bool) throws {
    let node = try node()
    for name: NodeName in ["a", "b"] { node.meet(name) }
    node.leaveIntent("a", at: 5)
    node.lose("a")
    node.lose("b")
    #expect(node.core.statistics.remembered == 1)
    if isForgotten {
      node.advance(by: .seconds(80))
      failAll(node)
      #expect(node.status("b") == nil && node.core.statistics.remembered == 1)
    }
    node.leaveIntent("b", at: 9)
    #expect(node.core.statistics.remembered == 0 && dials(node, intervals: 3).isEmpty)
  }

  @Test("no remembered member whose address another member has now")
  func taken() throws {
    let node = try node()
    // The address follows from the first letter.
    node.meet("a1")
    node.lose("a1")
    node.advance(by: .seconds(80))
    failAll(node)
    node.meet("a2")
    #expect(node.core.statistics.remembered == 1 && dials(node, intervals: 100).isEmpty)
    node.lose("a2")
    #expect(Set(dials(node, intervals: 100)).count == 2)
  }

  @Test("the last 64 members, and the more members are alive the seldomer")
  func bounded() throws {
    let node = try node()
    for index in 0..<200 {
      node.meet(NodeName("n\(index)"), port: UInt16(1_000 + index))
      node.lose(NodeName("n\(index)"))
    }
    node.advance(by: .seconds(80))
    failAll(node)
    #expect(node.core.statistics.members == 1 && node.core.statistics.remembered == 64)
    let dialled = dials(node, intervals: 640)
    #expect(dialled.count == 640)
    #expect(Set(dialled.compactMap(\.expectedName)).isSubset(of: (136..<200).map { NodeName("n\($0)") }))
    for index in 0..<639 { node.meet(NodeName("m\(index)"), port: UInt16(3_000 + index)) }
    // 64 missing of 640 that share the dialling: each tenth interval.
    #expect((12...55).contains(dials(node, intervals: 320).count))
  }

  // MARK: Seeds

  @Test("each address of a seed by itself, as long as no live member has it, and without a join intent")
  func seeds() throws {
    let node = try node()
    node.meet("a")
    node.feed { core, _ in core.keepSeeds(1) }
    let live = NodeAddress(ipv4: 10, 0, 1, 97, port: 7946)
    let seeds = [JoinTarget(live.mapped, alternatives: [address(1), address(2)])]
    let dialled = dials(node, intervals: 100, seeds: seeds)
    #expect(dialled.count == 100 && Set(dialled) == [.anyMember(address(1)), .anyMember(address(2))])
    #expect(node.core.counters.seedDials == 100 && node.queuedIntents == 0)
    // All is well: nothing is dialled.
    #expect(dials(node, intervals: 100, seeds: [JoinTarget(live), JoinTarget(address(3), name: "a")]).isEmpty)
    #expect(node.seedsWanted == 200)
  }

  @Test("seeds and members in turn, and a member where no seed is missing")
  func turns() throws {
    let node = try node()
    node.meet("a")
    node.lose("a")
    node.feed { core, _ in core.keepSeeds(1) }
    let member = Destination.member("a", NodeAddress(ipv4: 10, 0, 1, 97, port: 7946))
    let seed = Destination.anyMember(address(1))
    #expect(dials(node, intervals: 4, seeds: [JoinTarget(address(1))]) == [seed, member, seed, member])
    #expect(dials(node, intervals: 2, seeds: []) == [member, member])
  }

  @Test("a seed about four times in an interval, however many members there are")
  func seedShare() throws {
    let node = try node()
    for index in 0..<399 { node.meet(NodeName("m\(index)"), port: UInt16(3_000 + index)) }
    node.feed { core, _ in core.keepSeeds(1) }
    #expect((3...18).contains(dials(node, intervals: 1_000, seeds: [JoinTarget(address(1))]).count))
  }

  @Test("no seed that was looked up too late, and none after the leave")
  func late() throws {
    let node = try node()
    node.feed { core, _ in core.keepSeeds(1) }
    let seeds = [JoinTarget(address(1))]
    node.feed { core, now in core.seedsFound(seeds, at: now) }
    #expect(node.opened.isEmpty)
    node.advance(by: Self.interval)
    for _ in 0..<2 { node.feed { core, now in core.seedsFound(seeds, at: now) } }
    #expect(node.opened.count == 1)
    node.advance(by: Self.interval)
    try node.with { (core, now) throws(SerfCoreError) in try core.leave(request: RequestID(1), at: now) }
    node.feed { core, now in core.seedsFound(seeds, at: now) }
    #expect(node.opened.count == 1 && dials(node, intervals: 5, seeds: seeds).isEmpty)
  }

  // MARK: After a start

  @Test("first after a time left to chance, of up to 10 ms for each member that is known, but no longer than a reconnect interval")
  func spread() throws {
    for (members, limit) in [(0, Duration.zero), (100, .seconds(1)), (500, .seconds(2))] {
      var state = SnapshotState()
      for index in 0..<members { state.members[NodeName("n\(index)")] = address(UInt8(index % 250 + 1)) }
      var configuration = SerfCoreConfiguration.quiet
      configuration.reconnecting.interval = .seconds(2)
      let node = try TestNode(configuration, restoring: RestoredState(state))
      let due = node.core.firstDialAt - Instant.zero
      #expect(due <= limit && (members == 0 || due > .zero), "\(due)")
      node.advance(by: max(.zero, due - .nanoseconds(1)))
      #expect(node.opened.isEmpty)
      node.advance(by: .nanoseconds(1))
      #expect(node.opened.count == min(members, 1))
    }
  }

  @Test("of 1,000 nodes that restart in the same second at most a fifth dial in the same second")
  func restart() {
    var perSecond: [Int64: Int] = [:]
    for seed in 0..<1_000 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      let start = Instant.zero + random.fraction(of: .seconds(1))
      let due = start + Healing.firstDelay(members: 999, interval: .seconds(30), by: &random)
      perSecond[due.nanoseconds / 1_000_000_000, default: 0] += 1
    }
    #expect(perSecond.values.max() ?? 1_000 <= 200, "\(perSecond)")
  }

  @Test("of nodes that restart together each at its own time")
  func ownTime() throws {
    var state = SnapshotState()
    for index in 0..<300 { state.members[NodeName("n\(index)")] = address(UInt8(index % 250 + 1)) }
    let restored = RestoredState(state)
    var due: Set<Instant> = []
    for seed in 0..<10 as Range<UInt64> {
      var core = try NodeCore(.quiet, name: NodeName("n\(seed)"), address: address(1), restoring: restored, seed: seed)
      core.start(at: .zero)
      due.insert(core.firstDialAt)
    }
    #expect(due.count == 10 && due.allSatisfy { $0 <= .zero + .seconds(3) })
  }

  @Test("members that failed before the restart, as the snapshot has them")
  func restored() throws {
    var state = SnapshotState()
    state.members["me"] = NodeAddress(ipv4: 10, 0, 0, 1, port: 7946)
    state.remembered.remember("z", at: address(26))
    state.remembered.remember("me", at: address(27))
    let node = try node(restoring: RestoredState(state))
    node.advance(by: .milliseconds(20))
    #expect(node.opened.map { $0.to } == [.member("z", address(26))])
    failAll(node)
    #expect(dials(node, intervals: 2).count == 2)
  }

  @Test("those members also where the snapshot has hundreds that were alive: once these are back, the others are dialled as before")
  func restoredWithOthers() throws {
    var state = SnapshotState()
    state.remembered.remember("z", at: address(26))
    for index in 0..<300 { state.members[NodeName("n\(index)")] = NodeAddress(ipv4: 10, 0, 1, 110, port: UInt16(1_000 + index)) }
    let node = try node(restoring: RestoredState(state))
    #expect(node.core.statistics.remembered == 64)
    for index in 0..<300 { node.meet(NodeName("n\(index)"), port: UInt16(1_000 + index)) }
    node.advance(by: .seconds(90))
    failAll(node)
    #expect(node.core.statistics.remembered == 1)
    let dialled = Set(dials(node, intervals: 2_000))
    #expect(dialled == [.member("z", address(26))])
  }

  @Test("members, however long the hosts of the seeds take to be looked up")
  func slowLookUp() throws {
    let node = try node()
    node.meet("a")
    node.lose("a")
    node.feed { core, _ in core.keepSeeds(1) }
    node.advance(by: Self.interval * 3)
    #expect(node.seedsWanted == 1 && node.opened.count == 2)
    // The next look-up begins when that one has ended.
    node.feed { core, now in core.seedsFound([], at: now) }
    node.advance(by: Self.interval)
    #expect(node.seedsWanted == 2)
  }
}
