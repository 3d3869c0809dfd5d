/// How often the whole state is exchanged with one random member.
package enum PushPullSchedule {
  /// The interval in a cluster of `nodes`: unchanged up to 32 members, then one interval longer with each doubling, because the state to be sent
  /// grows as well.
  package static func interval(base: Duration, nodes: Int) -> Duration {
    guard nodes > 32 else { return base }
    return base * (Logarithm.ceilingOfDoublings(nodes) - 5 + 1)
  }
}
