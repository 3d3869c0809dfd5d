package import SerfPrimitives
package import SerfWire

/// A network coordinate as the payload of an ack carries it (`serf.md` section 16): the version byte 1 and a map.
package struct CoordinateMessage: Sendable {
  /// The version that all peers speak; others are ignored.
  package static let version: UInt8 = 1

  package var coordinate: NodeCoordinate

  package init(_ coordinate: NodeCoordinate) { self.coordinate = coordinate }

  /// Decodes a payload, version byte included. Throws for another version, another dimension, and values that no node can have.
  package init(decoding payload: RawSpan) throws(WireError) {
    var reader = MessagePackReader(payload)
    guard try reader.byte() == Self.version else { throw .unexpectedType }
    guard let coordinate = try reader.readCoordinate() else { throw .outOfRange }
    self.coordinate = coordinate
  }

  /// Appends the payload, version byte included.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(Self.version)
    writer.coordinate(coordinate)
    writer.finish(into: &bytes)
  }
}
