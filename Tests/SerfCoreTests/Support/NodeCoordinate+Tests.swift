import SerfPrimitives
import Testing
import VectorSupport

extension NodeCoordinate {
  /// A coordinate whose other components are zero.
  static func at(
    _ place: Double..., height: Double = 1e-5, adjustment: Double = 0, error: Double = 1.5,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> NodeCoordinate {
    var vector = InlineArray<8, Double>(repeating: 0)
    for (index, part) in place.enumerated() { vector[index] = part }
    return try #require(
      NodeCoordinate(vector: vector, height: height, adjustment: adjustment, error: error), sourceLocation: sourceLocation)
  }

  /// One of the vectors; nil if it is none that a node can have.
  init?(_ json: JSON) {
    let parts = json["Vec"].array.compactMap(\.double)
    guard parts.count == Self.dimensions, let height = json["Height"].double, let adjustment = json["Adjustment"].double,
      let error = json["Error"].double
    else { return nil }
    var vector = InlineArray<8, Double>(repeating: 0)
    for index in parts.indices { vector[index] = parts[index] }
    self.init(vector: vector, height: height, adjustment: adjustment, error: error)
  }

  var length: Double {
    var sum = 0.0
    for index in vector.indices { sum += vector[index] * vector[index] }
    return sum.squareRoot()
  }
}
