import SerfCore
import SerfPrimitives
import SerfWire
import Testing

/// A snapshot file may have been cut, flipped, filled with zeros or glued together: what is whole in it counts.
@Suite("a snapshot file is read, whatever happened to it")
struct SnapshotRecoveryTests {
  /// A file of 200 lines, as three flushes of ours, a whole first file and two lines of a Go agent at the end make it.
  private static let file: [UInt8] = {
    var state = SnapshotState()
    for number in 0..<90 { state.members[NodeName("n\(number)")] = address(number) }
    (state.memberTime, state.eventTime, state.queryTime) = (41, 7, 3)
    var bytes: [UInt8] = []
    state.encode(into: &bytes)
    for flush in 0..<9 {
      let lines = (0..<10).flatMap { line -> [UInt8] in
        switch line % 5 {
        case 0: text("not-alive: n\(10 * flush + line)\n")
        case 1: text("alive: n\(10 * flush + line) \(address(200 + line))\n")
        case 2: text("clock: \(100 + 10 * flush + line)\n")
        case 3: text("event-clock: \(1_000 + 10 * flush + line)\n")
        default: text("query-clock: \(500 + 10 * flush + line)\n")
        }
      }
      bytes += lines + sumLine(of: lines)
    }
    for _ in 0..<4 { bytes += text("alive: a name with spaces [::1]:7946\nnot-alive: n5\n") }
    return bytes
  }()

  private static func address(_ number: Int) -> NodeAddress {
    NodeAddress(ipv4: 10, 0, UInt8(number / 200), UInt8(number % 200 + 1), port: 7946)
  }

  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

  private static func sumLine(of lines: [UInt8]) -> [UInt8] {
    let digits = String(CRC32.checksum(lines.span.bytes), radix: 16)
    return text("# crc32=" + String(repeating: "0", count: 8 - digits.count) + digits + "\n")
  }

  /// What the lines mean, told the long way: the whole blocks, then the whole lines behind them. Blocks with these numbers are left out.
  private static func expected(_ bytes: some Sequence<UInt8>, without bad: Set<Int> = []) -> SnapshotState {
    var state = SnapshotState()
    var block: [[UInt8]] = []
    var line: [UInt8] = []
    var number = 0
    func replay() { for line in block { SnapshotRecord(line: line[...]).map { state.apply($0, rejoinAfterLeave: false) } } }
    for byte in bytes {
      guard byte == UInt8(ascii: "\n") else {
        line.append(byte)
        continue
      }
      if line.starts(with: "# crc32=".utf8) {
        if !bad.contains(number) { replay() }
        number += 1
        block = []
      } else {
        block.append(line)
      }
      line = []
    }
    replay()
    return state
  }

  private func read(_ bytes: [UInt8]) -> RestoredState { RestoredState(reading: bytes, rejoinAfterLeave: false) }

  @Test("a file of 200 lines that is cut at any byte says what its whole blocks and its whole lines behind them say")
  func cut() {
    let file = Self.file
    #expect(file.count { $0 == UInt8(ascii: "\n") } == 202)
    var expected = SnapshotState()
    for length in 0...file.count {
      let cut = Array(file[..<length])
      // Within a line nothing changes.
      if cut.last == UInt8(ascii: "\n") { expected = Self.expected(cut) }
      let restored = read(cut)
      let isWhole = restored.state == expected && restored.blocksSkipped == 0 && restored.linesSkipped == 0
      if !isWhole { Issue.record("cut at \(length): \(restored)") }
    }
    // The loop above would say the same of a reader that reads nothing.
    #expect(read(file).state.members.count > 60 && read(file).state.eventTime == 1_088)
  }

  @Test("and so does one that ends in zeros instead, which a machine that crashed leaves behind")
  func zeros() {
    let file = Self.file
    for length in stride(from: 0, through: file.count, by: 7) {
      let cut = Array(file[..<length])
      let restored = read(cut + [UInt8](repeating: 0, count: 100))
      #expect(restored.state == Self.expected(cut), "cut at \(length)")
      #expect(restored.findings.last == .tailCut(byteCount: 100 + cut.reversed().prefix { $0 != UInt8(ascii: "\n") }.count))
    }
  }

  @Test("a comment that remembers a member is read; any other comment, and one that is damaged, says nothing")
  func remembered() {
    let lines = [
      "# remembered: a b 10.0.0.1:7946", "alive: c 10.0.0.3:7946", "# remembered: c 10.0.0.3:7946", "# remembered: d nowhere",
      "# remembered:  10.0.0.1:7946", "# remember: e 10.0.0.1:7946", "# remembered: f 10.0.0.1:7946", "alive: f 10.0.0.1:7946",
      "# remembered: g 10.0.0.1:7946", "not-alive: g",
    ]
    let restored = read(Self.text(lines.map { $0 + "\n" }.joined()))
    let expected: [RememberedMembers.Entry] = [.init(name: "a b", address: Self.address(0)), .init(name: "c", address: Self.address(2))]
    #expect(restored.state.remembered.entries == expected)
    #expect(restored.state.members == ["f": Self.address(0)] && restored.linesSkipped == 0)
  }

  @Test("a line that a Go agent has appended to such zeros counts")
  func appended() {
    let restored = read(Self.text("clock: 5\n") + [0, 0, 0] + Self.text("alive: a 10.0.0.1:7946\n"))
    #expect(restored.state.members == ["a": Self.address(0)])
    #expect(restored.state.memberTime == 5 && restored.findings.isEmpty)
  }

