import SerfWire

/// A received array of strings, checked when it was found: `while let name = list.next() { … }`.
package struct StringList: ~Escapable {
  private var reader: MessagePackReader
  /// Strings that have not been given out.
  package private(set) var count: Int

  /// The empty list.
  @_lifetime(immortal)
  package init() {
    reader = MessagePackReader(RawSpan())
    count = 0
  }

  /// Reads an array of strings or nil, and moves `reader` past it.
  @_lifetime(copy reader) @_lifetime(reader: copy reader)
  init(_ reader: inout MessagePackReader) throws(WireError) {
    count = try reader.readArrayHeader()
    self.reader = MessagePackReader(reader.rest)
    for _ in 0..<count { _ = try reader.readString() }
  }

  /// The next string, nil after the last.
  @_lifetime(copy self) @_lifetime(self: copy self)
  package mutating func next() -> RawSpan? {
    guard count > 0 else { return nil }
    count -= 1
    return try? reader.readString()
  }

  /// Whether a string of these bytes is among those not given out yet.
  package func contains(_ string: RawSpan) -> Bool {
    var rest = self
    while let candidate = rest.next() {
      if candidate.equals(string) { return true }
    }
    return false
  }
}

/// A received map from strings to Lamport times, checked when it was found.
package struct TimeMap: ~Escapable {
  /// One pair.
  package struct Entry: ~Escapable {
    package let key: RawSpan
    package let time: LamportTime

    @_lifetime(copy key)
    init(key: RawSpan, time: LamportTime) {
      self.key = key
      self.time = time
    }
  }

  private var reader: MessagePackReader
  /// Pairs that have not been given out.
  package private(set) var count: Int

  /// The empty map.
  @_lifetime(immortal)
  package init() {
    reader = MessagePackReader(RawSpan())
    count = 0
  }

  /// Reads a map or nil, and moves `reader` past it.
  @_lifetime(copy reader) @_lifetime(reader: copy reader)
  init(_ reader: inout MessagePackReader) throws(WireError) {
    count = try reader.readMapHeader()
    self.reader = MessagePackReader(reader.rest)
    for _ in 0..<count {
      _ = try reader.readString()
      _ = try reader.readInteger() as LamportTime
    }
  }

  /// The next pair, nil after the last.
  @_lifetime(copy self) @_lifetime(self: copy self)
  package mutating func next() -> Entry? {
    guard count > 0 else { return nil }
    count -= 1
    do throws(WireError) {
      let key = try reader.readString()
      return Entry(key: key, time: try reader.readInteger())
    } catch { return nil }
  }
}
