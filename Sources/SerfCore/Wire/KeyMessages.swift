package import SerfWire

/// What a member has to do with its keyring (message 7). The query's name says which operation it is.
package struct KeyRequestMessage: ~Escapable {
  /// The key, 16, 24 or 32 bytes if the sender is correct; empty to list the keys.
  package var key: RawSpan

  @_lifetime(copy key)
  package init(key: RawSpan) { self.key = key }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    key = RawSpan()
    var fields = try reader.readStruct()
    while let name = try reader.nextField(&fields, declared: "Key") {
      if name.equals("Key") { key = try reader.readString() } else { try reader.skip() }
    }
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(SerfMessageType.keyRequest.rawValue)
    writer.map(1)
    writer.field("Key", binary: key)
    writer.finish(into: &bytes)
  }
}

/// The result of a key request (message 8).
package struct KeyResponseMessage: ~Escapable {
  /// Whether it succeeded.
  package private(set) var succeeded: Bool
  /// Why not, or a remark.
  package private(set) var text: RawSpan
  /// The keys, in base64; empty unless they were requested.
  package private(set) var keys: StringList
  /// The primary key, in base64; empty unless the keys were requested.
  package private(set) var primaryKey: RawSpan

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    succeeded = false
    text = RawSpan()
    keys = StringList()
    primaryKey = RawSpan()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Result Message Keys PrimaryKey") {
      if key.equals("Keys") {
        keys = try StringList(&reader)
      } else if key.equals("Message") {
        text = try reader.readString()
      } else if key.equals("PrimaryKey") {
        primaryKey = try reader.readString()
      } else if key.equals("Result") {
        succeeded = try reader.readBool()
      } else {
        try reader.skip()
      }
    }
  }

  /// Appends our response, type byte and map. Nil keys: the answer does not list keys.
  package static func encode(
    succeeded: Bool, text: [UInt8], keys: [[UInt8]]?, primaryKey: [UInt8], into bytes: inout [UInt8]
  ) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(SerfMessageType.keyResponse.rawValue)
    writer.map(4)
    writer.string("Keys")
    if let keys {
      writer.array(keys.count)
      for key in keys { writer.string(key) }
    } else {
      writer.null()
    }
    writer.field("Message", string: text.span.bytes)
    writer.field("PrimaryKey", string: primaryKey.span.bytes)
    writer.field("Result", succeeded)
    writer.finish(into: &bytes)
  }
}
