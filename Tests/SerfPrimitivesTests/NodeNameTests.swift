import FoundationEssentials
import SerfPrimitives
import Testing

@Suite struct NodeNameTests {
  @Test("a name shows control bytes, direction marks and broken UTF-8 for what they are")
  func escapes() {
    #expect(NodeName("web-1.eu").description == "web-1.eu")
    #expect(NodeName("größe 節點 🙂").description == "größe 節點 🙂")
    #expect(NodeName("a\u{1b}[2Jb").description == "a\\u{1b}[2Jb")
    #expect(NodeName("a\u{202e}b\\").description == "a\\u{202e}b\\\\")
    #expect(NodeName(bytes: [0x61, 0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80]).description == "a\\xff\\xc3(\\xed\\xa0\\x80")
    #expect(NodeName(bytes: [0x0a, 0xe2, 0x82]).description == "\\u{a}\\xe2\\x82")
  }

  @Test("names are their bytes: order is byte order, canonical equivalence is not equality")
  func bytes() {
    #expect(NodeName("\u{e9}") != NodeName("e\u{301}"))
    #expect([NodeName("b"), NodeName("B"), NodeName("a")].sorted() == [NodeName("B"), NodeName("a"), NodeName("b")])
  }

  @Test("what a name prints is the same name again, whatever its bytes are")
  func roundTrip() {
    func survives(_ bytes: [UInt8]) -> Bool { NodeName(NodeName(bytes: bytes).description).bytes == bytes }
    for byte in UInt8.min ... .max {
      #expect(survives([byte]))
      #expect((UInt8.min ... .max).allSatisfy { survives([byte, $0]) })
    }
    // Random bytes of which escapes are made.
    let pieces = Array(#"\\\xu{}1b80aAfF"#.utf8) + Array("\u{1b}\u{202e}\u{e9}".utf8) + [0x80, 0xff, 0xe2]
    var random = SeededRandom(seed: 7)
    let names = (0..<10_000).map { _ in
      (0..<Int.random(in: 0...12, using: &random)).map { _ in pieces[Int.random(in: pieces.indices, using: &random)] }
    }
    #expect(names.filter { !survives($0) } == [])
  }

  @Test(
    "only escapes that a name prints are read as such",
    arguments: [
      (#"a\\b"#, #"a\b"#), (#"a\b"#, #"a\b"#), (#"\x7f"#, #"\x7f"#), (#"\xFF"#, #"\xFF"#), (#"\x8"#, #"\x8"#), (#"\u{1b}"#, "\u{1b}"),
      (#"\u{202e}"#, "\u{202e}"), (#"\u{1B}"#, #"\u{1B}"#), (#"\u{01b}"#, #"\u{01b}"#), (#"\u{+1b}"#, #"\u{+1b}"#),
      (#"\u{41}"#, #"\u{41}"#), (#"\u{1b"#, #"\u{1b"#), (#"\\u{1b}"#, #"\u{1b}"#), (#"\"#, #"\"#),
    ])
  func reading(text: String, meant: String) { #expect(NodeName(text).bytes == Array(meant.utf8)) }

  @Test("names compare with strings, in both directions and in a switch, and literals may interpolate")
  func strings() {
    let (name, text): (NodeName, String) = ("web-\(1)", "web-1")
    #expect(name == text && text == name && !(name != text) && !(text != name))
    #expect(name != "web-2" && "web-2" != name)
    #expect(NodeName(bytes: [0xff]) == #"\xff"#)
    let other = "web-2"
    switch name {
    case other: Issue.record("that is another name")
    case text: break
    default: Issue.record("the text is this name")
    }
    #expect([name] == ["web-1"])
  }

  @Test("its text has nothing escaped, and U+FFFD for what is not UTF-8")
  func string() {
    #expect(NodeName(bytes: Array("größe\n".utf8)).string == "größe\n")
    #expect(NodeName(bytes: [0x61, 0xff]).string == "a\u{fffd}")
  }

  @Test("is a single string where it is encoded, and the same name when it is decoded")
  func codable() throws {
    let names = [NodeName("web-1"), NodeName(bytes: [0xff, 0x5c, 0x0a])]
    let data = try JSONEncoder().encode(names)
    #expect(String(decoding: data, as: UTF8.self) == #"["web-1","\\xff\\\\\\u{a}"]"#)
    #expect(try JSONDecoder().decode([NodeName].self, from: data) == names)
  }
}
