import Memberlist
import SerfPrimitives
import Testing

@Suite struct ProbeScheduleTests {
  private var random = SeededRandom(seed: 1)

  private func member(_ name: NodeName, _ state: MemberState = .alive, since: Instant = .zero) -> NodeState {
    NodeState(
      member: GossipMember(name: name, address: NodeAddress(ipv4: 10, 0, 0, 1, port: 1), state: state), changedAt: since)
  }

  @Test("each live member is probed once in a walk, but never this node, and no dead or left one")
  mutating func roundRobin() {
    var table = NodeTable()
    let me = table.insert(member("me"), random: &random)
    for name in 0..<10 { _ = table.insert(member(NodeName("alive-\(name)")), random: &random) }
    _ = table.insert(member("suspect", .suspect), random: &random)
    _ = table.insert(member("dead", .dead), random: &random)
    _ = table.insert(member("left", .left), random: &random)
    var schedule = ProbeSchedule()
    var reaped: [NodeName] = []
    for walk in 0..<3 {
      var names: Set<NodeName> = []
      for _ in 0..<11 {
        guard
          let index = schedule.next(
            in: &table, except: me, forgettingAfter: .seconds(30), random: &random, at: .zero, reaped: &reaped)
        else { return #expect(Bool(false), "nobody was due in walk \(walk)") }
        names.insert(table[index].member.name)
      }
      #expect(names.count == 11, "walk \(walk)")
      #expect(names.contains("suspect") && !names.contains("me") && !names.contains("dead") && !names.contains("left"))
    }
    #expect(reaped.isEmpty)
  }

  @Test("at the end of a walk those that are dead or left for long are forgotten, but not recent ones and this node")
  mutating func reset() {
    var table = NodeTable()
    let me = table.insert(member("me", .left), random: &random)
    _ = table.insert(member("alive"), random: &random)
    for (name, state, since) in [
      ("dead-old", MemberState.dead, 0), ("left-old", .left, 0), ("dead-recent", .dead, 10), ("left-exact", .left, 10),
    ] {
      _ = table.insert(member(NodeName(name), state, since: .zero + .seconds(since)), random: &random)
    }
    var schedule = ProbeSchedule()
    var reaped: [NodeName] = []
    // Two walks: the first ends at the last entry, the second begins with the reset.
    for _ in 0..<2 {
      _ = schedule.next(
        in: &table, except: me, forgettingAfter: .seconds(30), random: &random, at: .zero + .seconds(40), reaped: &reaped)
    }
    for _ in 0..<3 where table.count == 6 {
      _ = schedule.next(
        in: &table, except: me, forgettingAfter: .seconds(30), random: &random, at: .zero + .seconds(40), reaped: &reaped)
    }
    #expect(reaped.sorted() == ["dead-old", "left-old"])
    #expect(table.count == 4)
    let found = (table.find("me"), table.find("dead-old"))
    #expect(found == (me, nil))
  }

  @Test("alone there is no member to probe")
  mutating func alone() {
    var table = NodeTable()
    let me = table.insert(member("me"), random: &random)
    var schedule = ProbeSchedule()
    var reaped: [NodeName] = []
    for _ in 0..<5 {
      let next = schedule.next(
        in: &table, except: me, forgettingAfter: .seconds(30), random: &random, at: .zero, reaped: &reaped)
      #expect(next == nil)
    }
  }

  @Test("hastened members come first, once, and only while they are alive; the queue has a limit")
  mutating func urgent() {
    var table = NodeTable()
    let a = table.insert(member("a"), random: &random)
    let b = table.insert(member("b", .dead), random: &random)
    let c = table.insert(member("c"), random: &random)
    var schedule = ProbeSchedule()
    // a twice: it waits already. c: the queue is full.
    let isTaken = [a, a, b, c].map { schedule.hasten($0, limit: 2) }
    #expect(isTaken == [true, true, true, false])
    let first = schedule.nextUrgent(in: table)
    #expect(first == a)
    let second = schedule.nextUrgent(in: table)
    #expect(second == nil, "b is dead")
  }
}
