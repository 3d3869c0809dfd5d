import SerfCore
import SerfPrimitives
import Testing

@Suite("a pattern")
struct PatternTests {
  @Test(
    "matches as RE2 does",
    arguments: [
      ("", "", true), ("", "anything", true), ("web", "web-1", true), ("web", "we", false),
      ("^web$", "web", true), ("^web$", "web-1", false), ("^$", "", true), ("^$", "x", false),
      ("a.c", "abc", true), ("a.c", "a\nc", false), ("(?s)a.c", "a\nc", true), ("a.c", "aéc", true), ("^.$", "€", true), ("^.$", "😀", true),
      ("[a-c]+d", "xabcd", true), ("[^a-c]", "abc", false), ("[^a]", "\n", true), ("[]x]", "]", true), ("[^]]", "]", false),
      ("[a-]", "-", true), ("[-a]", "-", true), ("[a\\-z]", "m", false), ("[\\d-z]", "-", true), ("[\\w.]+@", "a.b@", true),
      ("\\d\\d", "a42", true), ("\\d", "٣", false), ("\\D", "5", false), ("\\s", "a b", true), ("\\S", " \t", false), ("^\\W$", "-", true),
      ("[[:alpha:]]+[[:digit:]]", "node7", true), ("[[:^alpha:]]", "abc", false), ("[[:upper:]0]", "0", true),
      ("a|b", "xb", true), ("a|b|", "", true), ("^(a|b)$", "b", true), ("^(a|b)$", "ab", false), ("^a|b$", "axx", true),
      ("^a|b$", "xxb", true),
      ("^a|b$", "xax", false),
      ("ab*c", "ac", true), ("ab*c", "abbbc", true), ("ab+c", "ac", false), ("ab?c", "abbc", false), ("^(ab)+$", "ababab", true),
      ("^a{3}$", "aaa", true), ("^a{3}$", "aa", false), ("^a{2,}$", "aaaa", true), ("^a{2,}$", "a", false), ("^a{1,3}$", "aaaa", false),
      ("^a{0}$", "", true), ("^a{0,2}b$", "aab", true), ("a{,2}", "a{,2}", true), ("a{", "a{", true), ("x{01}", "x{01}", true),
      ("^a*?b+?c??$", "aabb", true), ("^(?:a|bc)*$", "abcbca", true), ("^(a*)*$", "aaa", true), ("^(a*)*$", "b", false),
      ("^(|a)+$", "aa", true),
      ("(?i)WEB", "web", true), ("(?i)[a-c]x", "BX", true), ("(?i:a)b", "Ab", true), ("(?i:a)b", "AB", false), ("a(?i)b", "aB", true),
      ("(a(?i)b)c", "aBC", false), ("(?i)a(?-i)b", "AB", false), ("(?i)[^k]", "K", false), ("(?i)é", "É", false),
      ("(?m)^b$", "a\nb\nc", true), ("^b$", "a\nb\nc", false), ("\\Aa", "ba", false), ("a\\z", "ab", false),
      ("\\bweb\\b", "a web b", true), ("\\bweb\\b", "cobweb", false), ("\\Bweb", "cobweb", true), ("\\b", "", false), ("\\B", "", true),
      ("\\.", "a", false), ("\\.", ".", true), ("\\x41", "A", true), ("\\x{20ac}", "€", true), ("\\t\\n", "\t\n", true),
      ("\\060", "0", true),
      ("\\Qa.b*\\E+", "a.b***", true), ("\\Qa.b", "axb", false), ("^\\Q\\E$", "", true),
      ("(?P<role>web|db)-[0-9]+", "db-12", true), ("(?<n>x)", "x", true), ("[^\\x00-\\x{10FFFF}]", "a", false), ("^*", "", true),
    ])
  func matches(pattern: String, text: String, expected: Bool) throws {
    #expect(try Pattern(pattern).matches(text) == expected)
  }

