import Foundation
import SerfTransport
import Testing

/// Foundation's decoder says what is right.
@Suite struct KeyringFileTests {
  private func read(_ text: [UInt8]) -> [String]? { text.withUnsafeBufferPointer(KeyringFile.strings) }

  @Test(
    "an array of strings is read as JSON has it",
    arguments: [
      "[]", " [ ] \r\n\t", "[\"\"]", #"["T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s="]"#, "[\n  \"a\",\n  \"b\"\n]\n", #"["a","a" , "b"]"#,
      #"["\/\\\"\b\f\n\r\t"]"#, #"["\u002b\u002F\u00e4\u20AC\ud83d\ude00\u0000"]"#, #"["ä€😀"]"#, "\u{feff}[\"a\"]", "[\"\u{7f}\"]",
    ])
  func good(text: String) throws {
    let strings = try #require(read(Array(text.utf8)))
    #expect(try strings == JSONDecoder().decode([String].self, from: Data(text.utf8)))
  }

  @Test(
    "anything else is not",
    arguments: [
      "", " ", "[", "]", "[]]", "[] x", "[\"a\"", "[\"a\",", "[,]", "[\"a\" \"b\"]", "[\"a]", "\"a\"", "null", "[null]",
      "[1]", "{}", "{\"a\": \"b\"}", "[[\"a\"]]", "[true]", "['a']", "[a]", "[\"a\nb\"]", "[\"\u{1f}\"]", "[\"\\", "[\"\\\"]",
      #"["\x"]"#, #"["\u12"]"#, #"["\u12g4"]"#, #"["\u+123"]"#, #"["\ud83d"]"#, #"["\ud83dx"]"#, #"["\ud83d\u0041"]"#, #"["\ude00"]"#,
      #"["\ud83d\n"]"#, "T9jncgl9mbLus+ba", "// keys\n[\"a\"]", "\u{a0}[]", "[]\u{0}",
    ])
  func bad(text: String) {
    #expect(read(Array(text.utf8)) == nil)
    #expect(throws: (any Error).self) { try JSONDecoder().decode([String].self, from: Data(text.utf8)) }
  }

  @Test("a comma behind the last key is refused, as Go's agents do and Foundation does not")
  func trailingComma() {
    #expect(read(Array(#"["a",]"#.utf8)) == nil)
  }

  @Test("bytes that are not UTF-8 are refused", arguments: [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]] as [[UInt8]])
  func notUTF8(bytes: [UInt8]) {
    let text = Array("[\"".utf8) + bytes + Array("\"]".utf8)
    #expect(read(text) == nil)
    #expect(throws: (any Error).self) { try JSONDecoder().decode([String].self, from: Data(text)) }
  }
}
