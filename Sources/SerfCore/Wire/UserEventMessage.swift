package import SerfWire

/// An application's message to every member (message 3).
package struct UserEventMessage: ~Escapable {
  package var time: LamportTime
  package var name: RawSpan
  /// Nil and empty differ on the wire only.
  package let payload: RawSpan?
  /// Whether only the newest of several events of this name need be delivered.
  package var coalesce: Bool

  @_lifetime(copy name, copy payload)
  package init(time: LamportTime, name: RawSpan, payload: RawSpan?, coalesce: Bool) {
    self.time = time
    self.name = name
    self.payload = payload
    self.coalesce = coalesce
  }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    time = 0
    name = RawSpan()
    var payload: RawSpan? = nil
    coalesce = false
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "LTime Name Payload CC") {
      if key.equals("CC") {
        coalesce = try reader.readBool()
      } else if key.equals("LTime") {
        time = try reader.readInteger()
      } else if key.equals("Name") {
        name = try reader.readString()
      } else if key.equals("Payload") {
        payload = try reader.readBytes()
      } else {
        try reader.skip()
      }
    }
    self.payload = payload
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(SerfMessageType.userEvent.rawValue)
    writer.map(4)
    writer.field("CC", coalesce)
    writer.field("LTime", time)
    writer.field("Name", string: name)
    writer.field("Payload", binary: payload)
    writer.finish(into: &bytes)
  }
}
