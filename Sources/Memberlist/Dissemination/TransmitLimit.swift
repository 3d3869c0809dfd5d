/// How often one broadcast goes out (SWIM, section 4.1: λ · log n transmissions reach everybody with high probability).
package enum TransmitLimit {
  /// multiplier · ⌈log10(n + 1)⌉. Zero means: once.
  package static func transmissions(multiplier: Int, nodes: Int) -> Int {
    multiplier * Logarithm.ceilingOfDecades(nodes + 1)
  }
}
