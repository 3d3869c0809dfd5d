import SerfWire
import Testing
import VectorSupport

@Suite struct MessagePackTests {
  @Test("each primitive is written as Go writes it, in both dialects, and read back")
  func primitives() throws {
    let primitives = try Vectors.file("serf.json")["msgpack_primitives"].array
    #expect(primitives.count == 102)
    for primitive in primitives {
      let value = try #require(primitive["value"].string)
      let dialect: MessagePackWriter.Dialect = primitive["writeExt"].bool == true ? .extended : .raw
      var writer = MessagePackWriter(dialect)
      try write(value, &writer)
      let bytes = writer.finish()
      // We write absent bytes as nil, as both codecs do inside structs; go-msgpack 0.5.x writes them as empty at the top level.
      let suffix = value == "bytes-nil" ? "_v2" : ""
      #expect("len \(bytes.count)" == primitive["encoded_len" + suffix].string, "\(value)")
      #expect(Array(bytes.prefix(12)).hex == primitive["head" + suffix].string, "\(value)")
      try expectReadBack(value, bytes)
      if let other = primitive["head_v2"].hex { try expectReadBack(value, other) }
    }
  }

  private func write(_ value: String, _ writer: inout MessagePackWriter) throws {
    let parts = value.split(whereSeparator: { $0 == " " || ($0 == "-" && !value.contains(" ")) })
    let number = parts.count > 1 ? String(parts[1]) : ""
    let isSized = value.hasPrefix("string-") || value.hasPrefix("bytes-") || value.hasPrefix("strslice-")
    let text = [UInt8](repeating: 0x61, count: isSized ? Int(number) ?? 0 : 0)
    switch parts[0] {
    case "string": writer.string(text)
    case "bytes" where number == "nil": writer.null()
    case "bytes": writer.binary(text)
    case "map": writer.map(0)
    case "slice": writer.array(0)
    case "strslice":
      writer.array(text.count)
      for _ in text { writer.string("") }
    case "int64": writer.integer(try #require(Int64(number)))
    case "uint64": writer.integer(try #require(UInt64(number)))
    case "float64": writer.double(try #require(Double(number)))
    case "bool": writer.bool(true)
    case "net.IP4": writer.binary([127, 0, 0, 1])
    default: Issue.record("unknown value \(value)")
    }
  }

  private func expectReadBack(_ value: String, _ bytes: [UInt8]) throws {
    var reader = MessagePackReader(bytes.span.bytes)
    if value.hasPrefix("int64 ") {
      let number: Int64 = try reader.readInteger()
      #expect(String(number) == value.dropFirst(6))
    } else if value.hasPrefix("uint64 ") {
      let number: UInt64 = try reader.readInteger()
      #expect(String(number) == value.dropFirst(7))
    } else if value.hasPrefix("string-") || (value.hasPrefix("bytes-") && value != "bytes-nil") {
      let text = try reader.readBytes()
      let count = text?.byteCount
      #expect(count == Int(value.split(separator: "-")[1]))
    } else {
      try reader.skip()
    }
    let atEnd = reader.isAtEnd
    #expect(atEnd, "\(value)")
  }

  static let values: [(String, MessagePackHead.Kind)] = [
    ("00", .integer), ("7f", .integer), ("e0", .integer), ("ff", .integer), ("cc80", .integer), ("cd0100", .integer),
    ("ce00010000", .integer), ("cf0000000100000000", .integer), ("d080", .integer), ("d1ff7f", .integer),
    ("d2ffff7fff", .integer), ("d3ffffff0000000000", .integer), ("c0", .nil), ("c2", .bool), ("c3", .bool),
    ("ca3fc00000", .float), ("cb3ff8000000000000", .float), ("a0", .text), ("a161", .text), ("d90161", .text),
    ("da000161", .text), ("db0000000161", .text), ("c40161", .binary), ("c5000161", .binary), ("c60000000161", .binary),
    ("90", .array), ("9101", .array), ("dc000101", .array), ("dd0000000101", .array), ("80", .map), ("81a16101", .map),
    ("de0001a16101", .map), ("df00000001a16101", .map), ("d40105", .extension), ("d5010505", .extension),
    ("d60105050505", .extension), ("d7010505050505050505", .extension), ("d8010505050505050505" + "0505050505050505", .extension),
    ("c7020105" + "05", .extension), ("c800010105", .extension), ("c9000000010105", .extension),
    ("9281a16192c0c3" + "a0", .array),
  ]

  @Test("each kind is recognised, skipped to its last byte, and truncated by one byte less", arguments: values)
  func kinds(hex: String, kind: MessagePackHead.Kind) throws {
    let bytes = try #require([UInt8](hex: hex))
    var reader = MessagePackReader(bytes.span.bytes)
    let found = try reader.peekKind()
    #expect(found == kind)
    try reader.skip()
    let atEnd = reader.isAtEnd
    #expect(atEnd)
    for count in 0..<bytes.count {
      var reader = MessagePackReader(bytes.span.bytes.extracting(0..<count))
      do throws(WireError) {
        try reader.skip()
        Issue.record("skipped \(count) of \(bytes.count) bytes of \(hex)")
      } catch { #expect(error == .truncated) }
    }
  }

  @Test("nesting costs no stack")
  func nesting() throws {
    let bytes = [UInt8](repeating: 0x91, count: 1_000_000) + [0xc0]
    var reader = MessagePackReader(bytes.span.bytes)
    try reader.skip()
    let atEnd = reader.isAtEnd
    #expect(atEnd)
  }

  static let inflated = ["dfffffffff", "ddffffffff", "dbffffffff", "c6ffffffff", "c9ffffffff01", "de8000c0c0", "dc0003c0c0", "9fc0"]

  @Test("a count or length beyond the bytes is refused before anything is done", arguments: inflated)
  func lengths(hex: String) throws {
    let bytes = try #require([UInt8](hex: hex))
    var reader = MessagePackReader(bytes.span.bytes)
    do throws(WireError) {
      try reader.skip()
      Issue.record("skipped")
    } catch { #expect(error == .truncated) }
  }

  @Test("integers fit or are refused")
  func integers() throws {
    func read<T>(_ hex: String, _ body: (inout MessagePackReader) throws(WireError) -> T) -> Result<T, WireError> {
      let bytes = [UInt8](hex: hex) ?? []
      var reader = MessagePackReader(bytes.span.bytes)
      do throws(WireError) { return .success(try body(&reader)) } catch { return .failure(error) }
    }
    #expect(read("ccff") { it throws(WireError) in try it.readInteger() as UInt8 } == .success(255))
    #expect(read("cd0100") { it throws(WireError) in try it.readInteger() as UInt8 } == .failure(.outOfRange))
    #expect(read("ff") { it throws(WireError) in try it.readInteger() as UInt64 } == .failure(.outOfRange))
    #expect(read("ff") { it throws(WireError) in try it.readInteger() as Int64 } == .success(-1))
    #expect(read("cfffffffffffffffff") { it throws(WireError) in try it.readInteger() as UInt64 } == .success(.max))
    #expect(read("cfffffffffffffffff") { it throws(WireError) in try it.readInteger() as Int64 } == .failure(.outOfRange))
    #expect(read("d38000000000000000") { it throws(WireError) in try it.readInteger() as Int64 } == .success(.min))
    #expect(read("d28000") { it throws(WireError) in try it.readInteger() as Int } == .failure(.truncated))
    #expect(read("c0") { it throws(WireError) in try it.readInteger() as UInt32 } == .success(0))
    #expect(read("c3") { it throws(WireError) in try it.readInteger() as UInt32 } == .failure(.unexpectedKind))
    #expect(read("ca3fc00000") { it throws(WireError) in try it.readDouble() } == .success(1.5))
    #expect(read("ff") { it throws(WireError) in try it.readDouble() } == .success(-1))
    #expect(read("cf8000000000000000") { it throws(WireError) in try it.readDouble() } == .success(9_223_372_036_854_775_808))
    #expect(read("02") { it throws(WireError) in try it.readBool() } == .failure(.unexpectedKind))
  }

  @Test("an array of small integers is bytes; with a large one it is not")
  func bytesAsArray() throws {
    let small: [UInt8] = [0x93, 1, 5, 2, 0xc3]
    var reader = MessagePackReader(small.span.bytes)
    let bytes = try reader.readString()
    let fits = bytes.equals([1, 5, 2])
    #expect(fits)
    #expect(try reader.readBool())
    let large: [UInt8] = [0x91, 0xcc, 0xff]
    var other = MessagePackReader(large.span.bytes)
    do throws(WireError) {
      _ = try other.readBytes()
      Issue.record("read")
    } catch { #expect(error == .unexpectedKind) }
  }

  @Test("spans of every length compare by their bytes")
  func comparison() {
    for length in 0...40 {
      let left = (0..<length).map { UInt8($0) }
      let same = left.span.bytes.equals(left)
      #expect(same)
      for index in 0..<length {
        var right = left
        right[index] ^= 0x80
        let differs = !left.span.bytes.equals(right)
        #expect(differs, "\(length) \(index)")
      }
      let longer = left.span.bytes.equals(left + [0])
      #expect(!longer)
    }
    let word = Array("Incarnation".utf8)
    let matches = word.span.bytes.equals("Incarnation")
    let others = word.span.bytes.equals("Incarnatioo") || word.span.bytes.equals("Incarnatio")
    #expect(matches && !others)
  }
}
