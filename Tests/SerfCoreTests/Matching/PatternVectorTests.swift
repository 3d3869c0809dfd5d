import SerfCore
import Testing
import VectorSupport

/// What Go's regexp says of random patterns, and how much work hostile ones make.
@Suite("a pattern beside Go's regexp")
struct PatternVectorTests {
  @Test("occurs in a text exactly where Go's does: 2,000 pairs")
  func pairs() throws {
    let pairs = try Vectors.file("patterns.json")["pairs"].array
    #expect(pairs.count == 2_000)
    for pair in pairs {
      let (pattern, text) = (try #require(pair[0].string), try #require(pair[1].string))
      #expect(try Pattern(pattern).matches(text) == pair[2].bool, "\(pair)")
    }
  }

  @Test("is one where Go takes it for one: 1,000 random texts")
  func candidates() throws {
    var count = 0
    for candidate in try Vectors.file("patterns.json")["candidates"].array {
      let text = try #require(candidate[0].string)
      // Ours has no Unicode classes, and has the names of groups of a later Go.
      guard !text.contains("\\P"), !text.contains("(?<") else { continue }
      count += 1
      #expect(((try? Pattern(text)) != nil) == candidate[1].bool, "\(candidate)")
    }
    #expect(count > 950)
  }

  private static let evil: [String] = ["a+", "a|a", "a|aa", "a?", ".*", "\\w*", "[a-z]+a", "(?:a*)*", "(?i)A|a|[aA]", "a{1,9}"].flatMap {
    part in
    ["(\(part))+$", "(\(part))*b", "^((\(part))+)+b$", "(\(part))*(\(part))*(\(part))*b", "((\(part)){9}){9}b"]
  }

  @Test("that is meant to explode takes at most four steps for each of its instructions and each byte", arguments: ["(a+)+$"] + evil)
  func steps(text: String) throws {
    let pattern = try Pattern(text)
    var tag = [UInt8](repeating: UInt8(ascii: "a"), count: 512)
    tag[511] = UInt8(ascii: "!")
    var budget = Int.max
    // Those that may also be empty match at the end.
    _ = pattern.matches(tag.span.bytes, budget: &budget)
    let steps = Int.max - budget
    #expect(steps > tag.count && steps <= 4 * pattern.size * (tag.count + 1), "\(steps) steps, \(pattern.size) instructions")
  }

  @Test("ends when its budget is used up, without an answer")
  func budget() throws {
    let pattern = try Pattern("(a+)+$")
    let tag = [UInt8](repeating: UInt8(ascii: "a"), count: 512)
    var small = 100
    #expect(pattern.matches(tag.span.bytes, budget: &small) == nil)
    var large = 100_000
    #expect(pattern.matches(tag.span.bytes, budget: &large) == true && large > 0)
  }
}
