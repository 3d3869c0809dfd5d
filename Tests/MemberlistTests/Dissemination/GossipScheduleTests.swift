import Memberlist
import SerfPrimitives
import Testing

@Suite struct GossipScheduleTests {
  private func table(_ count: Int, _ random: inout SeededRandom) -> NodeTable {
    var table = NodeTable()
    for number in 0..<count {
      let member = GossipMember(name: NodeName("node-\(number)"), address: NodeAddress(ipv4: 10, 0, 0, 1, port: UInt16(number)))
      _ = table.insert(NodeState(member: member, changedAt: .zero), random: &random)
    }
    return table
  }

  @Test("a tiny cluster never misses an eligible member", arguments: [2, 3, 5, 8])
  func tiny(count: Int) {
    var random = SeededRandom(seed: 1)
    let table = table(count, &random)
    let me = table.order[0]
    var schedule = GossipSchedule()
    for _ in 0..<200 {
      schedule.pick(3, in: table, random: &random) { index, _ in index != me }
      #expect(schedule.picked.count == min(3, count - 1))
      #expect(Set(schedule.picked).count == schedule.picked.count)
      #expect(!schedule.picked.contains(me))
    }
  }

  @Test("all members are picked about equally often")
  func uniform() {
    var random = SeededRandom(seed: 2)
    let table = table(100, &random)
    var schedule = GossipSchedule()
    var counts: [NodeIndex: Int] = [:]
    for _ in 0..<10_000 {
      schedule.pick(3, in: table, random: &random) { _, _ in true }
      for index in schedule.picked { counts[index, default: 0] += 1 }
    }
    #expect(counts.count == 100)
    // 300 on average, with a standard deviation of 17.
    #expect(counts.values.allSatisfy { (200...400).contains($0) })
  }

  @Test("where connections cost, at most two are dialled, and warm members fill the rest")
  func warm() {
    var random = SeededRandom(seed: 3)
    var table = table(200, &random)
    var schedule = GossipSchedule()
    schedule.pickPreferringWarm(3, coldDials: 2, in: table, random: &random) { _, _ in true }
    #expect(schedule.picked.count == 2, "nobody is warm")
    for index in table.order[..<10] { table.setWarm(index, true) }
    var cold = 0
    for _ in 0..<1000 {
      schedule.pickPreferringWarm(3, coldDials: 2, in: table, random: &random) { _, _ in true }
      #expect(schedule.picked.count == 3)
      #expect(Set(schedule.picked).count == 3)
      let warm = table.warm
      let now = schedule.picked.filter { !warm.contains($0) }.count
      #expect(now <= 1)
      cold += now
    }
    #expect(cold > 900, "one of them comes from everybody, so that news leave the circle of the warm")
    schedule.pickPreferringWarm(3, coldDials: 0, in: table, random: &random) { _, _ in true }
    let warm = table.warm
    #expect(schedule.picked.allSatisfy { warm.contains($0) })
  }
}
