/// Reads MessagePack values one after another from borrowed bytes, without allocating.
///
/// Every read moves ``offset`` past one value or throws ``WireError`` and leaves the reader unusable. What it accepts is the union of
/// what both generations of HashiCorp's codec accept, in every dialect (`memberlist.md` section 3.4, `serf.md` section 2): any string or
/// binary family for text and bytes, any integer width that fits, 0 and 1 for a bool, nil for the zero value, an array of small integers
/// for bytes. Lengths and counts are checked against what remains before they are believed.
///
/// - Values: ``readString()``, ``readBytes()``, `readInteger()`, ``readBool()``, ``readDouble()``, ``readNil()``
/// - Containers: ``readMapHeader()``, ``readArrayHeader()``, and ``readStruct()`` for a Go struct
/// - Anything: ``peekKind()``, ``skip()``
@usableFromInline package struct MessagePackReader: ~Escapable {
  @usableFromInline typealias Marker = MessagePackMarker

  @usableFromInline let bytes: RawSpan
  /// How many bytes have been read.
  @usableFromInline package internal(set) var offset: Int

  /// A reader at the first byte of `bytes`, or at `offset`.
  @inlinable @_lifetime(copy bytes)
  package init(_ bytes: RawSpan, at offset: Int = 0) {
    self.bytes = bytes
    self.offset = offset
  }

  /// How many bytes are left.
  @inlinable package var remaining: Int { bytes.byteCount - offset }

  /// True when nothing is left.
  @inlinable package var isAtEnd: Bool { offset == bytes.byteCount }

  /// What is left, unread.
  @inlinable package var rest: RawSpan {
    @_lifetime(copy self) get { bytes.extracting(droppingFirst: offset) }
  }

  // MARK: Values

  /// The kind of the next value, which stays unread.
  @inlinable package func peekKind() throws(WireError) -> MessagePackHead.Kind {
    guard offset < bytes.byteCount else { throw .truncated }
    guard let head = MessagePackHead(bytes[checked: offset]) else { throw .unexpectedKind }
    return head.kind
  }

  /// Reads a nil if there is one.
  @inlinable @_lifetime(self: copy self)
  package mutating func readNil() -> Bool {
    guard offset < bytes.byteCount, bytes[checked: offset] == Marker.nil else { return false }
    offset += 1
    return true
  }

  /// Reads text: nil counts as empty, bytes are not validated as UTF-8.
  @inlinable @_lifetime(copy self) @_lifetime(self: copy self)
  package mutating func readString() throws(WireError) -> RawSpan {
    guard let text = try readBytes() else { return bytes.extracting(0..<0) }
    return text
  }

  /// Reads bytes in any family, or nil. An array counts as bytes if each element is an integer below 128, because on the wire those are the same as
  /// the bytes they mean. No peer sends any other.
  @inlinable @_lifetime(copy self) @_lifetime(self: copy self)
  package mutating func readBytes() throws(WireError) -> RawSpan? {
    let tag = try byte()
    // The common case: fixraw.
    if Marker.fixText ~= tag { return try take(Int(tag &- Marker.fixText.lowerBound)) }
    switch tag {
    case Marker.nil: return nil
    case Marker.binary8, Marker.text8: return try take(Int(try byte()))
    case Marker.binary16, Marker.text16: return try take(Int(truncatingIfNeeded: try unsigned(bytes: 2)))
    case Marker.binary32, Marker.text32: return try take(Int(truncatingIfNeeded: try unsigned(bytes: 4)))
    case Marker.fixArray, Marker.array16, Marker.array32:
      offset -= 1
      let elements = try take(try readArrayHeader())
      for index in 0..<elements.byteCount where !Marker.positive.contains(elements[checked: index]) { throw .unexpectedKind }
      return elements
    default: throw .unexpectedKind
    }
  }

  /// Reads an integer of any width whose value fits; nil counts as 0.
  @inlinable @_lifetime(self: copy self)
  package mutating func readInteger() throws(WireError) -> UInt64 { try fitting() }

  /// Reads an integer of any width whose value fits; nil counts as 0.
  @inlinable @_lifetime(self: copy self)
  package mutating func readInteger() throws(WireError) -> UInt32 { try fitting() }

  /// Reads an integer of any width whose value fits; nil counts as 0.
  @inlinable @_lifetime(self: copy self)
  package mutating func readInteger() throws(WireError) -> UInt16 { try fitting() }

  /// Reads an integer of any width whose value fits; nil counts as 0.
  @inlinable @_lifetime(self: copy self)
  package mutating func readInteger() throws(WireError) -> UInt8 { try fitting() }

  /// Reads an integer of any width whose value fits; nil counts as 0.
  @inlinable @_lifetime(self: copy self)
  package mutating func readInteger() throws(WireError) -> Int64 { try fitting() }

  /// Reads an integer of any width whose value fits; nil counts as 0.
  @inlinable @_lifetime(self: copy self)
  package mutating func readInteger() throws(WireError) -> Int32 { try fitting() }

  /// Reads an integer of any width whose value fits; nil counts as 0.
  @inlinable @_lifetime(self: copy self)
  package mutating func readInteger() throws(WireError) -> Int { try fitting() }

  @inlinable @inline(__always) @_lifetime(self: copy self)
  mutating func fitting<Value: FixedWidthInteger>() throws(WireError) -> Value {
    let (bits, isNegative) = try readInteger64()
    guard let value = isNegative ? Value(exactly: Int64(bitPattern: bits)) : Value(exactly: bits) else { throw .outOfRange }
    return value
  }

  /// Any integer, as the bits of a `UInt64`, or of an `Int64` if it is negative.
  @usableFromInline @_lifetime(self: copy self)
  mutating func readInteger64() throws(WireError) -> (bits: UInt64, isNegative: Bool) {
    let tag = try byte()
    if Marker.positive ~= tag { return (UInt64(tag), false) }
    let signed: Int64
    switch tag {
    case Marker.nil: return (0, false)
    case Marker.uint8: return (UInt64(try byte()), false)
    case Marker.uint16: return (try unsigned(bytes: 2), false)
    case Marker.uint32: return (try unsigned(bytes: 4), false)
    case Marker.uint64: return (try unsigned(bytes: 8), false)
    case Marker.int8: signed = Int64(Int8(bitPattern: try byte()))
    case Marker.int16: signed = Int64(Int16(truncatingIfNeeded: try unsigned(bytes: 2)))
    case Marker.int32: signed = Int64(Int32(truncatingIfNeeded: try unsigned(bytes: 4)))
    case Marker.int64: signed = Int64(truncatingIfNeeded: try unsigned(bytes: 8))
    case Marker.negative: signed = Int64(Int8(bitPattern: tag))
    default: throw .unexpectedKind
    }
    return (UInt64(bitPattern: signed), signed < 0)
  }

  /// Reads a bool, 0 or 1; nil counts as false.
  @inlinable @_lifetime(self: copy self)
  package mutating func readBool() throws(WireError) -> Bool {
    switch try byte() {
    case Marker.false, Marker.nil, 0: return false
    case Marker.true, 1: return true
    default: throw .unexpectedKind
    }
  }

  /// Reads a float of either width, or an integer; nil counts as 0.
  @inlinable @_lifetime(self: copy self)
  package mutating func readDouble() throws(WireError) -> Double {
    switch try byte() {
    case Marker.float32: return Double(Float(bitPattern: UInt32(truncatingIfNeeded: try unsigned(bytes: 4))))
    case Marker.float64: return Double(bitPattern: try unsigned(bytes: 8))
    case Marker.uint64:
      offset -= 1
      return Double(try readInteger() as UInt64)
    default:
      offset -= 1
      return Double(try readInteger() as Int64)
    }
  }

  // MARK: Containers

  /// Reads a map's count of pairs; nil counts as 0.
  @inlinable @_lifetime(self: copy self)
  package mutating func readMapHeader() throws(WireError) -> Int {
    let tag = try byte()
    let count: Int
    switch tag {
    case Marker.fixMap: count = Int(tag &- Marker.fixMap.lowerBound)
    case Marker.nil: count = 0
    case Marker.map16: count = Int(truncatingIfNeeded: try unsigned(bytes: 2))
    case Marker.map32: count = Int(truncatingIfNeeded: try unsigned(bytes: 4))
    default: throw .unexpectedKind
    }
    // A pair takes two bytes at least.
    guard count <= remaining / 2, count >= 0 else { throw .truncated }
    return count
  }

  /// Reads an array's count of elements; nil counts as 0.
  @inlinable @_lifetime(self: copy self)
  package mutating func readArrayHeader() throws(WireError) -> Int {
    let tag = try byte()
    let count: Int
    switch tag {
    case Marker.fixArray: count = Int(tag &- Marker.fixArray.lowerBound)
    case Marker.nil: count = 0
    case Marker.array16: count = Int(truncatingIfNeeded: try unsigned(bytes: 2))
    case Marker.array32: count = Int(truncatingIfNeeded: try unsigned(bytes: 4))
    default: throw .unexpectedKind
    }
    guard count <= remaining, count >= 0 else { throw .truncated }
    return count
  }

  /// Skips one value of any kind and depth. It counts the values that are still owed instead of recursing: nesting costs no stack, and
  /// the work is linear in the bytes.
  @inlinable @_lifetime(self: copy self)
  package mutating func skip() throws(WireError) {
    var owed: Int64 = 1
    while owed > 0 {
      guard offset < bytes.byteCount else { throw .truncated }
      guard let head = MessagePackHead(bytes[checked: offset]) else { throw .unexpectedKind }
      guard let count = head.count(in: bytes, at: offset) else { throw .truncated }
      offset += 1 + head.lengthBytes
      owed -= 1
      if head.valuesPerCount > 0 {
        owed += count * head.valuesPerCount
      } else {
        guard count <= Int64(remaining) else { throw .truncated }
        offset += Int(count)
      }
      // Each value that is owed takes at least a byte.
      guard owed <= Int64(remaining) else { throw .truncated }
    }
  }

  // MARK: Bytes

  /// Reads one byte that is not MessagePack, such as a message type.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  package mutating func byte() throws(WireError) -> UInt8 {
    guard offset < bytes.byteCount else { throw .truncated }
    let value = bytes[checked: offset]
    offset += 1
    return value
  }

  /// Reads `count` bytes that are not MessagePack, such as the user state behind the nodes of a push/pull.
  @inlinable @inline(__always) @_lifetime(copy self) @_lifetime(self: copy self)
  package mutating func take(_ count: Int) throws(WireError) -> RawSpan {
    guard count >= 0, count <= remaining else { throw .truncated }
    let span = bytes.extracting(unchecked: offset..<offset + count)
    offset += count
    return span
  }

  /// A big-endian integer of 2, 4 or 8 bytes.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  mutating func unsigned(bytes count: Int) throws(WireError) -> UInt64 {
    guard count <= remaining else { throw .truncated }
    let value: UInt64
    switch count {
    case 2: value = UInt64(UInt16(bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt16.self)))
    case 4: value = UInt64(UInt32(bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self)))
    default: value = UInt64(bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
    }
    offset += count
    return value
  }
}
