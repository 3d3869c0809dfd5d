/// A regular expression in RE2's syntax, matched in time linear in the text, whatever the expression is.
///
/// Peers send patterns (the tag filters of a query), and a backtracking matcher lets one of them stop a node with `(a*)*b`. This one runs
/// all alternatives side by side (Thompson, "Regular Expression Search Algorithm", 1968; Pike's variant) and has limits on the pattern's
/// length, nesting and compiled size, so a match costs at most ``programLimit`` steps per character.
///
/// | Syntax | Meaning |
/// | --- | --- |
/// | `x` `.` `[a-z]` `[^a-z]` | a character; any but newline; one of a class; none of a class |
/// | `\d \w \s` `\D \W \S` `[[:alpha:]]` `[[:^alpha:]]` | ASCII classes, inside brackets too |
/// | `\n \t \r \f \v \a \x7F \x{10FFFF}` `\.` | a control character; by number; a mark taken literally |
/// | `\Q…\E` | everything between taken literally |
/// | `^ $ \A \z \b \B` | start and end of the text (of a line with `(?m)`); start, end; at and not at a word boundary |
/// | `xy` `x\|y` `(x)` `(?:x)` `(?P<name>x)` | sequence, alternatives, groups; nothing is captured |
/// | `x* x+ x? x{2} x{2,} x{2,5}` | repetition, each bound at most 1,000; `x*?` means the same: only whether it matches is asked |
/// | `(?i)` `(?s)` `(?m)` `(?U)` `(?i-s:x)` | flags: fold ASCII case, `.` takes newlines, anchors at lines, laziness swapped |
///
/// Not supported, and refused with the position: Unicode classes (`\pL`), back references and look-around (RE2 has neither of the last
/// two). Case folds for ASCII letters only.
package struct Pattern: Sendable {
  private let program: PatternProgram

  /// Reads `text`. The pattern is searched for anywhere in a text; anchor it with `^` and `$` to match the whole text.
  package init(_ text: String) throws(PatternError) {
    guard text.utf8.count <= Self.lengthLimit else { throw PatternError(.tooLong, at: Self.lengthLimit) }
    var parser = PatternParser(text)
    program = try PatternProgram(compiling: parser.parse())
  }

  /// Reads `^text$`, joined as plain text, as Serf's member filters do: `a|b` becomes `^a|b$`, and so means "begins with a, or ends with b".
  package init(pasting text: String) throws(PatternError) {
    do {
      try self.init("^" + text + "$")
    } catch {
      throw PatternError(error.reason, at: max(0, error.position - 1))
    }
  }

  /// Whether the pattern occurs in `text`.
  package func matches(_ text: String) -> Bool {
    var bytes = text
    return bytes.withUTF8 { matches(Span(_unsafeElements: $0).bytes) }
  }

  /// Whether the pattern occurs in these bytes. A byte that is not part of valid UTF-8 counts as one U+FFFD, as in RE2.
  package func matches(_ bytes: RawSpan) -> Bool {
    var budget = Int.max
    return matches(bytes, budget: &budget) == true
  }

  /// The same, and takes the number of instructions that it looked at from `budget`: at most four for each of ``size`` and character. Nil if the budget is
  /// used up.
  package func matches(_ bytes: RawSpan, budget: inout Int) -> Bool? { program.matches(bytes, budget: &budget) }

  /// How many instructions the pattern compiles to.
  package var size: Int { program.size }

  /// The longest pattern text, in bytes. A pattern of a query cannot be longer: the query's own limit is 1,024.
  package static let lengthLimit = 1_024
  /// The deepest nesting of groups.
  package static let nestingLimit = 100
  /// The largest bound of one repetition, as in RE2.
  package static let repetitionLimit = 1_000
  /// The largest compiled pattern, in instructions. Repetitions are written out, so nested ones reach the limit quickly: `(a{100}){100}` is too
  /// large.
  package static let programLimit = 4_096
}

/// Why a text is not a pattern of the supported syntax, and where it breaks off.
package struct PatternError: Error, Hashable, Sendable {
  /// What is wrong.
  package enum Reason: Hashable, Sendable {
    case missingParenthesis
    case unexpectedParenthesis
    case missingBracket
    case nothingToRepeat
    case repeatedRepetition
    case badRepetitionBound
    case badRange
    case unknownClass
    case badEscape
    case trailingBackslash
    case unsupportedGroup
    case unsupportedEscape
    case tooLong
    case tooDeep
    case tooLarge
  }

  /// What is wrong.
  package var reason: Reason
  /// The place: the number of characters (Unicode scalars) before it.
  package var position: Int

  init(_ reason: Reason, at position: Int) {
    self.reason = reason
    self.position = position
  }
}

extension PatternError: CustomStringConvertible {
  /// For example `missing ")" for the group at character 4`.
  package var description: String { reason.description + " at character " + String(position + 1) }
}

extension PatternError.Reason: CustomStringConvertible {
  package var description: String {
    switch self {
    case .missingParenthesis: "missing \")\" for the group"
    case .unexpectedParenthesis: "\")\" without a group"
    case .missingBracket: "missing \"]\" for the class"
    case .nothingToRepeat: "nothing to repeat"
    case .repeatedRepetition: "repetition of a repetition (use a group)"
    case .badRepetitionBound: "bad repetition bound (0 to 1000, smaller first)"
    case .badRange: "class range that ends before it begins"
    case .unknownClass: "unknown class name"
    case .badEscape: "bad escape"
    case .trailingBackslash: "backslash at the end"
    case .unsupportedGroup: "unsupported group (no look-around, flags are i, m, s and U)"
    case .unsupportedEscape: "unsupported escape (no Unicode classes, no back references)"
    case .tooLong: "pattern longer than 1024 bytes"
    case .tooDeep: "groups nested deeper than 100"
    case .tooLarge: "pattern too large when its repetitions are written out"
    }
  }
}
