import SerfClient
import SerfWire
import Testing

@Suite("finding the end of a MessagePack object")
struct ObjectScannerTests {
  @Test(
    "an object ends at its last byte, wherever the bytes are cut",
    arguments: [
      [0x05], [0xc0], [0x80], [0x90], [0xa3, 1, 2, 3], [0xc4, 2, 9, 9], [0xcf, 0, 0, 0, 0, 0, 0, 0, 1],
      [0x82, 0xa1, 0x61, 0x01, 0xa1, 0x62, 0x92, 0x90, 0x80],
      [0xde, 0, 1, 0x01, 0xdc, 0, 2, 0xc2, 0xc3], [0xd9, 3, 1, 2, 3], [0xc7, 1, 5, 9], [0xd6, 1, 2, 3, 4, 5], [0x91, 0x91, 0x91, 0x90],
      [0xc9, 0, 0, 0, 2, 5, 9, 9], [0xd4, 1, 2], [0xdf, 0, 0, 0, 1, 0xdd, 0, 0, 0, 1, 0xca, 0, 0, 0, 0, 0xc8, 0, 0, 5],
    ] as [[UInt8]])
  func end(object: [UInt8]) throws {
    let stream = object + [0x01, 0x02]
    var whole = ObjectScanner(maximumLength: 100)
    #expect(try whole.scan(stream.span.bytes) == object.count)
    var trickled = ObjectScanner(maximumLength: 100)
    for count in 1..<object.count { #expect(try trickled.scan(stream.span.bytes.extracting(first: count)) == nil) }
    #expect(try trickled.scan(stream.span.bytes.extracting(first: object.count)) == object.count)
    #expect(try trickled.scan([0x07].span.bytes) == 1, "the scanner is ready for the next object")
  }

  @Test(
    "hostile lengths are refused before their bytes arrive",
    arguments: [
      ([0xdb, 0xff, 0xff, 0xff, 0xff], .tooLarge), ([0xc6, 0, 0, 0, 101], .tooLarge), ([0xdf, 0xff, 0xff, 0xff, 0xff], .tooLarge),
      ([0xdd, 0, 0, 0, 200], .tooLarge), ([0xde, 0, 60], .tooLarge), ([0xc1], .unexpectedKind),
      ([UInt8](repeating: 0x91, count: 17), .tooDeep), ([0xdc, 0, 98] + [UInt8](repeating: 0, count: 97) + [0x80], .tooLarge),
    ] as [([UInt8], WireError)])
  func hostile(bytes: [UInt8], error: WireError) {
    var scanner = ObjectScanner(maximumLength: 100)
    #expect(throws: error) { try scanner.scan(bytes.span.bytes) }
  }

  @Test("an object that grows past the limit bit by bit is refused")
  func growing() throws {
    var scanner = ObjectScanner(maximumLength: 100)
    var bytes: [UInt8] = [0xdc, 0, 98]
    #expect(throws: WireError.tooLarge) {
      while try scanner.scan(bytes.span.bytes) == nil { bytes += [0xa1, 0] }
    }
    #expect(bytes.count <= 102)
  }
}
