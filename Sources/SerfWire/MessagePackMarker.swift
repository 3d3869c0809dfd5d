/// The first byte of a MessagePack value, under the names of the MessagePack specification. This is the only place with the numbers.
///
/// What each of them means for the bytes behind it is the table of ``MessagePackHead``.
@usableFromInline package enum MessagePackMarker {
  // Value and marker in one byte.
  @inlinable package static var positive: ClosedRange<UInt8> { 0x00...0x7f }
  @inlinable package static var negative: ClosedRange<UInt8> { 0xe0...0xff }
  @inlinable package static var `nil`: UInt8 { 0xc0 }
  @inlinable package static var `false`: UInt8 { 0xc2 }
  @inlinable package static var `true`: UInt8 { 0xc3 }

  // The count or length in the marker's low bits.
  @inlinable package static var fixMap: ClosedRange<UInt8> { 0x80...0x8f }
  @inlinable package static var fixArray: ClosedRange<UInt8> { 0x90...0x9f }
  @inlinable package static var fixText: ClosedRange<UInt8> { 0xa0...0xbf }

  // A number of so many bits follows.
  @inlinable package static var float32: UInt8 { 0xca }
  @inlinable package static var float64: UInt8 { 0xcb }
  @inlinable package static var uint8: UInt8 { 0xcc }
  @inlinable package static var uint16: UInt8 { 0xcd }
  @inlinable package static var uint32: UInt8 { 0xce }
  @inlinable package static var uint64: UInt8 { 0xcf }
  @inlinable package static var int8: UInt8 { 0xd0 }
  @inlinable package static var int16: UInt8 { 0xd1 }
  @inlinable package static var int32: UInt8 { 0xd2 }
  @inlinable package static var int64: UInt8 { 0xd3 }

  // A type byte and so many bytes follow.
  @inlinable package static var fixExtension1: UInt8 { 0xd4 }
  @inlinable package static var fixExtension2: UInt8 { 0xd5 }
  @inlinable package static var fixExtension4: UInt8 { 0xd6 }
  @inlinable package static var fixExtension8: UInt8 { 0xd7 }
  @inlinable package static var fixExtension16: UInt8 { 0xd8 }

  // A length or count of so many bits follows.
  @inlinable package static var binary8: UInt8 { 0xc4 }
  @inlinable package static var binary16: UInt8 { 0xc5 }
  @inlinable package static var binary32: UInt8 { 0xc6 }
  @inlinable package static var extension8: UInt8 { 0xc7 }
  @inlinable package static var extension16: UInt8 { 0xc8 }
  @inlinable package static var extension32: UInt8 { 0xc9 }
  @inlinable package static var text8: UInt8 { 0xd9 }
  @inlinable package static var text16: UInt8 { 0xda }
  @inlinable package static var text32: UInt8 { 0xdb }
  @inlinable package static var array16: UInt8 { 0xdc }
  @inlinable package static var array32: UInt8 { 0xdd }
  @inlinable package static var map16: UInt8 { 0xde }
  @inlinable package static var map32: UInt8 { 0xdf }
}