  @Test("a flipped bit costs its own block, or two where it hits a sum, and no other one")
  func flipped() {
    let file = Self.file
    let summed = Self.ends(file)
    var random = SeededRandom(seed: 14)
    for _ in 0..<64 {
      let at = random.below(summed.last ?? 0)
      let block = summed.firstIndex { at < $0 } ?? 0
      // A sum line that is none any more, or has lost its line break, makes one block of two. The last block is then like a Go agent's lines.
      let isLast = block == summed.count - 1
      let hits = [Self.expected(file, without: [block]), Self.expected(file, without: isLast ? [] : [block, block + 1])]
      for bit in 0..<8 {
        var bytes = file
        bytes[at] ^= 1 << UInt8(bit)
        let restored = read(bytes)
        #expect(hits.contains(restored.state), "bit \(bit) of byte \(at)")
        #expect(restored.blocksSkipped == 1 || isLast && restored.blocksSkipped == 0, "bit \(bit) of byte \(at)")
      }
    }
  }

  /// Where each block ends, its sum included.
  private static func ends(_ file: [UInt8]) -> [Int] {
    var ends: [Int] = []
    var start = 0
    for (index, byte) in file.enumerated() where byte == UInt8(ascii: "\n") {
      if file[start...index].starts(with: "# crc32=".utf8) { ends.append(index + 1) }
      start = index + 1
    }
    return ends
  }

  @Test("a file without sums is a Go agent's, and one bad line costs only itself")
  func goFile() {
    let restored = read(
      Self.text(
        """
        alive: n1 127.0.0.1:7946
        coordinate: 0
        # something that a later version remembers
        alive: n2 127.0.0.1:7947
        alive: n3
        alive: n4 host:7946
        clock: 12x
        clock: 18446744073709551615
        event-clock: 99999999999999999999
        something else
        not-alive: n1
        clock: 12

        """))
    #expect(restored.state.members == ["n2": NodeAddress(ipv4: 127, 0, 0, 1, port: 7947)])
    #expect(restored.state.memberTime == 12 && restored.state.eventTime == nil && restored.state.queryTime == nil)
    #expect(restored.linesSkipped == 6 && restored.blocksSkipped == 0)
    #expect(restored.findings.first == .lineSkipped(number: 5, byteCount: 9))
  }

  @Test("a leave ends what came before it, unless the node is to rejoin; what comes after it counts")
  func leave() {
    let file = Self.text("alive: n1 127.0.0.1:7946\nclock: 5\nevent-clock: 6\nquery-clock: 7\nleave\nclock: 8\n")
    let left = RestoredState(reading: file, rejoinAfterLeave: false).state
    #expect(left.members.isEmpty && left.memberTime == 8 && left.eventTime == nil && left.queryTime == nil)
    let rejoining = RestoredState(reading: file, rejoinAfterLeave: true).state
    #expect(rejoining.members.count == 1 && rejoining.memberTime == 8 && rejoining.eventTime == 6 && rejoining.queryTime == 7)
  }

  @Test("a file with more damage than a log takes is counted to the end")
  func muchDamage() {
    let restored = read(Self.text("\n\n\n" + String(repeating: "x\n", count: 1_000)))
    #expect(restored.linesSkipped == 1_000 && restored.findings.count == 16)
  }

  @Test(
    "another file is told from a snapshot, however damaged: by whole lines of which none begins as one of ours",
    arguments: [
      ("[\"uvMjR2HoTVq=\"]\n", true), ("-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n", true), ("hello\nworld", true),
      ("", false), ("no line break", false), ("\u{0}\u{0}\n", false), ("# a comment\nalive: n1 1.2.3.4\n", false),
      ("alive: broken\n", false),
      ("clock: 5\nxx\n", false), ("alivf: n1 1.2.3.4:5\n# crc32=00000000\n", false), ("leave\n", false),
    ])
  func foreign(text: String, isForeign: Bool) {
    let bytes = Array(text.utf8)
    #expect(RestoredState.isForeign(bytes, read(bytes)) == isForeign)
  }

  @Test("a clock that a hostile member has moved far is restored from our own block, and is damage in a line without a sum")
  func farClock() {
    var state = SnapshotState()
    (state.memberTime, state.eventTime, state.queryTime) = (1 << 63, (1 << 63) + 9, .max)
    var bytes: [UInt8] = []
    state.encode(into: &bytes)
    #expect(read(bytes).state == state)
    let unsummed = read(Array("event-clock: 9223372036854775808\nclock: 7\n".utf8))
    #expect(unsummed.state.eventTime == nil && unsummed.state.memberTime == 7 && unsummed.linesSkipped == 1)
  }

  @Test("what is written is read again, and names that the format cannot hold are told from others")
  func roundTrip() {
    var state = SnapshotState()
    let long = String(repeating: "x", count: 512)
    for (index, name) in ["a", " ", "two words ", long, "# crc32=00000000", "leave", "ü", "alive: x 1.2.3.4:5"].enumerated() {
      #expect(SnapshotRecord.canHold(NodeName(bytes: Array(name.utf8))))
      state.members[NodeName(bytes: Array(name.utf8))] = Self.address(index)
    }
    state.members[NodeName(bytes: [0xff, 0xfe])] = NodeAddress(parsing: "[fe80::1%3]:7946", defaultPort: 0)
    (state.memberTime, state.eventTime, state.queryTime) = (0, (1 << 63) - 1, 42)
    var bytes: [UInt8] = []
    state.encode(into: &bytes)
    #expect(read(bytes).state == state)
    for name in ["", "a\nalive: b 1.2.3.4:5", "a\r", "\u{0}", "a\tb", "\u{7f}"] {
      #expect(!SnapshotRecord.canHold(NodeName(bytes: Array(name.utf8))))
    }
  }
}
