package import SerfPrimitives

/// What this node knows of the network's distances: its own coordinate, and the last one that each other member has told it.
///
/// It holds only what its caller puts in: one row for each member that has been heard, until the member is forgotten.
package struct CoordinateTable: Sendable {
  private struct Row: Sendable {
    var coordinate: NodeCoordinate
    var filter = LatencyFilter()
  }

  private var vivaldi: Vivaldi
  private var rows: [NodeName: Row] = [:]

  package init(at coordinate: NodeCoordinate = .origin) { vivaldi = Vivaldi(at: coordinate) }

  /// This node's own.
  package var own: NodeCoordinate { vivaldi.coordinate }

  /// The last one of another member; nil if it has told none.
  package subscript(name: NodeName) -> NodeCoordinate? { rows[name]?.coordinate }

  /// How many members have told theirs.
  package var count: Int { rows.count }

  /// A member told its coordinate, and nothing was measured.
  package mutating func told(_ coordinate: NodeCoordinate, by name: NodeName) {
    var row = rows[name] ?? Row(coordinate: coordinate)
    row.coordinate = coordinate
    rows[name] = row
  }

  /// A member told its coordinate after this round trip, which moves our own.
  package mutating func told(
    _ coordinate: NodeCoordinate, by name: NodeName, after roundTrip: Duration, random: inout SeededRandom
  ) -> Vivaldi.Outcome {
    var row = rows[name] ?? Row(coordinate: coordinate)
    row.coordinate = coordinate
    let median = row.filter.median(adding: roundTrip)
    rows[name] = row
    return vivaldi.update(toward: coordinate, roundTrip: median, random: &random)
  }

  /// The member is erased.
  package mutating func forget(_ name: NodeName) { rows[name] = nil }
}
