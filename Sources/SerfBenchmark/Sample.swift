extension [Double] {
  /// The middle value, or the lower of the two middle ones; 0 if there are none.
  package var median: Double { isEmpty ? 0 : sorted()[(count - 1) / 2] }
}

extension Duration {
  /// In seconds.
  var seconds: Double { self / .seconds(1) }
}
