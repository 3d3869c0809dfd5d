package import SerfPrimitives

/// Moves this node's coordinate after each measured round trip, so that its distances come closer to the round-trip times (`serf.md` section 16).
///
/// Each round trip acts as a spring between two nodes. Three additions of Serf's follow it: the height of a node above the space stands for its own link,
/// the adjustment for errors that no place in the space can remove, and a weak gravity keeps a whole cluster from drifting away. The arithmetic is Go's,
/// operation by operation, so that both come to the same result.
package struct Vivaldi: Sendable {
  /// What an update did.
  package enum Outcome: Hashable, Sendable {
    case moved
    /// The result was out of bounds, so the node begins at the origin again.
    case reset
  }

  package private(set) var coordinate: NodeCoordinate
  /// The latest differences between a round trip and its estimate, in seconds; places that are not used yet are zero.
  private var differences = InlineArray<20, Double>(repeating: 0)
  private var nextDifference = 0

  package init(at coordinate: NodeCoordinate = .origin) { self.coordinate = coordinate }

  /// A round trip to the node at `other` took this long, after the filter: zero to 10 s.
  package mutating func update(toward other: NodeCoordinate, roundTrip: Duration, random: inout SeededRandom) -> Outcome {
    let measured = Self.seconds(roundTrip)
    pull(toward: other, measured, &random)
    adjust(toward: other, measured)
    gravitate(&random)
    guard !coordinate.isWithinBounds else { return .moved }
    self = Vivaldi()
    return .reset
  }

  // MARK: Steps

  private mutating func pull(toward other: NodeCoordinate, _ measured: Double, _ random: inout SeededRandom) {
    let distance = Self.seconds(coordinate.distance(to: other))
    let measured = max(measured, Self.zero)
    let wrongness = (distance - measured).magnitude / measured
    let weight = coordinate.error / max(coordinate.error + other.error, Self.zero)
    let error = Self.errorShare * weight * wrongness + coordinate.error * (1 - Self.errorShare * weight)
    coordinate.error = min(error, NodeCoordinate.largestError)
    push(Self.forceShare * weight * (measured - distance), awayFrom: other, &random)
  }

  private mutating func adjust(toward other: NodeCoordinate, _ measured: Double) {
    differences[nextDifference] = measured - coordinate.rawDistance(to: other)
    nextDifference = (nextDifference + 1) % differences.count
    var sum = 0.0
    for index in differences.indices { sum += differences[index] }
    // Both nodes of a distance add theirs, so each adds a half.
    coordinate.adjustment = sum / (2 * Double(differences.count))
  }

  private mutating func gravitate(_ random: inout SeededRandom) {
    let share = Self.seconds(NodeCoordinate.origin.distance(to: coordinate)) / Self.gravity
    push(-(share * share), awayFrom: .origin, &random)
  }

  /// Moves the coordinate by `force` seconds; a negative force attracts.
  private mutating func push(_ force: Double, awayFrom other: NodeCoordinate, _ random: inout SeededRandom) {
    var direction = InlineArray<8, Double>(repeating: 0)
    for index in direction.indices { direction[index] = coordinate.vector[index] - other.vector[index] }
    let separation = Self.normalise(&direction)
    if separation == nil { Self.choose(&direction, &random) }
    for index in direction.indices { coordinate.vector[index] += direction[index] * force }
    guard let separation else { return }
    coordinate.height = max((coordinate.height + other.height) * force / separation + coordinate.height, NodeCoordinate.origin.height)
  }

  // MARK: Directions

  /// Makes the length 1, and returns the former one; nil, and changes nothing, for a length that is hardly above zero.
  private static func normalise(_ vector: inout InlineArray<8, Double>) -> Double? {
    var sum = 0.0
    for index in vector.indices { sum += vector[index] * vector[index] }
    let length = sum.squareRoot()
    guard length > zero else { return nil }
    let inverse = 1 / length
    for index in vector.indices { vector[index] *= inverse }
    return length
  }

  /// Two nodes at one place: chance decides in which direction they part.
  private static func choose(_ vector: inout InlineArray<8, Double>, _ random: inout SeededRandom) {
    for index in vector.indices { vector[index] = Double(random.next() >> 11) * 0x1p-53 - 0.5 }
    guard normalise(&vector) == nil else { return }
    vector = InlineArray(repeating: 0)
    vector[0] = 1
  }

  // MARK: Numbers

  /// How much one round trip counts for the error, and for the place.
  private static let errorShare = 0.25
  private static let forceShare = 0.25
  /// What counts as no time or length at all, in seconds.
  private static let zero = 1e-6
  /// At this distance from the origin, in seconds, gravity would be a whole second.
  private static let gravity = 150.0

  /// Whole seconds and the rest apart, as Go adds them.
  private static func seconds(_ duration: Duration) -> Double {
    let (whole, rest) = duration.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    return Double(whole) + Double(rest) / 1e9
  }
}
