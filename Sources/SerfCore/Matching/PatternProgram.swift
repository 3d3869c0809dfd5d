/// A compiled pattern: a list of instructions that a set of threads runs in lockstep, one character of the text at a time.
///
/// No instruction is entered twice at one place in the text, so a match takes at most (instructions × characters) steps.
struct PatternProgram: Sendable {
  private enum Instruction: Sendable {
    case set(Int)
    case split(Int, Int)
    case jump(Int)
    case assertion(PatternAssertion)
    case match
  }

  private var instructions: [Instruction] = []
  private var sets: [ScalarSet] = []
  private var setIndexes: [ScalarSet: Int] = [:]
  /// Nodes visited while compiling. They are counted separately, because repetitions of an empty pattern emit no instructions but still cost time.
  private var visits = 0

  init(compiling node: PatternNode) throws(PatternError) {
    try compile(node)
    try emit(.match)
  }

  // MARK: Compiling

  private mutating func compile(_ node: PatternNode) throws(PatternError) {
    visits += 1
    guard visits <= 4 * Pattern.programLimit else { throw PatternError(.tooLarge, at: 0) }
    switch node {
    case .empty: break
    case .set(let set): try emit(.set(index(of: set)))
    case .assertion(let assertion): try emit(.assertion(assertion))
    case .sequence(let nodes): for node in nodes { try compile(node) }
    case .alternatives(let nodes): try compileAlternatives(nodes)
    case .repetition(let inner, let minimum, let maximum):
      for _ in 0..<minimum { try compile(inner) }
      if let maximum {
        try compileOptional(inner, times: maximum - minimum)
      } else {
        try compileLoop(inner)
      }
    }
  }

  private mutating func compileAlternatives(_ nodes: [PatternNode]) throws(PatternError) {
    var exits: [Int] = []
    for node in nodes.dropLast() {
      let split = try emit(.split(0, 0))
      try compile(node)
      exits.append(try emit(.jump(0)))
      instructions[split] = .split(split + 1, instructions.count)
    }
    try compile(nodes[nodes.count - 1])
    for exit in exits { instructions[exit] = .jump(instructions.count) }
  }

  private mutating func compileLoop(_ inner: PatternNode) throws(PatternError) {
    let split = try emit(.split(0, 0))
    try compile(inner)
    try emit(.jump(split))
    instructions[split] = .split(split + 1, instructions.count)
  }

  /// `x{0,3}` as `(x(x(x)?)?)?`: every split leads out to the same end.
  private mutating func compileOptional(_ inner: PatternNode, times: Int) throws(PatternError) {
    var splits: [Int] = []
    for _ in 0..<times {
      splits.append(try emit(.split(0, 0)))
      try compile(inner)
    }
    for split in splits { instructions[split] = .split(split + 1, instructions.count) }
  }

  @discardableResult
  private mutating func emit(_ instruction: Instruction) throws(PatternError) -> Int {
    guard instructions.count < Pattern.programLimit else { throw PatternError(.tooLarge, at: 0) }
    instructions.append(instruction)
    return instructions.count - 1
  }

  /// Written-out repetitions of one class share its set.
  private mutating func index(of set: ScalarSet) -> Int {
    if let known = setIndexes[set] { return known }
    setIndexes[set] = sets.count
    sets.append(set)
    return sets.count - 1
  }

  var size: Int { instructions.count }

  // MARK: Matching

  /// Whether the pattern occurs anywhere in the UTF-8 of `text`; nil if `budget` was used up before that was known. Each instruction that it looks at takes one
  /// from the budget.
  func matches(_ text: RawSpan, budget: inout Int) -> Bool? {
    var threads = ThreadList(capacity: instructions.count)
    var following = ThreadList(capacity: instructions.count)
    // Each set is asked once per character, however many repetitions of it were written out.
    var answers = [(step: Int, holds: Bool)](repeating: (-1, false), count: sets.count)
    var step = 0
    var offset = 0
    var previous: UInt32?
    while true {
      guard budget > 0 else { return nil }
      let (next, length) = Self.scalar(in: text, at: offset)
      // Unanchored: a new attempt begins at every character.
      if enter(0, into: &threads, between: previous, and: next, &budget) { return true }
      guard let next else { return false }
      offset += length
      let (after, _) = Self.scalar(in: text, at: offset)
      following.removeAll()
      for index in 0..<threads.count {
        budget -= 1
        guard case .set(let set) = instructions[threads[index]] else { continue }
        if answers[set].step != step { answers[set] = (step, sets[set].contains(next)) }
        guard answers[set].holds else { continue }
        if enter(threads[index] + 1, into: &following, between: next, and: after, &budget) { return true }
      }
      swap(&threads, &following)
      previous = next
      step += 1
    }
  }

