/// What the first byte of a MessagePack value says about the rest of it: all that is needed to find where a value ends.
///
/// ``MessagePackReader/skip()`` and the scanners, which find the end of a message while its bytes arrive, all work from this table. Behind the first
/// byte come ``lengthBytes`` bytes of a length, and then ``count(in:at:)`` bytes, or values if it is a container.
@usableFromInline package struct MessagePackHead {
  /// What a value is.
  @usableFromInline package enum Kind: Sendable {
    case `nil`, bool, integer, float, text, binary, array, map, `extension`
  }

  @usableFromInline package let kind: Kind
  /// How many bytes of a big-endian length follow: 0, 1, 2 or 4.
  @usableFromInline package let lengthBytes: Int
  /// What the first byte alone says of the count. A length that follows is added to it.
  @usableFromInline let known: Int

  @inlinable @inline(__always) init(_ kind: Kind, _ known: Int = 0, lengthBytes: Int = 0) {
    self.kind = kind
    self.known = known
    self.lengthBytes = lengthBytes
  }

  /// The head that begins with `byte`; nil for the one byte that begins none.
  @inlinable @inline(__always) package init?(_ byte: UInt8) {
    typealias Marker = MessagePackMarker
    switch byte {
    case Marker.positive, Marker.negative: self.init(.integer)
    case Marker.fixMap: self.init(.map, Int(byte &- Marker.fixMap.lowerBound))
    case Marker.fixArray: self.init(.array, Int(byte &- Marker.fixArray.lowerBound))
    case Marker.fixText: self.init(.text, Int(byte &- Marker.fixText.lowerBound))
    case Marker.nil: self.init(.nil)
    case Marker.false, Marker.true: self.init(.bool)
    case Marker.float32: self.init(.float, 4)
    case Marker.float64: self.init(.float, 8)
    case Marker.uint8, Marker.int8: self.init(.integer, 1)
    case Marker.uint16, Marker.int16: self.init(.integer, 2)
    case Marker.uint32, Marker.int32: self.init(.integer, 4)
    case Marker.uint64, Marker.int64: self.init(.integer, 8)
    // The type of an extension is a byte before its content.
    case Marker.fixExtension1: self.init(.extension, 1 + 1)
    case Marker.fixExtension2: self.init(.extension, 1 + 2)
    case Marker.fixExtension4: self.init(.extension, 1 + 4)
    case Marker.fixExtension8: self.init(.extension, 1 + 8)
    case Marker.fixExtension16: self.init(.extension, 1 + 16)
    case Marker.extension8: self.init(.extension, 1, lengthBytes: 1)
    case Marker.extension16: self.init(.extension, 1, lengthBytes: 2)
    case Marker.extension32: self.init(.extension, 1, lengthBytes: 4)
    case Marker.binary8: self.init(.binary, lengthBytes: 1)
    case Marker.binary16: self.init(.binary, lengthBytes: 2)
    case Marker.binary32: self.init(.binary, lengthBytes: 4)
    case Marker.text8: self.init(.text, lengthBytes: 1)
    case Marker.text16: self.init(.text, lengthBytes: 2)
    case Marker.text32: self.init(.text, lengthBytes: 4)
    case Marker.array16: self.init(.array, lengthBytes: 2)
    case Marker.array32: self.init(.array, lengthBytes: 4)
    case Marker.map16: self.init(.map, lengthBytes: 2)
    case Marker.map32: self.init(.map, lengthBytes: 4)
    default: return nil
    }
  }

  /// How many values each of the count stands for: 1 in an array, 2 in a map, 0 where the count is of bytes.
  @inlinable package var valuesPerCount: Int64 {
    switch kind {
    case .array: 1
    case .map: 2
    default: 0
    }
  }

  /// How many bytes or values follow the first byte, which is at `position`, and the length; nil while the length is not all there.
  @inlinable @inline(__always) package func count(in bytes: RawSpan, at position: Int) -> Int64? {
    guard lengthBytes > 0 else { return Int64(known) }
    guard bytes.byteCount - position > lengthBytes else { return nil }
    let length: Int64
    switch lengthBytes {
    case 1: length = Int64(bytes[checked: position + 1])
    case 2: length = Int64(UInt16(bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position + 1, as: UInt16.self)))
    default: length = Int64(UInt32(bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position + 1, as: UInt32.self)))
    }
    return Int64(known) + length
  }
}
