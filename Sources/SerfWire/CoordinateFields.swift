package import SerfPrimitives

// A coordinate as a Go struct, which acks and the agent's RPC carry (`serf.md` section 16, `agent.md` section 2).

extension MessagePackReader {
  /// Reads a coordinate; nil where it has no vector. Throws ``WireError/outOfRange`` for another dimension, and for values that no node can have.
  @_lifetime(self: copy self)
  package mutating func readCoordinate() throws(WireError) -> NodeCoordinate? {
    var vector = InlineArray<8, Double>(repeating: 0)
    var (error, adjustment, height) = (0.0, 0.0, 0.0)
    var dimensions = 0
    var fields = try readStruct()
    while let key = try nextField(&fields, declared: "Vec Error Adjustment Height") {
      if key.equals("Adjustment") {
        adjustment = try readDouble()
      } else if key.equals("Error") {
        error = try readDouble()
      } else if key.equals("Height") {
        height = try readDouble()
      } else if key.equals("Vec") {
        dimensions = try readArrayHeader()
        guard dimensions == 0 || dimensions == NodeCoordinate.dimensions else { throw .outOfRange }
        for index in 0..<dimensions { vector[index] = try readDouble() }
      } else {
        try skip()
      }
    }
    guard dimensions > 0 else { return nil }
    guard let coordinate = NodeCoordinate(vector: vector, height: height, adjustment: adjustment, error: error) else { throw .outOfRange }
    return coordinate
  }
}

extension MessagePackWriter {
  /// A coordinate; for nil, Go's zero value.
  package mutating func coordinate(_ coordinate: NodeCoordinate?) {
    map(4)
    string("Adjustment")
    double(coordinate?.adjustment ?? 0)
    string("Error")
    double(coordinate?.error ?? 0)
    string("Height")
    double(coordinate?.height ?? 0)
    string("Vec")
    guard let coordinate else { return null() }
    array(NodeCoordinate.dimensions)
    for index in 0..<NodeCoordinate.dimensions { double(coordinate.vector[index]) }
  }
}
