/// Walks the fields of a Go struct, in any of the three forms that the Go decoders take: a map from field names (what all peers send), an array in
/// declaration order, possibly short, or nil (`memberlist.md` section 3.4).
///
/// ```swift
/// var fields = try reader.readStruct()
/// while let key = try reader.nextField(&fields, declared: "SeqNo Payload") {
///   if key.equals("SeqNo") { sequence = try reader.readInteger() }
///   else if key.equals("Payload") { payload = try reader.readBytes() }
///   else { try reader.skip() }
/// }
/// ```
/// Unknown fields are skipped, missing ones keep their zero value, and the last of repeated ones wins.
@usableFromInline package struct StructFields {
  @usableFromInline var left: Int
  @usableFromInline var position: Int
  @usableFromInline let isArray: Bool

  @inlinable init(left: Int, isArray: Bool) {
    self.left = left
    self.isArray = isArray
    position = 0
  }
}

/// The name of a field as it was received. Its first bytes are also kept as a number, because a decoder compares each name with several literals.
@usableFromInline package struct FieldName: ~Escapable {
  /// The bytes of the name.
  @usableFromInline let bytes: RawSpan
  /// The first eight bytes, or all, from the least significant byte on.
  @usableFromInline let head: UInt64

  @inlinable @inline(__always) @_lifetime(copy bytes)
  init(_ bytes: RawSpan) {
    self.bytes = bytes
    var word: UInt64 = 0
    for index in 0..<min(8, bytes.byteCount) { word |= UInt64(bytes[checked: index]) << UInt64(8 * index) }
    head = word
  }

  @inlinable @inline(__always) @_lifetime(copy bytes)
  init(_ bytes: RawSpan, head: UInt64) {
    self.bytes = bytes
    self.head = head
  }

  /// Whether it is this one.
  @inlinable @inline(__always) package func equals(_ literal: StaticString) -> Bool {
    // The compiler makes a constant of the literal's head.
    let count = literal.utf8CodeUnitCount
    guard bytes.byteCount == count, head == literal.head else { return false }
    return count <= 8 || bytes.hasBytes(at: literal.utf8Start)
  }
}

extension StaticString {
  /// The first eight bytes, or all, as ``FieldName`` keeps them.
  @inlinable @inline(__always) var head: UInt64 {
    var word: UInt64 = 0
    for index in 0..<min(8, utf8CodeUnitCount) { word |= UInt64(utf8Start[index]) << UInt64(8 * index) }
    return word
  }
}

extension MessagePackReader {
  /// Reads the header of a struct.
  @inlinable @_lifetime(self: copy self)
  package mutating func readStruct() throws(WireError) -> StructFields {
    guard offset < bytes.byteCount else { throw .truncated }
    switch bytes[checked: offset] {
    case Marker.fixArray, Marker.array16, Marker.array32: return StructFields(left: try readArrayHeader(), isArray: true)
    default: return StructFields(left: try readMapHeader(), isArray: false)
    }
  }

  /// The name of the next field, whose value is then to be read or skipped; nil at the end of the struct. `declared` lists the field
  /// names in the order of the Go declaration, separated by one space; array elements beyond them have the empty name.
  @inlinable @_lifetime(copy self) @_lifetime(self: copy self)
  package mutating func nextField(_ fields: inout StructFields, declared: StaticString) throws(WireError) -> FieldName? {
    guard fields.left > 0 else { return nil }
    fields.left -= 1
    if !fields.isArray { return try readFieldName() }
    let name = declaredName(fields.position, in: declared)
    fields.position += 1
    return FieldName(name)
  }

  /// What all peers send is a short text; other texts are names as well.
  @inlinable @inline(__always) @_lifetime(copy self) @_lifetime(self: copy self)
  mutating func readFieldName() throws(WireError) -> FieldName {
    guard offset < bytes.byteCount, Marker.fixText ~= bytes[checked: offset] else { return FieldName(try readString()) }
    let count = Int(bytes[checked: offset] &- Marker.fixText.lowerBound)
    offset += 1
    guard bytes.byteCount - offset >= 8 else { return FieldName(try take(count)) }
    let word = UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
    return FieldName(try take(count), head: count >= 8 ? word : word & (1 << UInt64(8 * count) - 1))
  }

  /// The word at `position`. The span of a literal is always valid.
  @usableFromInline @_lifetime(immortal)
  func declaredName(_ position: Int, in declared: StaticString) -> RawSpan {
    let names = UnsafeBufferPointer(start: declared.utf8Start, count: declared.utf8CodeUnitCount)
    var start = 0
    var words = position
    for index in 0...names.count {
      guard index == names.count || names[index] == 0x20 else { continue }
      if words == 0 {
        let name = RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(names)[start..<index]))
        return _overrideLifetime(name, copying: ())
      }
      words -= 1
      start = index + 1
    }
    return _overrideLifetime(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: nil, count: 0)), copying: ())
  }
}
