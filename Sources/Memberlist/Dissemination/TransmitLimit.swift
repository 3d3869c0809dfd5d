/// How often one broadcast goes out (SWIM, section 4.1: λ · log n transmissions reach all members with high probability).
package enum TransmitLimit {
  /// multiplier · ⌈log10(n + 1)⌉. Zero means: once.
  package static func transmissions(multiplier: Int, nodes: Int) -> Int {
    multiplier * Logarithm.ceilingOfDecades(nodes + 1)
  }

  /// The same, but enough that a small cluster does not miss a broadcast: at least four for each of the first three other members.
  ///
  /// Not in memberlist. Gossip and what travels beside a probe count alike, so a few transmissions may all go to one member. A member that relays the
  /// broadcast may spend its own transmissions on members that have it. So a broadcast that every node sends L times misses a given node with a
  /// probability of about e^−L. Measured in virtual time, without loss or push/pull, with the formula alone:
  ///
  /// | Members | Multiplier | Events that some member missed, of 2,000 | Leaves that some member saw as a failure or not at all, of 100 |
  /// | --- | --- | --- | --- |
  /// | 3 | 2 | 0 | 1 |
  /// | 4 | 2 | 251 | 20 |
  /// | 5 | 2 | 514 | 49 |
  /// | 5 | 4 | 15 | 0 |
  ///
  /// With the lower bound none is missed. It costs a few more packets in clusters this small. (Among six of Go's agents: 4 in about 100 broadcasts.)
  package static func enough(multiplier: Int, nodes: Int) -> Int {
    max(transmissions(multiplier: multiplier, nodes: nodes), 4 * min(nodes - 1, 3))
  }
}
