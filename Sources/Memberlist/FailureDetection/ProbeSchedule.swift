package import SerfPrimitives

/// Whose turn it is to be probed: round-robin over a list that is shuffled after each walk, which bounds the time to first detection (SWIM, section
/// 4.3). A short queue holds members that are to be probed out of turn.
package struct ProbeSchedule: Sendable {
  private var position = 0
  private var urgent: [NodeIndex] = []

  package init() {}

  /// Asks for a probe out of turn. False when too many members wait already.
  package mutating func hasten(_ index: NodeIndex, limit: Int) -> Bool {
    if urgent.contains(index) { return true }
    guard urgent.count < limit else { return false }
    urgent.append(index)
    return true
  }

  /// Whether any member waits for a probe out of turn.
  var hasUrgent: Bool { !urgent.isEmpty }

  /// The member that waits longest for a probe out of turn.
  package mutating func nextUrgent(in table: borrowing NodeTable) -> NodeIndex? {
    while !urgent.isEmpty {
      let index = urgent.removeFirst()
      if table.contains(index), table[index].state.isLive { return index }
    }
    return nil
  }

  /// The next live member in turn, other than `me`. At the end of the list the caller's nodes are reaped and shuffled, and the walk goes on; it gives
  /// up after as many steps as the list has entries. Going back to the start counts as one step.
  package mutating func next(
    in table: inout NodeTable, except me: NodeIndex, forgettingAfter age: Duration, random: inout SeededRandom, at now: Instant,
    reaped: inout [NodeName]
  ) -> NodeIndex? {
    var considered = 0
    while considered < table.count {
      considered += 1
      guard position < table.count else {
        reaped += table.reap(olderThan: age, except: me, at: now)
        table.shuffleOrder(&random)
        position = 0
        continue
      }
      let index = table.order[position]
      position += 1
      if index != me, table[index].state.isLive { return index }
    }
    return nil
  }
}
