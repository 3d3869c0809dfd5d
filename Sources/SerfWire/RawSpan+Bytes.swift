extension RawSpan {
  /// The byte at `offset`, which the caller has checked.
  @inlinable package subscript(checked offset: Int) -> UInt8 {
    unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
  }

  /// Whether both spans hold the same bytes.
  @inlinable package func equals(_ other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    return withUnsafeBytes { left in other.withUnsafeBytes { right in rawEqual(left, right) } }
  }

  /// Whether the span holds exactly these bytes.
  @inlinable package func equals(_ other: [UInt8]) -> Bool { equals(other.span.bytes) }

  /// Whether the span holds exactly the bytes of `literal`.
  @inlinable @inline(__always) package func equals(_ literal: StaticString) -> Bool {
    // The length decides most comparisons of a decoder, so the length is compared here, without a call.
    byteCount == literal.utf8CodeUnitCount && hasBytes(at: literal.utf8Start)
  }

  /// Whether the bytes at `start`, as many as the span has, are the same.
  @inlinable func hasBytes(at start: UnsafePointer<UInt8>) -> Bool {
    withUnsafeBytes { rawEqual($0, UnsafeRawBufferPointer(start: start, count: $0.count)) }
  }
}

extension [UInt8] {
  /// A copy of the span's bytes.
  @inlinable package init(copying span: RawSpan) {
    self = span.withUnsafeBytes { Array($0) }
  }

  /// Appends a copy of the span's bytes.
  @inlinable package mutating func append(copying span: RawSpan) {
    span.withUnsafeBytes { append(contentsOf: $0) }
  }
}

/// Equal contents of two buffers of one length, by words: the pure targets have no `memcmp`.
@inlinable func rawEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
  let count = left.count
  guard count > 0, let a = left.baseAddress, let b = right.baseAddress else { return true }
  if count < 4 {
    for index in 0..<count where a.load(fromByteOffset: index, as: UInt8.self) != b.load(fromByteOffset: index, as: UInt8.self) {
      return false
    }
    return true
  }
  // Two words that overlap cover every length up to twice their size without a loop.
  if count <= 8 {
    let last = count - 4
    return a.loadUnaligned(as: UInt32.self) == b.loadUnaligned(as: UInt32.self)
      && a.loadUnaligned(fromByteOffset: last, as: UInt32.self) == b.loadUnaligned(fromByteOffset: last, as: UInt32.self)
  }
  var index = 0
  while index < count - 8 {
    guard a.loadUnaligned(fromByteOffset: index, as: UInt64.self) == b.loadUnaligned(fromByteOffset: index, as: UInt64.self) else {
      return false
    }
    index += 8
  }
  let last = count - 8
  return a.loadUnaligned(fromByteOffset: last, as: UInt64.self) == b.loadUnaligned(fromByteOffset: last, as: UInt64.self)
}