  @Test(
    "that cannot be read names what is wrong and where",
    arguments: [
      ("a(b", .missingParenthesis, 1), ("a)b", .unexpectedParenthesis, 1), ("ab[c", .missingBracket, 2), ("[]", .missingBracket, 0),
      ("[a-", .missingBracket, 0),
      ("*a", .nothingToRepeat, 0), ("a|*", .nothingToRepeat, 2), ("(+)", .nothingToRepeat, 1), ("(?i)*", .nothingToRepeat, 4),
      ("a**", .repeatedRepetition, 2), ("a{2}{3}", .repeatedRepetition, 4), ("a+*", .repeatedRepetition, 2),
      ("a{1001}", .badRepetitionBound, 1), ("a{3,2}", .badRepetitionBound, 1), ("a{99999999999999999999}", .badRepetitionBound, 1),
      ("[z-a]", .badRange, 1), ("x[[:nope:]]", .unknownClass, 2), ("\\q", .badEscape, 0), ("\\xZZ", .badEscape, 0),
      ("\\x{110000}", .badEscape, 0),
      ("ab\\", .trailingBackslash, 2), ("a(?=b)", .unsupportedGroup, 1), ("(?<!a)", .unsupportedGroup, 0), ("(?z)", .unsupportedGroup, 0),
      ("(?i", .missingParenthesis, 0), ("\\pL", .unsupportedEscape, 0), ("(a)\\1", .unsupportedEscape, 3),
    ] as [(String, PatternError.Reason, Int)])
  func refuses(pattern: String, reason: PatternError.Reason, position: Int) {
    let error = #expect(throws: PatternError.self) { try Pattern(pattern) }
    #expect(error?.reason == reason)
    #expect(error?.position == position)
  }

  @Test("says its error in words")
  func wording() {
    let error = #expect(throws: PatternError.self) { try Pattern("web(1") }
    #expect(error?.description == "missing \")\" for the group at character 4")
  }

  @Test(
    "that is too large is refused before it costs anything",
    arguments: [
      (String(repeating: "a", count: 1_025), .tooLong), (String(repeating: "(", count: 101) + String(repeating: ")", count: 101), .tooDeep),
      ("(a{1000}){1000}", .tooLarge), ("((((a{100}){100}){100}){100}){100}", .tooLarge), ("(((){1000}){1000}){1000}", .tooLarge),
      ("((a*){1000}){1000}", .tooLarge),
    ] as [(String, PatternError.Reason)])
  func limits(pattern: String, reason: PatternError.Reason) {
    #expect(#expect(throws: PatternError.self) { try Pattern(pattern) }?.reason == reason)
  }

  @Test("put between anchors binds them to the outer alternatives, as Serf's filters do")
  func pasted() throws {
    let pattern = try Pattern(pasting: "a|b")
    #expect(pattern.matches("axx"))
    #expect(pattern.matches("xxb"))
    #expect(!pattern.matches("xax"))
    #expect(try Pattern(pasting: "(a|b)").matches("b"))
    #expect(try !Pattern(pasting: "(a|b)").matches("bb"))
    #expect(try !Pattern(pasting: "web").matches("web-1"))
    #expect(#expect(throws: PatternError.self) { try Pattern(pasting: "a(") }?.position == 1)
  }

  @Test(
    "meant to make a backtracking matcher explode stays linear",
    arguments: ["(a*)*b", "(a|a)*b", "(a|aa)+$b", "(.*)*(.*)*b", "^(a?){30}a{30}b"])
  func adversarial(pattern: String) throws {
    let text = String(repeating: "a", count: 100_000)
    #expect(try !Pattern(pattern).matches(text))
    #expect(try Pattern(pattern.replacing("b", with: "")).matches(text))
  }

  @Test("with a large class written out a thousand times asks each class once per character")
  func manyClasses() throws {
    let letters = stride(from: 0x4e00, to: 0x4e00 + 600, by: 2).map { String(Unicode.Scalar($0)!) }.joined()
    let pattern = try Pattern("[" + letters.prefix(300) + "a]{1000}b")
    #expect(!pattern.matches(String(repeating: "a", count: 2_000)))
  }

  @Test(
    "takes each byte of broken UTF-8 as one U+FFFD",
    arguments: [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]] as [[UInt8]])
  func brokenUTF8(bytes: [UInt8]) throws {
    #expect(try Pattern("^\\x{FFFD}{" + String(bytes.count) + "}$").matches(bytes.span.bytes))
    #expect(try !Pattern("a").matches(bytes.span.bytes))
  }

  @Test("survives random texts as patterns")
  func randomPatterns() {
    let alphabet = Array("ab|*+?(){}[]^$.\\d-,1:ixQEw<>P=!")
    var random = SeededRandom(seed: 7)
    for _ in 0..<20_000 {
      let text = String((0..<Int.random(in: 0...14, using: &random)).map { _ in alphabet.randomElement(using: &random)! })
      if let pattern = try? Pattern(text) { _ = pattern.matches("abba1:w") }
    }
  }
}
