package import SerfPrimitives
package import SerfWire

/// Asks for the last coordinate that a member has told the agent.
package struct CoordinateRequest: RPCBody, Hashable {
  package var node: NodeName

  package init(node: NodeName = "") {
    self.node = node
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Node") {
      if key.equals("Node") {
        node = try reader.readName()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(1)
    writer.field("Node", string: node.bytes.span.bytes)
  }
}

/// The coordinate; nil if the agent has none of that member.
package struct CoordinateResponse: RPCBody, Hashable {
  package var coordinate: NodeCoordinate?

  package init(coordinate: NodeCoordinate? = nil) {
    self.coordinate = coordinate
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var isKnown = false
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Coord Ok") {
      if key.equals("Coord") {
        coordinate = try reader.readCoordinate()
      } else if key.equals("Ok") {
        isKnown = try reader.readBool()
      } else {
        try reader.skip()
      }
    }
    if !isKnown { coordinate = nil }
    guard isKnown == (coordinate != nil) else { throw .outOfRange }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(2)
    writer.string("Coord")
    writer.coordinate(coordinate)
    writer.field("Ok", coordinate != nil)
  }
}