  /// Adds the instruction and all that follow it without reading a character; true when the match is among them.
  private func enter(
    _ start: Int, into threads: inout ThreadList, between previous: UInt32?, and next: UInt32?, _ budget: inout Int
  ) -> Bool {
    threads.pending.append(start)
    while let index = threads.pending.popLast() {
      budget -= 1
      guard threads.insert(index) else { continue }
      switch instructions[index] {
      case .set: break
      case .match:
        threads.pending.removeAll(keepingCapacity: true)
        return true
      case .jump(let target): threads.pending.append(target)
      case .split(let first, let second):
        threads.pending.append(second)
        threads.pending.append(first)
      case .assertion(let assertion):
        if Self.holds(assertion, between: previous, and: next) { threads.pending.append(index + 1) }
      }
    }
    return false
  }

  private static func holds(_ assertion: PatternAssertion, between previous: UInt32?, and next: UInt32?) -> Bool {
    switch assertion {
    case .textStart: previous == nil
    case .textEnd: next == nil
    case .lineStart: previous == nil || previous == 0x0a
    case .lineEnd: next == nil || next == 0x0a
    case .wordBoundary: isWord(previous) != isWord(next)
    case .notWordBoundary: isWord(previous) == isWord(next)
    }
  }

  private static func isWord(_ scalar: UInt32?) -> Bool { scalar.map { ScalarSet.words.contains($0) } ?? false }

  /// The scalar at `offset` and its length; nil at the end. Anything that is not strict UTF-8 is one U+FFFD per byte.
  private static func scalar(in text: RawSpan, at offset: Int) -> (UInt32?, Int) {
    guard offset < text.byteCount else { return (nil, 0) }
    let first = UInt32(text.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
    if first < 0x80 { return (first, 1) }
    let (length, smallest): (Int, UInt32)
    switch first {
    case 0xc2...0xdf: (length, smallest) = (2, 0x80)
    case 0xe0...0xef: (length, smallest) = (3, 0x800)
    case 0xf0...0xf4: (length, smallest) = (4, 0x10000)
    default: return (0xfffd, 1)
    }
    guard text.byteCount - offset >= length else { return (0xfffd, 1) }
    var value = first & (0x7f >> UInt32(length))
    for index in 1..<length {
      let byte = UInt32(text.unsafeLoad(fromByteOffset: offset + index, as: UInt8.self))
      guard byte & 0xc0 == 0x80 else { return (0xfffd, 1) }
      value = value << 6 | byte & 0x3f
    }
    guard value >= smallest, let scalar = Unicode.Scalar(value) else { return (0xfffd, 1) }
    return (scalar.value, length)
  }
}

/// Instructions in the order in which they were entered, each once (Briggs and Torczon's sparse set).
private struct ThreadList {
  private var dense: [Int] = []
  private var sparse: [Int]
  /// Still to be entered; kept here so that its storage is reused.
  var pending: [Int] = []

  init(capacity: Int) {
    sparse = Array(repeating: 0, count: capacity)
    dense.reserveCapacity(capacity)
  }

  var count: Int { dense.count }

  subscript(index: Int) -> Int { dense[index] }

  mutating func insert(_ value: Int) -> Bool {
    let slot = sparse[value]
    if slot < dense.count, dense[slot] == value { return false }
    sparse[value] = dense.count
    dense.append(value)
    return true
  }

  mutating func removeAll() { dense.removeAll(keepingCapacity: true) }
}
