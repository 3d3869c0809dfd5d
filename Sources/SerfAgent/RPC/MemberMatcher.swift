import Serf
import SerfClient
import SerfCore
import SerfPrimitives

/// A ``MemberFilter`` with its patterns compiled.
///
/// A pattern is put between `^` and `$` as plain text, as in Go Serf: `a|b` means "begins with a, or ends with b" (`agent.md` section 2).
struct MemberMatcher {
  /// A pattern that cannot be used, and where it was.
  struct BadPattern: Error, CustomStringConvertible {
    let field: String
    let error: PatternError

    var description: String { "bad pattern for the \(field): \(error)" }
  }

  private let name: Pattern?
  private let status: Pattern?
  private let tags: [(key: String, pattern: Pattern)]

  init(_ filter: MemberFilter) throws(BadPattern) {
    name = filter.name.isEmpty ? nil : try Self.pattern(filter.name, "name")
    status = filter.status.isEmpty ? nil : try Self.pattern(filter.status, "status")
    var tags: [(key: String, pattern: Pattern)] = []
    for (key, text) in filter.tags { tags.append((key, try Self.pattern(text, "tag \(printable(key))"))) }
    self.tags = tags
  }

  func matches(_ member: SerfMember) -> Bool {
    if let name, !name.matches(member.name.bytes.span.bytes) { return false }
    if let status, !status.matches(member.status.description) { return false }
    return tags.allSatisfy { $0.pattern.matches(member.tags[$0.key] ?? "") }
  }

  private static func pattern(_ text: String, _ field: String) throws(BadPattern) -> Pattern {
    do throws(PatternError) {
      return try Pattern(pasting: text)
    } catch {
      throw BadPattern(field: field, error: error)
    }
  }
}

/// Text from outside, unmistakable in a message: quoted and escaped.
func printable(_ text: String) -> String { "'" + escaped(text) + "'" }
