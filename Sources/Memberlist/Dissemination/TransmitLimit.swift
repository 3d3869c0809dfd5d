/// How often one broadcast goes out (SWIM, section 4.1: λ · log n transmissions reach everybody with high probability).
package enum TransmitLimit {
  /// multiplier · ⌈log10(n + 1)⌉. Zero means: once.
  package static func transmissions(multiplier: Int, nodes: Int) -> Int {
    multiplier * Logarithm.ceilingOfDecades(nodes + 1)
  }

  /// The same, and at least as often as among a hundred nodes where one round of gossip does not reach everybody.
  ///
  /// Not in memberlist. A broadcast that every node sends L times passes a given node by with a probability of about e^−L. For 5 to 9 nodes
  /// the formula says 4, and about one broadcast in 20 does not reach everybody before the next push/pull (measured with six Go agents: 4
  /// such in some 100 broadcasts); 12 makes that one in tens of thousands, for a few packets more in clusters this small.
  package static func transmissions(multiplier: Int, nodes: Int, fanout: Int) -> Int {
    let formula = transmissions(multiplier: multiplier, nodes: nodes)
    return nodes - 1 > fanout ? max(formula, 3 * multiplier) : formula
  }
}
