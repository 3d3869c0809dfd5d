/// What a pattern means, as a tree. Flags are already applied: a case-folded letter is a set of two.
indirect enum PatternNode: Sendable {
  case empty
  case set(ScalarSet)
  case assertion(PatternAssertion)
  case sequence([PatternNode])
  case alternatives([PatternNode])
  /// `maximum` is nil for "without limit".
  case repetition(PatternNode, minimum: Int, maximum: Int?)
}

/// A condition between two characters.
enum PatternAssertion: Sendable {
  case textStart, textEnd, lineStart, lineEnd, wordBoundary, notWordBoundary
}

/// Reads RE2 syntax by recursive descent; ``Pattern`` says which part of it.
struct PatternParser {
  private struct Flags {
    var foldsCase = false
    var dotTakesNewline = false
    var anchorsAtLines = false
  }

  private let text: [Unicode.Scalar]
  private var position = 0
  private var depth = 0
  private var flags = Flags()

  init(_ pattern: String) { text = Array(pattern.unicodeScalars) }

  mutating func parse() throws(PatternError) -> PatternNode {
    let node = try alternatives()
    guard position == text.count else { throw PatternError(.unexpectedParenthesis, at: position) }
    return node
  }

  // MARK: Structure

  private mutating func alternatives() throws(PatternError) -> PatternNode {
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func sequence() throws(PatternError) -> PatternNode {
    var items: [PatternNode] = []
    // Whether the last item can be repeated: not at the start, not after a repetition, not after bare flags.
    var repeatable = false
    while let next = peek, next != "|", next != ")" {
      let start = position
      if takeLiteral("\\Q") {
        while position < text.count, !takeLiteral("\\E") { items.append(literal(advance())) }
        repeatable = position > start + 2
        continue
      }
      if let bounds = try repetitionBounds() {
        guard let last = items.last else { throw PatternError(.nothingToRepeat, at: start) }
        guard repeatable else { throw PatternError(.repeatedRepetition, at: start) }
        _ = take("?")
        items[items.count - 1] = .repetition(last, minimum: bounds.minimum, maximum: bounds.maximum)
        repeatable = false
      } else if let item = try atom() {
        items.append(item)
        repeatable = true
      }
    }
    return items.isEmpty ? .empty : items.count == 1 ? items[0] : .sequence(items)
  }

  /// One item; nil for a group that only sets flags.
  private mutating func atom() throws(PatternError) -> PatternNode? {
    let start = position
    let scalar = advance()
    switch scalar {
    case ".": return .set(flags.dotTakesNewline ? .everything : .allButNewline)
    case "^": return .assertion(flags.anchorsAtLines ? .lineStart : .textStart)
    case "$": return .assertion(flags.anchorsAtLines ? .lineEnd : .textEnd)
    case "[": return .set(try bracketClass(openedAt: start))
    case "(": return try group(openedAt: start)
    case "\\": return try escape(at: start)
    default: return literal(scalar)
    }
  }

  private mutating func group(openedAt start: Int) throws(PatternError) -> PatternNode? {
    let outer = flags
    if take("?") {
      if take("P") || peek == "<" {
        guard take("<"), let end = text[position...].firstIndex(of: ">"), end > position,
          text[position..<end].allSatisfy({ ScalarSet.words.contains($0.value) })
        else { throw PatternError(.unsupportedGroup, at: start) }
        position = end + 1
      } else if try !groupFlags(openedAt: start) {
        return nil
      }
    }
    depth += 1
    guard depth <= Pattern.nestingLimit else { throw PatternError(.tooDeep, at: start) }
    let inner = try alternatives()
    guard take(")") else { throw PatternError(.missingParenthesis, at: start) }
    depth -= 1
    flags = outer
    return inner
  }

  /// Reads `i-s:` or `i)`. True when a group follows, false when the flags apply to the rest of the enclosing group.
  private mutating func groupFlags(openedAt start: Int) throws(PatternError) -> Bool {
    var on = true
    var changed = flags
    while position < text.count {
      switch advance() {
      case "i": changed.foldsCase = on
      case "s": changed.dotTakesNewline = on
      case "m": changed.anchorsAtLines = on
      case "U": break  // Laziness does not change whether something matches.
      case "-" where on: on = false
      case ":":
        flags = changed
        return true
      case ")":
        flags = changed
        return false
      default: throw PatternError(.unsupportedGroup, at: start)
      }
    }
    throw PatternError(.missingParenthesis, at: start)
  }

  // MARK: Repetition

  /// Reads `*`, `+`, `?` or `{m,n}`; nil when there is none here. As in RE2, braces that hold no bounds are ordinary characters.
  private mutating func repetitionBounds() throws(PatternError) -> (minimum: Int, maximum: Int?)? {
    let start = position
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    guard take("{"), let minimum = number() else {
      position = start
      return nil
    }
    var maximum: Int? = minimum
    if take(",") { maximum = peek == "}" ? nil : number() ?? -1 }
    guard maximum != -1, take("}") else {
      position = start
      return nil
    }
    guard minimum <= Pattern.repetitionLimit, (maximum ?? minimum) <= Pattern.repetitionLimit, (maximum ?? minimum) >= minimum else {
      throw PatternError(.badRepetitionBound, at: start)
    }
    return (minimum, maximum)
  }

  /// A decimal number without leading zeros; anything large is only "too large".
  private mutating func number() -> Int? {
    let start = position
    var value = 0
    while let digit = peek, ("0"..."9").contains(digit) {
      value = min(value * 10 + Int(digit.value - 0x30), 1_000_000)
      position += 1
    }
    guard position > start, position == start + 1 || text[start] != "0" else { return nil }
    return value
  }

  // MARK: Characters

  private func literal(_ scalar: Unicode.Scalar) -> PatternNode { .set(folded(ScalarSet([scalar.value...scalar.value]))) }

  private func folded(_ set: ScalarSet) -> ScalarSet { flags.foldsCase ? set.foldingASCII : set }

  /// After a backslash, outside brackets.
  private mutating func escape(at start: Int) throws(PatternError) -> PatternNode {
    switch peek {
    case "A": position += 1; return .assertion(.textStart)
    case "z": position += 1; return .assertion(.textEnd)
    case "b": position += 1; return .assertion(.wordBoundary)
    case "B": position += 1; return .assertion(.notWordBoundary)
    default: break
    }
    if let set = escapedClass() { return .set(folded(set)) }
    let scalar = try escapedScalar(at: start)
    return .set(folded(ScalarSet([scalar...scalar])))
  }

  /// `\d` and similar classes, after the backslash; nil when it is something else.
  private mutating func escapedClass() -> ScalarSet? {
    let set: ScalarSet
    switch peek {
    case "d": set = .digits
    case "D": set = ScalarSet.digits.inverted
    case "s": set = .spaces
    case "S": set = ScalarSet.spaces.inverted
    case "w": set = .words
    case "W": set = ScalarSet.words.inverted
    default: return nil
    }
    position += 1
    return set
  }

  private mutating func escapedScalar(at start: Int) throws(PatternError) -> UInt32 {
    guard position < text.count else { throw PatternError(.trailingBackslash, at: start) }
    let scalar = advance()
    switch scalar {
    case "n": return 0x0a
    case "t": return 0x09
    case "r": return 0x0d
    case "f": return 0x0c
    case "v": return 0x0b
    case "a": return 0x07
    case "x": return try hexadecimal(at: start)
    case "p", "P", "1"..."9": throw PatternError(.unsupportedEscape, at: start)
    case "0": return octal()
    default:
      guard scalar.isASCII, !ScalarSet.words.contains(scalar.value) else { throw PatternError(.badEscape, at: start) }
      return scalar.value
    }
  }

  private mutating func octal() -> UInt32 {
    var value: UInt32 = 0
    var digits = 0
    while digits < 2, let digit = peek, ("0"..."7").contains(digit) {
      value = value * 8 + (digit.value - 0x30)
      digits += 1
      position += 1
    }
    return value
  }

  private mutating func hexadecimal(at start: Int) throws(PatternError) -> UInt32 {
    let braced = take("{")
    var value: UInt32 = 0
    var digits = 0
    while let digit = peek.flatMap(Self.hexadecimalDigit), braced || digits < 2 {
      value = value * 16 + digit
      digits += 1
      position += 1
      guard value <= ScalarSet.last else { throw PatternError(.badEscape, at: start) }
    }
    guard braced ? digits > 0 && take("}") : digits == 2 else { throw PatternError(.badEscape, at: start) }
    return value
  }

  private static func hexadecimalDigit(_ scalar: Unicode.Scalar) -> UInt32? {
    switch scalar {
    case "0"..."9": scalar.value - 0x30
    case "a"..."f": scalar.value - 0x61 + 10
    case "A"..."F": scalar.value - 0x41 + 10
    default: nil
    }
  }

  // MARK: Bracket classes

  private mutating func bracketClass(openedAt start: Int) throws(PatternError) -> ScalarSet {
    var set = ScalarSet()
    let negated = take("^")
    var first = true
    while first || peek != "]" {
      guard position < text.count else { throw PatternError(.missingBracket, at: start) }
      first = false
      let itemStart = position
      if takeLiteral("[:") {
        set.formUnion(try posixClass(at: itemStart))
        continue
      }
      if peek == "\\" {
        position += 1
        if let escaped = escapedClass() {
          set.formUnion(escaped)
          continue
        }
        position -= 1
      }
      let lower = try classScalar(openedAt: start)
      var upper = lower
      if peek == "-", position + 1 < text.count, text[position + 1] != "]" {
        position += 1
        upper = try classScalar(openedAt: start)
      }
      guard lower <= upper else { throw PatternError(.badRange, at: itemStart) }
      set.formUnion(ScalarSet([lower...upper]))
    }
    position += 1
    // Fold before inverting: `(?i)[^k]` accepts neither k nor K.
    set = folded(set)
    return negated ? set.inverted : set
  }

  private mutating func classScalar(openedAt start: Int) throws(PatternError) -> UInt32 {
    guard position < text.count else { throw PatternError(.missingBracket, at: start) }
    let itemStart = position
    let scalar = advance()
    return scalar == "\\" ? try escapedScalar(at: itemStart) : scalar.value
  }

  private mutating func posixClass(at start: Int) throws(PatternError) -> ScalarSet {
    let negated = take("^")
    var name = ""
    while let scalar = peek, scalar != ":", name.utf8.count < 8 {
      name.unicodeScalars.append(scalar)
      position += 1
    }
    guard takeLiteral(":]"), let set = ScalarSet.posix(name) else { throw PatternError(.unknownClass, at: start) }
    return negated ? set.inverted : set
  }

  // MARK: Reading

  private var peek: Unicode.Scalar? { position < text.count ? text[position] : nil }

  private mutating func advance() -> Unicode.Scalar {
    defer { position += 1 }
    return text[position]
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek == scalar else { return false }
    position += 1
    return true
  }

  private mutating func takeLiteral(_ literal: String) -> Bool {
    var end = position
    for scalar in literal.unicodeScalars {
      guard end < text.count, text[end] == scalar else { return false }
      end += 1
    }
    position = end
    return true
  }
}
