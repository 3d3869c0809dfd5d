import SerfPrimitives
import SerfWire

extension MessagePackReader {
  /// Reads text in the form that ``readableText(of:)`` gives.
  @_lifetime(self: copy self)
  mutating func readText() throws(WireError) -> String {
    readableText(of: [UInt8](copying: try readString()))
  }

  /// Reads a node's name, verbatim.
  @_lifetime(self: copy self)
  mutating func readName() throws(WireError) -> NodeName {
    NodeName(bytes: [UInt8](copying: try readString()))
  }

  /// Reads an array of nodes' names; nil stays nil.
  @_lifetime(self: copy self)
  mutating func readNames() throws(WireError) -> [NodeName]? {
    guard !readNil() else { return nil }
    var names: [NodeName] = []
    for _ in 0..<(try readArrayHeader()) { names.append(try readName()) }
    return names
  }

  /// Reads bytes; nil stays nil.
  @_lifetime(self: copy self)
  mutating func readData() throws(WireError) -> [UInt8]? {
    guard let bytes = try readBytes() else { return nil }
    return [UInt8](copying: bytes)
  }

  /// Reads an array of text; nil counts as empty.
  @_lifetime(self: copy self)
  mutating func readTexts() throws(WireError) -> [String] {
    var texts: [String] = []
    for _ in 0..<(try readArrayHeader()) { texts.append(try readText()) }
    return texts
  }

  /// Reads a map from text to text; nil counts as empty, and the last of repeated keys wins.
  @_lifetime(self: copy self)
  mutating func readTextMap() throws(WireError) -> [String: String] {
    var map: [String: String] = [:]
    for _ in 0..<(try readMapHeader()) {
      let key = try readText()
      map[key] = try readText()
    }
    return map
  }
}

extension MessagePackWriter {
  mutating func field(_ key: StaticString, text value: String) {
    string(key)
    string(value)
  }

  mutating func field(_ key: StaticString, name value: [UInt8]) {
    field(key, string: value.span.bytes)
  }

  mutating func field(_ key: StaticString, data value: [UInt8]?) {
    string(key)
    if let value { binary(value) } else { null() }
  }

  /// Nil for no names at all.
  mutating func field(_ key: StaticString, names value: [NodeName]?) {
    string(key)
    guard let value else { return null() }
    array(value.count)
    for name in value { string(name.bytes) }
  }

  /// Nil for no texts at all.
  mutating func field(_ key: StaticString, texts value: [String]?) {
    string(key)
    guard let value else { return null() }
    array(value.count)
    for text in value { string(text) }
  }

  mutating func field(_ key: StaticString, map value: [String: String]) {
    string(key)
    textMap(value)
  }

  /// A map with its keys in byte order; any order is allowed, but one fixed order makes the bytes repeatable.
  mutating func textMap(_ value: [String: String]) {
    map(value.count)
    for (key, text) in value.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      string(key)
      string(text)
    }
  }
}
