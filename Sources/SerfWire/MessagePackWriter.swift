/// Appends MessagePack to a byte array, byte for byte as HashiCorp's Go peers write it: shortest integers, always in their unsigned
/// form when positive (`memberlist.md` section 3.2).
///
/// The writer owns the array while it writes, so that nothing is copied:
/// ```swift
/// var writer = MessagePackWriter(taking: &bytes)
/// writer.map(1)
/// writer.field("SeqNo", sequence)
/// writer.finish(into: &bytes)
/// ```
/// A struct is a map whose keys are the Go field names in ascending byte order; the caller writes them in that order.
@usableFromInline package struct MessagePackWriter: ~Copyable {
  /// Which families text and bytes are written in.
  @usableFromInline package enum Dialect: Sendable {
    /// Gossip: one old "raw" family for both, because decoders before 2016 know no other (`memberlist.md`, rule 3).
    case raw
    /// RPC: text has an 8-bit length form, bytes have the `bin` family (`serf.md` section 2).
    case extended
  }

  @usableFromInline typealias Marker = MessagePackMarker

  /// What is written, but for the last bytes, which are the first `filled` ones of `chunk`. An array checks its owner and its room with every append;
  /// most fields are a few bytes, so they are collected in the chunk first.
  @usableFromInline var bytes: [UInt8]
  @usableFromInline var chunk = InlineArray<128, UInt8>(repeating: 0)
  @usableFromInline var filled = 0
  @usableFromInline let dialect: Dialect

  /// A writer that appends to an empty array.
  @inlinable package init(_ dialect: Dialect = .raw) {
    bytes = []
    self.dialect = dialect
  }

  /// A writer that appends to `bytes`, which is empty until ``finish(into:)`` gives it back.
  @inlinable @inline(__always) package init(taking bytes: inout [UInt8], _ dialect: Dialect = .raw) {
    self.bytes = []
    self.dialect = dialect
    swap(&self.bytes, &bytes)
  }

  /// Gives the array back: the caller's, which is empty until then.
  @inlinable @inline(__always) package mutating func finish(into bytes: inout [UInt8]) {
    flush()
    swap(&self.bytes, &bytes)
  }

  /// Gives the array back.
  @inlinable package consuming func finish() -> [UInt8] {
    var result: [UInt8] = []
    finish(into: &result)
    return result
  }

  /// How many bytes there are.
  @inlinable package var count: Int { bytes.count + filled }

  // MARK: Values

  /// Text of a literal; every key is shorter than 32 bytes.
  @inlinable @inline(__always) package mutating func string(_ literal: StaticString) {
    let count = literal.utf8CodeUnitCount
    if count > 31 { textHeader(count) } else { put(Marker.fixText.lowerBound | UInt8(truncatingIfNeeded: count)) }
    // A literal's bytes are always valid.
    put(UnsafeRawBufferPointer(start: literal.utf8Start, count: count))
  }

  /// Text of these bytes.
  @inlinable package mutating func string(_ text: RawSpan) {
    textHeader(text.byteCount)
    put(text)
  }

  /// Text of these bytes.
  @inlinable package mutating func string(_ text: [UInt8]) { string(text.span.bytes) }

  /// Text of the UTF-8 of a string, for RPC.
  @inlinable package mutating func string(_ text: String) {
    textHeader(text.utf8.count)
    flush()
    bytes.append(contentsOf: text.utf8)
  }

  /// Bytes.
  @inlinable package mutating func binary(_ value: RawSpan) {
    binaryHeader(value.byteCount)
    put(value)
  }

  /// Bytes.
  @inlinable package mutating func binary(_ value: [UInt8]) { binary(value.span.bytes) }

  /// Bytes, or nil for none: the wire tells an absent byte string from an empty one.
  @inlinable package mutating func binary(_ value: RawSpan?) {
    if let value { binary(value) } else { null() }
  }

  /// Nil.
  @inlinable package mutating func null() { put(Marker.nil) }

  /// A bool.
  @inlinable package mutating func bool(_ value: Bool) { put(value ? Marker.true : Marker.false) }

  /// An unsigned integer in its shortest form.
  @inlinable package mutating func integer(_ value: UInt64) {
    if value <= Marker.positive.upperBound {
      put(UInt8(truncatingIfNeeded: value))
    } else if value <= 0xff {
      put(Marker.uint8)
      put(UInt8(truncatingIfNeeded: value))
    } else if value <= 0xffff {
      number(Marker.uint16, UInt16(truncatingIfNeeded: value))
    } else if value <= 0xffff_ffff {
      number(Marker.uint32, UInt32(truncatingIfNeeded: value))
    } else {
      number(Marker.uint64, value)
    }
  }

  /// A signed integer in its shortest form; the unsigned form where it is positive, which every decoder takes (`memberlist.md`, rule 4).
  @inlinable package mutating func integer(_ value: Int64) {
    if value >= 0 {
      integer(UInt64(value))
    } else if value >= -32 {
      put(UInt8(truncatingIfNeeded: value))
    } else if let small = Int8(exactly: value) {
      put(Marker.int8)
      put(UInt8(bitPattern: small))
    } else if let small = Int16(exactly: value) {
      number(Marker.int16, UInt16(bitPattern: small))
    } else if let small = Int32(exactly: value) {
      number(Marker.int32, UInt32(bitPattern: small))
    } else {
      number(Marker.int64, UInt64(bitPattern: value))
    }
  }

  /// A signed integer in its shortest form.
  @inlinable package mutating func integer(_ value: Int) { integer(Int64(value)) }

  /// A float, always of 64 bits.
  @inlinable package mutating func double(_ value: Double) { number(Marker.float64, value.bitPattern) }

  // MARK: Containers

  /// The header of a map of `count` pairs.
  @inlinable package mutating func map(_ count: Int) {
    if count < 16 {
      put(Marker.fixMap.lowerBound | UInt8(truncatingIfNeeded: count))
    } else if count <= 0xffff {
      number(Marker.map16, UInt16(truncatingIfNeeded: count))
    } else {
      number(Marker.map32, UInt32(truncatingIfNeeded: count))
    }
  }

  /// The header of an array of `count` elements.
  @inlinable package mutating func array(_ count: Int) {
    if count < 16 {
      put(Marker.fixArray.lowerBound | UInt8(truncatingIfNeeded: count))
    } else if count <= 0xffff {
      number(Marker.array16, UInt16(truncatingIfNeeded: count))
    } else {
      number(Marker.array32, UInt32(truncatingIfNeeded: count))
    }
  }

  /// The header of bytes whose `count` bytes follow by ``raw(_:)``.
  @inlinable package mutating func binaryHeader(_ count: Int) {
    guard dialect == .extended else { return textHeader(count) }
    if count <= 0xff {
      put(Marker.binary8)
      put(UInt8(truncatingIfNeeded: count))
    } else if count <= 0xffff {
      number(Marker.binary16, UInt16(truncatingIfNeeded: count))
    } else {
      number(Marker.binary32, UInt32(truncatingIfNeeded: count))
    }
  }

  /// The header of text whose `count` bytes follow by ``raw(_:)``.
  @inlinable package mutating func textHeader(_ count: Int) {
    if count < 32 {
      put(Marker.fixText.lowerBound | UInt8(truncatingIfNeeded: count))
    } else if dialect == .extended, count <= 0xff {
      put(Marker.text8)
      put(UInt8(truncatingIfNeeded: count))
    } else if count <= 0xffff {
      number(Marker.text16, UInt16(truncatingIfNeeded: count))
    } else {
      number(Marker.text32, UInt32(truncatingIfNeeded: count))
    }
  }

  // MARK: Fields of a struct

  /// A key and text.
  @inlinable @inline(__always) package mutating func field(_ key: StaticString, string value: RawSpan) {
    string(key)
    string(value)
  }

  /// A key and bytes or nil.
  @inlinable @inline(__always) package mutating func field(_ key: StaticString, binary value: RawSpan?) {
    string(key)
    binary(value)
  }

  /// A key and an unsigned integer.
  @inlinable @inline(__always) package mutating func field(_ key: StaticString, _ value: UInt64) {
    string(key)
    integer(value)
  }

  /// A key and an unsigned integer.
  @inlinable @inline(__always) package mutating func field(_ key: StaticString, _ value: UInt32) {
    string(key)
    integer(UInt64(value))
  }

  /// A key and an unsigned integer.
  @inlinable @inline(__always) package mutating func field(_ key: StaticString, _ value: UInt16) {
    string(key)
    integer(UInt64(value))
  }

  /// A key and an unsigned integer.
  @inlinable @inline(__always) package mutating func field(_ key: StaticString, _ value: UInt8) {
    string(key)
    integer(UInt64(value))
  }

  /// A key and a Go `int`.
  @inlinable @inline(__always) package mutating func field(_ key: StaticString, _ value: Int) {
    string(key)
    integer(value)
  }

  /// A key and a bool.
  @inlinable @inline(__always) package mutating func field(_ key: StaticString, _ value: Bool) {
    string(key)
    bool(value)
  }

  // MARK: Bytes

  /// One byte that is not MessagePack, such as a message type.
  @inlinable package mutating func raw(_ byte: UInt8) { put(byte) }

  /// Bytes that are not MessagePack.
  @inlinable package mutating func raw(_ span: RawSpan) { put(span) }

  /// The most significant `count` bytes of a word, at most eight, in that order.
  @inlinable @inline(__always) mutating func raw(first count: Int, of word: UInt64) {
    withUnsafeBytes(of: word.bigEndian) { put(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
  }

  // MARK: The chunk

  @inlinable @inline(__always) mutating func number<Value: FixedWidthInteger>(_ tag: UInt8, _ value: Value) {
    put(tag)
    withUnsafeBytes(of: value.bigEndian) { put($0) }
  }

  @inlinable @inline(__always) mutating func put(_ byte: UInt8) {
    if filled == chunk.count { flush() }
    chunk[filled] = byte
    filled += 1
  }

  @inlinable @inline(__always) mutating func put(_ span: RawSpan) { span.withUnsafeBytes { put($0) } }

  @inlinable @inline(__always) mutating func put(_ source: UnsafeRawBufferPointer) {
    if source.count > chunk.count - filled { return putBeyond(source) }
    let filled = filled
    // There is room for all of it, as was just checked.
    withUnsafeMutableBytes(of: &chunk) { UnsafeMutableRawBufferPointer(rebasing: $0[filled...]).copyMemory(from: source) }
    self.filled = filled + source.count
  }

  /// More than fits into the chunk.
  @usableFromInline @inline(never) mutating func putBeyond(_ source: UnsafeRawBufferPointer) {
    flush()
    bytes.append(contentsOf: source)
  }

  /// Empties the chunk into the array.
  @usableFromInline @inline(never) mutating func flush() {
    let filled = filled
    withUnsafeBytes(of: &chunk) { bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[..<filled])) }
    self.filled = 0
  }
}
