import Memberlist
import SerfPrimitives
import Testing

@Suite struct NodeTableTests {
  private static func state(_ name: NodeName, _ state: MemberState = .alive) -> NodeState {
    NodeState(member: GossipMember(name: name, address: NodeAddress(ipv4: 10, 0, 0, 1, port: 1), state: state), changedAt: .zero)
  }

  @Test("names are found by their bytes, also after growing")
  func find() {
    var random = SeededRandom(seed: 1)
    var table = NodeTable()
    var indices: [NodeName: NodeIndex] = [:]
    for number in 0..<1000 {
      let name = NodeName("node-\(number)")
      indices[name] = table.insert(Self.state(name), random: &random)
    }
    for (name, index) in indices {
      let found = table.find(name)
      #expect(found == index)
    }
    let stranger = table.find("node-1000")
    #expect(stranger == nil)
    #expect(table.count == 1000)
    #expect(Set(table.order).count == 1000)
  }

  @Test("an index of a reaped node names no node, even when its row is used again")
  func generations() {
    var random = SeededRandom(seed: 1)
    var table = NodeTable()
    let a = table.insert(Self.state("a", .dead), random: &random)
    let reaped = table.reap(olderThan: .zero, except: nil, at: .zero + .seconds(1))
    #expect(reaped == ["a"])
    let b = table.insert(Self.state("b"), random: &random)
    #expect(a != b)
    let isThere = (table.contains(a), table.contains(b))
    #expect(isThere == (false, true))
  }

  @Test("any sequence of inserts and reaps keeps the table consistent", arguments: 0..<10 as Range<UInt64>)
  func mixture(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var table = NodeTable()
    var model: Set<NodeName> = []
    for step in 0..<300 {
      let name = NodeName("node-\(random.below(60))")
      if table.find(name) == nil {
        let index = table.insert(Self.state(name, random.chance(0.5) ? .dead : .alive), random: &random)
        if random.chance(0.5) { table.setWarm(index, true) }
        model.insert(name)
      }
      if step % 7 == 0 {
        for name in table.reap(olderThan: .zero, except: nil, at: .zero + .seconds(1)) { model.remove(name) }
      }
      #expect(table.count == model.count)
      let found = model.filter { table.find($0) != nil }.count
      #expect(found == model.count)
      var listed: Set<NodeName> = []
      for index in table.order { listed.insert(table[index].member.name) }
      #expect(listed == model)
      var isWarmValid = true
      for index in table.warm { isWarmValid = isWarmValid && table.contains(index) }
      #expect(isWarmValid)
      #expect(table.unprovenCount == table.count)
    }
  }

  @Test("new nodes do not all wait at the end of the list")
  func randomPlace() {
    var lasts: Set<NodeName> = []
    for seed in 0..<20 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      var table = NodeTable()
      for number in 0..<10 { _ = table.insert(Self.state(NodeName("node-\(number)")), random: &random) }
      lasts.insert(table[table.order[9]].member.name)
    }
    #expect(lasts.count > 3)
  }
}
