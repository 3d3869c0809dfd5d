package import SerfWire

/// A member joined, or is back again (message 1).
package struct JoinMessage: ~Escapable {
  package var time: LamportTime
  package var node: RawSpan

  @_lifetime(copy node)
  package init(time: LamportTime, node: RawSpan) {
    self.time = time
    self.node = node
  }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    time = 0
    node = RawSpan()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "LTime Node") {
      if key.equals("LTime") {
        time = try reader.readInteger()
      } else if key.equals("Node") {
        node = try reader.readString()
      } else {
        try reader.skip()
      }
    }
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(SerfMessageType.join.rawValue)
    writer.map(2)
    writer.field("LTime", time)
    writer.field("Node", string: node)
    writer.finish(into: &bytes)
  }
}

/// A member leaves, or an operator declares a failed one gone (message 0).
package struct LeaveMessage: ~Escapable {
  package var time: LamportTime
  package var node: RawSpan
  /// Whether the member is to be forgotten at once. Old senders do not state it.
  package var prunes: Bool

  @_lifetime(copy node)
  package init(time: LamportTime, node: RawSpan, prunes: Bool) {
    self.time = time
    self.node = node
    self.prunes = prunes
  }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    time = 0
    node = RawSpan()
    prunes = false
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "LTime Node Prune") {
      if key.equals("LTime") {
        time = try reader.readInteger()
      } else if key.equals("Node") {
        node = try reader.readString()
      } else if key.equals("Prune") {
        prunes = try reader.readBool()
      } else {
        try reader.skip()
      }
    }
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(SerfMessageType.leave.rawValue)
    writer.map(3)
    writer.field("LTime", time)
    writer.field("Node", string: node)
    writer.field("Prune", prunes)
    writer.finish(into: &bytes)
  }
}
