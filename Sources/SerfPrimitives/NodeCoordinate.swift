/// Where a node is in a space in which distances are round-trip times (Vivaldi; Dabek, Cox, Kaashoek and Morris, 2004).
///
/// ``distance(to:)`` estimates how long a packet takes between two nodes and back, also between two that have never exchanged one. All times in it are
/// in seconds. Every value of this type is one that a node can have: what a peer sends beyond these bounds never becomes one.
public struct NodeCoordinate: Sendable {
  /// How many components ``vector`` has, at every node.
  public static let dimensions = 8
  /// The upper bound of ``error``: a node that knows nothing of its place.
  public static let largestError = 1.5
  /// The upper bound of ``height`` and of the size of every other time in a coordinate: 10 s, the longest round trip that counts.
  public static let largestTime = 10.0
  /// Where every node begins.
  public static let origin = NodeCoordinate()

  /// The place in the space itself.
  public package(set) var vector = InlineArray<8, Double>(repeating: 0)
  /// The time on the node's own link, which is part of its way to every other node.
  public package(set) var height = 1e-5
  /// A correction that is added to every distance: by how much the latest estimates were wrong on average.
  public package(set) var adjustment = 0.0
  /// How little the node trusts its own place, as a fraction of a distance: from 0, certain, to ``largestError``.
  public package(set) var error = NodeCoordinate.largestError

  private init() {}

  /// A coordinate of these parts; nil if one of them is not a number or out of bounds. Times may be up to ``largestTime``, except that the height and the
  /// error are not negative.
  public init?(vector: InlineArray<8, Double>, height: Double, adjustment: Double, error: Double) {
    self.vector = vector
    self.height = height
    self.adjustment = adjustment
    self.error = error
    guard isWithinBounds else { return nil }
  }

  /// False for what is not a number, too.
  package var isWithinBounds: Bool {
    for index in vector.indices where !(vector[index].magnitude <= Self.largestTime) { return false }
    return adjustment.magnitude <= Self.largestTime && height >= 0 && height <= Self.largestTime && error >= 0 && error <= Self.largestError
  }

  /// The estimated round-trip time between the two nodes. It is no measurement: see ``error`` of both.
  public func distance(to other: NodeCoordinate) -> Duration {
    let raw = rawDistance(to: other)
    let adjusted = raw + adjustment + other.adjustment
    // 96 s at most. Go cuts off what is below a nanosecond, and calculates with the result.
    return .nanoseconds(Int64((adjusted > 0 ? adjusted : raw) * 1e9))
  }

  /// The distance in seconds without the adjustments.
  package func rawDistance(to other: NodeCoordinate) -> Double {
    var sum = 0.0
    for index in vector.indices {
      let difference = vector[index] - other.vector[index]
      sum += difference * difference
    }
    return sum.squareRoot() + height + other.height
  }
}

extension NodeCoordinate: Hashable {
  public static func == (left: NodeCoordinate, right: NodeCoordinate) -> Bool {
    for index in left.vector.indices where left.vector[index] != right.vector[index] { return false }
    return left.height == right.height && left.adjustment == right.adjustment && left.error == right.error
  }

  public func hash(into hasher: inout Hasher) {
    for index in vector.indices { hasher.combine(vector[index]) }
    hasher.combine(height)
    hasher.combine(adjustment)
    hasher.combine(error)
  }
}
