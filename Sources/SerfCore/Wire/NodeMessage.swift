package import SerfWire

/// A message of one program to the program at another node (message 128, which Go does not have).
///
/// It goes on a stream of its own, to peers that say that they read it. The connection proves who sent it, so it names no sender.
package struct NodeMessage: ~Escapable {
  package let payload: RawSpan

  /// A message of ours.
  @_lifetime(copy payload)
  package init(payload: RawSpan) { self.payload = payload }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    var payload = RawSpan()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Payload") {
      if key.equals("Payload") {
        if let bytes = try reader.readBytes() { payload = bytes }
      } else {
        try reader.skip()
      }
    }
    self.payload = payload
  }

  /// Appends the type byte and the body.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(SerfMessageType.nodeMessage.rawValue)
    writer.map(1)
    writer.field("Payload", binary: payload)
    writer.finish(into: &bytes)
  }
}
