package import SerfPrimitives
package import SerfWire

/// Asks the receiver to pass a query response on (message 9): a header, then the response as it is.
package struct RelayMessage: ~Escapable {
  /// The destination; nil when the bytes are no address.
  package var destination: NodeAddress?
  /// The IPv6 zone, which means nothing on another machine.
  package var zone: RawSpan
  /// The member's name; empty from old versions.
  package var destinationName: RawSpan
  /// The message to pass on, its type byte included.
  package var message: RawSpan

  @_lifetime(copy destinationName, copy message)
  package init(destination: NodeAddress?, destinationName: RawSpan, message: RawSpan) {
    self.destination = destination
    zone = RawSpan()
    self.destinationName = destinationName
    self.message = message
  }

  /// Decodes what is behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    destination = nil
    zone = RawSpan()
    destinationName = RawSpan()
    var port: UInt16 = 0
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "DestAddr DestName") {
      if key.equals("DestAddr") {
        var address = try reader.readStruct()
        while let key = try reader.nextField(&address, declared: "IP Port Zone") {
          if key.equals("IP") {
            destination = try reader.readAddress()
          } else if key.equals("Port") {
            port = try reader.readInteger()
          } else if key.equals("Zone") {
            zone = try reader.readString()
          } else {
            try reader.skip()
          }
        }
      } else if key.equals("DestName") {
        destinationName = try reader.readString()
      } else {
        try reader.skip()
      }
    }
    destination?.port = port
    message = reader.rest
  }

  /// Appends the type byte, the header and the message.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(SerfMessageType.relay.rawValue)
    writer.map(2)
    writer.string("DestAddr")
    writer.map(3)
    writer.field("IP", address: destination)
    writer.field("Port", destination?.port ?? 0)
    writer.field("Zone", string: zone)
    writer.field("DestName", string: destinationName)
    writer.raw(message)
    writer.finish(into: &bytes)
  }
}
