import SerfPrimitives
import Testing

@Suite("what peers wrote, made safe to print")
struct EscapingTests {
  private static let samples: [(bytes: [UInt8], printed: String)] = [
    ([], ""), (Array("plain ü 🌍".utf8), "plain ü 🌍"),
    (Array("a\\b".utf8), #"a\\b"#), (Array("a\nb\r\t\u{0}".utf8), #"a\u{a}b\u{d}\u{9}\u{0}"#),
    (Array("\u{7f}\u{80}\u{85}\u{9f}\u{a0}".utf8), "\\u{7f}\\u{80}\\u{85}\\u{9f}\u{a0}"),
    (Array("\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{61c}".utf8), #"\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{61c}"#),
    ([0xff, 0x61, 0xc3, 0x28, 0xe2, 0x80, 0xed, 0xa0, 0x80], #"\xffa\xc3(\xe2\x80\xed\xa0\x80"#),
  ]

  @Test("bytes are escaped once, also when they have to become text on the way", arguments: samples)
  func once(bytes: [UInt8], printed: String) {
    #expect(escaped(bytes) == printed)
    #expect(escaped(readableText(of: bytes)) == printed)
    #expect(NodeName(bytes: bytes).description == printed)
  }

  @Test("a message that holds escaped parts stays as it is, however often it is escaped", arguments: samples)
  func harmlessTwice(bytes: [UInt8], printed: String) {
    let message = "it answered: " + printed
    #expect(harmless(message) == message)
    #expect(harmless(harmless(message)) == message)
  }

  @Test("a message that holds raw parts is one line that steers no terminal")
  func raw() {
    #expect(harmless("two\nlines, C:\\x \u{1b}[2J\u{2028}") == #"two\u{a}lines, C:\x \u{1b}[2J\u{2028}"#)
  }

  @Test("text that is UTF-8 stays as it was; other bytes stay different", arguments: samples)
  func readable(bytes: [UInt8], printed: String) {
    if let text = String(validating: bytes, as: UTF8.self) { #expect(readableText(of: bytes) == text) }
    #expect(readableText(of: [0xfe]) == #"\xfe"# && readableText(of: [0xff]) == #"\xff"#)
  }
}
