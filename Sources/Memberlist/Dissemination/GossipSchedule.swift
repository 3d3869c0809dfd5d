package import SerfPrimitives

/// Picks random members: those who get gossip, help with a probe, or exchange state.
///
/// It keeps its arrays from round to round, so that a round allocates nothing.
package struct GossipSchedule: Sendable {
  package typealias Eligibility = (NodeIndex, NodeState) -> Bool

  private var pool: [NodeIndex] = []
  /// The members picked last.
  package private(set) var picked: [NodeIndex] = []

  package init() {}

  /// Picks up to `wanted` different eligible nodes, all equally likely (`memberlist.md` 4.3). Below 3k nodes it takes them from a shuffled copy,
  /// which misses no node; above that it makes at most 3n draws.
  package mutating func pick(
    _ wanted: Int, in table: borrowing NodeTable, random: inout SeededRandom, where isEligible: Eligibility
  ) {
    picked.removeAll(keepingCapacity: true)
    add(wanted, from: table.order, in: table, random: &random, where: isEligible)
  }

  /// Picks members on a transport where one without a connection costs a handshake (`secure-transport.md` 2.6).
  ///
  /// One of them is drawn from all members, so that news crosses from one set of warm members to another and the graph stays random; the others are
  /// warm ones. Where too few are warm, the rest is drawn from all members, up to `coldDials` cold ones in all. Dead members are cold and do not
  /// count: a dial to one costs no handshake unless it lives, and then it has to hear of its death.
  package mutating func pickPreferringWarm(
    _ wanted: Int, coldDials: Int, in table: borrowing NodeTable, random: inout SeededRandom, where isEligible: Eligibility
  ) {
    picked.removeAll(keepingCapacity: true)
    var coldLeft = coldDials
    addAllowingCold(1, &coldLeft, in: table, random: &random, where: isEligible)
    add(wanted - picked.count, from: table.warm, in: table, random: &random, where: isEligible)
    addAllowingCold(wanted - picked.count, &coldLeft, in: table, random: &random, where: isEligible)
  }

  /// Picks members, all equally likely, of which up to `coldDials` may be cold; the rest are warm.
  package mutating func pickAllowingCold(
    _ wanted: Int, coldDials: Int, in table: borrowing NodeTable, random: inout SeededRandom, where isEligible: Eligibility
  ) {
    picked.removeAll(keepingCapacity: true)
    var coldLeft = coldDials
    addAllowingCold(wanted, &coldLeft, in: table, random: &random, where: isEligible)
  }

  /// Picks these members, and others, all equally likely, until there are `wanted`. With `onlyWarm` only members with a connection are picked.
  mutating func pick(
    _ wanted: Int, with neighbours: (next: NodeIndex?, previous: NodeIndex?), onlyWarm: Bool, in table: borrowing NodeTable,
    random: inout SeededRandom,
    where isEligible: Eligibility
  ) {
    picked.removeAll(keepingCapacity: true)
    func addNeighbour(_ index: NodeIndex?) {
      guard let index, table.contains(index), isEligible(index, table[index]), !onlyWarm || table[index].warmPosition != nil else { return }
      picked.append(index)
    }
    addNeighbour(neighbours.next)
    addNeighbour(neighbours.previous)
    add(wanted - picked.count, from: onlyWarm ? table.warm : table.order, in: table, random: &random, where: isEligible)
  }

  /// Picks members with a connection, and others only where there are too few of these.
  package mutating func pickWarmFirst(
    _ wanted: Int, in table: borrowing NodeTable, random: inout SeededRandom, where isEligible: Eligibility
  ) {
    picked.removeAll(keepingCapacity: true)
    add(wanted, from: table.warm, in: table, random: &random, where: isEligible)
    add(wanted - picked.count, from: table.order, in: table, random: &random, where: isEligible)
  }

  private mutating func addAllowingCold(
    _ wanted: Int, _ coldLeft: inout Int, in table: borrowing NodeTable, random: inout SeededRandom, where isEligible: Eligibility
  ) {
    for _ in 0..<max(0, wanted) {
      let before = picked.count
      let mayBeCold = coldLeft > 0
      add(1, from: table.order, in: table, random: &random) { index, state in
        (mayBeCold || state.warmPosition != nil || !state.state.isLive) && isEligible(index, state)
      }
      guard picked.count > before else { return }
      let state = table[picked[before]]
      if state.warmPosition == nil, state.state.isLive { coldLeft -= 1 }
    }
  }

  private mutating func add(
    _ wanted: Int, from order: [NodeIndex], in table: borrowing NodeTable, random: inout SeededRandom, where isEligible: Eligibility
  ) {
    guard wanted > 0, !order.isEmpty else { return }
    let goal = picked.count + wanted
    if order.count < 3 * wanted || order.count <= Self.smallCluster {
      pool.removeAll(keepingCapacity: true)
      pool.append(contentsOf: order)
      for position in stride(from: pool.count - 1, to: 0, by: -1) { pool.swapAt(position, random.below(position + 1)) }
      for index in pool {
        guard picked.count < goal else { return }
        if !picked.contains(index), isEligible(index, table[index]) { picked.append(index) }
      }
    } else {
      for _ in 0..<3 * order.count {
        guard picked.count < goal else { return }
        let index = order[random.below(order.count)]
        if !picked.contains(index), isEligible(index, table[index]) { picked.append(index) }
      }
    }
  }

  /// Up to here the whole list is walked even for one pick: draws could miss the only eligible member.
  private static let smallCluster = 16
}
