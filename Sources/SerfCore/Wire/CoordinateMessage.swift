package import SerfWire

/// A network coordinate as the payload of an ack carries it (`serf.md`): the version byte 1 and a map.
package struct CoordinateMessage: Sendable {
  /// The version that all peers speak; others are ignored.
  package static let version: UInt8 = 1
  /// How many components every coordinate has; one of another dimension cannot be compared and is refused.
  package static let dimensions = 8

  package var vector: InlineArray<8, Double>
  package var error: Double
  package var adjustment: Double
  package var height: Double

  package init(vector: InlineArray<8, Double>, error: Double, adjustment: Double, height: Double) {
    self.vector = vector
    self.error = error
    self.adjustment = adjustment
    self.height = height
  }

  /// Decodes a payload, version byte included. The values are as sent: they may be absurd or not numbers at all.
  package init(decoding payload: RawSpan) throws(WireError) {
    var reader = MessagePackReader(payload)
    guard try reader.byte() == Self.version else { throw .unexpectedType }
    vector = InlineArray(repeating: 0)
    (error, adjustment, height) = (0, 0, 0)
    var dimensions = 0
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Vec Error Adjustment Height") {
      if key.equals("Adjustment") {
        adjustment = try reader.readDouble()
      } else if key.equals("Error") {
        error = try reader.readDouble()
      } else if key.equals("Height") {
        height = try reader.readDouble()
      } else if key.equals("Vec") {
        dimensions = try reader.readArrayHeader()
        guard dimensions == Self.dimensions else { throw .outOfRange }
        for index in 0..<dimensions { vector[index] = try reader.readDouble() }
      } else {
        try reader.skip()
      }
    }
    guard dimensions == Self.dimensions else { throw .outOfRange }
  }

  /// Appends the payload, version byte included.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(Self.version)
    writer.map(4)
    writer.string("Adjustment")
    writer.double(adjustment)
    writer.string("Error")
    writer.double(error)
    writer.string("Height")
    writer.double(height)
    writer.string("Vec")
    writer.array(Self.dimensions)
    for index in 0..<Self.dimensions { writer.double(vector[index]) }
    bytes = writer.finish()
  }
}
