import SerfPrimitives
import SerfTransport
import Testing

@Suite struct KeyringTests {
  private static func key(_ byte: UInt8, count: Int = 16) throws -> SecretKey {
    try SecretKey(bytes: [UInt8](repeating: byte, count: count))
  }

  /// The cause of the `SerfError` that this throws; nil for anything else.
  private static func refusal(_ body: () throws -> Any) -> KeyringError? {
    guard let error = #expect(throws: SerfError.self, performing: { _ = try body() }) else { return nil }
    #expect(error.code == .configuration)
    return error.cause as? KeyringError
  }

  @Test("holds keys of 16, 24 and 32 bytes and no others", arguments: 0...40)
  func lengths(count: Int) {
    if [16, 24, 32].contains(count) {
      #expect(throws: Never.self) { try Self.key(1, count: count) }
    } else {
      #expect(Self.refusal { try Self.key(1, count: count) } == .keyLength(count))
    }
  }

  @Test("reads keys in base64 and writes them so")
  func base64() throws {
    let text = "HvY8ubRZMgafUOWvrOadwOckVa1wN3QWAo46FVKbVN8="
    #expect(try SecretKey(base64: text).base64 == text)
    #expect(try SecretKey(base64: "AAAAAAAAAAAAAAAAAAAAAA==").bytes == [UInt8](repeating: 0, count: 16))
  }

  @Test(
    "refuses what is not base64",
    arguments: ["", "x", "HvY8ubRZMgafUOWvrOadwOckVa1wN3QWAo46FVKbVN8", "HvY8ubRZMgafUOWvrOadwO\nckVa1wN3QWAo46FVKbVN8=", "päss", "===="])
  func notBase64(text: String) {
    #expect(Self.refusal { try SecretKey(base64: text) } == .notBase64)
  }

  @Test("refuses base64 of another length")
  func shortBase64() { #expect(Self.refusal { try SecretKey(base64: "AAAA") } == .keyLength(3)) }

  @Test("makes a different key of 32 bytes each time, and does not show it")
  func generate() {
    let keys = (0..<10).map { _ in SecretKey.generate() }
    #expect(Set(keys).count == 10)
    #expect(keys.allSatisfy { $0.bytes.count == 32 && $0.description == "key of 256 bits" })
  }

  @Test("begins without a key where it is told to, uses the first as primary, and is never empty again")
  func beginsEmpty() throws {
    let (a, b) = (try Self.key(1), try Self.key(2))
    let ring = Keyring()
    #expect(ring.keys.isEmpty && ring.primary == nil)
    #expect(Self.refusal { try ring.use(a) } == .unknownKey)
    try ring.remove(a)
    ring.replace(with: Keyring())
    let sealer = Sealer(ring)
    var (sealed, opened): ([UInt8], [UInt8]) = ([], [])
    let plain: [UInt8] = [9]
    Sealer(Keyring(a)).seal(plain.span.bytes, associated: RawSpan(), into: &sealed)
    #expect(throws: Sealer.Failure.noKeys) { try sealer.open(sealed.span.bytes, associated: RawSpan(), into: &opened) }
    ring.install(a)
    ring.install(b)
    #expect(ring.keys == [a, b] && ring.primary == a)
    try sealer.open(sealed.span.bytes, associated: RawSpan(), into: &opened)
    #expect(opened == plain)
    ring.replace(with: Keyring())
    #expect(Self.refusal { try ring.remove(a) } == .isPrimary)
    #expect(ring.keys == [a, b])
  }

  @Test("needs one key, unless it may begin without")
  func empty() throws {
    #expect(Self.refusal { try Keyring([]) } == .empty)
    let ring = Keyring(try Self.key(1))
    #expect(Self.refusal { try ring.replace(with: []) } == .empty)
    #expect(ring.primary == (try Self.key(1)))
  }

  @Test("installs behind, uses in front, removes all but the primary key")
  func rotation() throws {
    let (a, b, c) = (try Self.key(1), try Self.key(2), try Self.key(3))
    let ring = Keyring(a)
    ring.install(b)
    ring.install(b)
    #expect(ring.keys == [a, b])
    #expect(Self.refusal { try ring.use(c) } == .unknownKey)
    try ring.use(b)
    #expect(ring.keys == [b, a])
    #expect(Self.refusal { try ring.remove(b) } == .isPrimary)
    try ring.remove(c)
    try ring.remove(a)
    #expect(ring.keys == [b])
    try ring.replace(with: [c, a, c])
    #expect(ring.keys == [c, a])
  }

  @Test("is live: all that seal and open with it follow every change")
  func live() throws {
    let (a, b) = (try Self.key(1), try Self.key(2, count: 32))
    let (ours, theirs) = (Keyring(a), Keyring(a))
    let (sender, receiver) = (Sealer(ours), Sealer(theirs))
    func arrives() -> Bool {
      var (sealed, opened): ([UInt8], [UInt8]) = ([], [])
      let (plain, label): ([UInt8], [UInt8]) = ([1, 2, 3], [9])
      sender.seal(plain.span.bytes, associated: label.span.bytes, into: &sealed)
      #expect(sealed.count == 3 + Sealer.overhead)
      return (try? receiver.open(sealed.span.bytes, associated: label.span.bytes, into: &opened)) != nil && opened == plain
    }
    #expect(arrives())
    ours.install(b)
    try ours.use(b)
    #expect(!arrives())
    theirs.install(b)
    #expect(arrives())
    try theirs.use(b)
    try theirs.remove(a)
    #expect(arrives())
    try ours.use(a)
    #expect(!arrives())
  }

  @Test("seals a message of no bytes, and never the same way twice")
  func noBytes() throws {
    let sealer = Sealer(Keyring(try Self.key(1, count: 24)))
    var seen: Set<[UInt8]> = []
    for _ in 0..<100 {
      var (sealed, opened): ([UInt8], [UInt8]) = ([], [7])
      sealer.seal(RawSpan(), associated: RawSpan(), into: &sealed)
      try sealer.open(sealed.span.bytes, associated: RawSpan(), into: &opened)
      #expect(opened == [7])
      seen.insert(sealed)
    }
    #expect(seen.count == 100)
  }

  @Test(
    "opens nothing of an unknown version, and nothing too short",
    arguments: [[], [1], [2] + [UInt8](repeating: 0, count: 60), [0] + [UInt8](repeating: 0, count: 43)] as [[UInt8]])
  func notSealed(bytes: [UInt8]) throws {
    let sealer = Sealer(Keyring(try Self.key(1)))
    var opened: [UInt8] = []
    #expect(throws: Sealer.Failure.notSealed) { try sealer.open(bytes.span.bytes, associated: RawSpan(), into: &opened) }
    #expect(opened.isEmpty)
  }
}
