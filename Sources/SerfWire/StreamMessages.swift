/// What comes before the bytes of a user message on a stream (message 8). On packets there is no header.
package struct UserMessageHeader: Hashable, Sendable {
  /// How many bytes follow.
  package var length: Int

  package init(length: Int) { self.length = length }

  /// Decodes the map behind the type byte. The number is as sent.
  @_lifetime(reader: copy reader)
  package init(_ reader: inout MessagePackReader) throws(WireError) {
    length = 0
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "UserMsgLen") {
      if key.equals("UserMsgLen") { length = try reader.readInteger() } else { try reader.skip() }
    }
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(MessageType.user.rawValue)
    encode(&writer)
    writer.finish(into: &bytes)
  }

  func encode(_ writer: inout MessagePackWriter) {
    writer.map(1)
    writer.field("UserMsgLen", length)
  }
}

/// Why the accepting side could not use a request (message 13). The text is free-form, for people.
package struct ErrorMessage: ~Escapable {
  package var text: RawSpan

  @_lifetime(copy text)
  package init(text: RawSpan) { self.text = text }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    text = RawSpan()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Error") {
      if key.equals("Error") { text = try reader.readString() } else { try reader.skip() }
    }
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(MessageType.error.rawValue)
    writer.map(1)
    writer.field("Error", string: text)
    writer.finish(into: &bytes)
  }
}

/// A compressed message (message 9), its type byte included in what is compressed.
package struct Compressed: ~Escapable {
  /// 0 is LZW. 1 is zstd, our extension, which no Go peer sees.
  package var algorithm: UInt8
  package var data: RawSpan

  @_lifetime(copy data)
  package init(algorithm: UInt8, data: RawSpan) {
    self.algorithm = algorithm
    self.data = data
  }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    try self.init(&reader)
  }

  @_lifetime(copy reader) @_lifetime(reader: copy reader)
  package init(_ reader: inout MessagePackReader) throws(WireError) {
    algorithm = 0
    data = RawSpan()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Algo Buf") {
      if key.equals("Algo") {
        algorithm = try reader.readInteger()
      } else if key.equals("Buf") {
        data = try reader.readString()
      } else {
        try reader.skip()
      }
    }
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(MessageType.compressed.rawValue)
    writer.map(2)
    writer.field("Algo", algorithm)
    writer.field("Buf", binary: data)
    writer.finish(into: &bytes)
  }
}
