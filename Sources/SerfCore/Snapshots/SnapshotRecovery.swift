import SerfWire

/// Reads a snapshot file, whatever has happened to it (`serf.md` section 15, "What ours does").
///
/// ```
///  alive: …  alive: …  # crc32=…   clock: …  # crc32=…   alive: …  alive: … ⏎  ali
///  └──── a block, taken as a ────┘ └──── the next ────┘  └─ no sum: taken ──┘  └─ torn: cut off
///        whole or not at all                                line by line
/// ```
/// The lines behind the last sum are those of a Go agent, or of a block of ours that was cut off.
package struct RestoredState: Hashable, Sendable {
  /// What the file says.
  package private(set) var state = SnapshotState()
  /// The blocks with a wrong sum, and how many lines outside of them could not be read.
  package private(set) var blocksSkipped: UInt64 = 0
  package private(set) var linesSkipped: UInt64 = 0
  /// What was skipped: the first of it, for the log.
  package private(set) var findings: [SnapshotDiagnostic] = []

  /// Whether the node left, and the file names no member that came later.
  package private(set) var hasLeft = false
  /// Whether a line of the file is one of a snapshot.
  private var isSnapshot = false

  /// Whether the file is another one than a snapshot: it has whole lines, and none of them begins as one of a snapshot. Such a file is not to be replaced.
  package static func isForeign(_ bytes: [UInt8], _ restored: RestoredState) -> Bool {
    guard !restored.isSnapshot, bytes.contains(UInt8(ascii: "\n")), !bytes.contains(0) else { return false }
    return !bytes.split(separator: UInt8(ascii: "\n")).contains { line in SnapshotRecord.words.contains { line.starts(with: $0) } }
  }

  /// A state without a file.
  package init(_ state: SnapshotState = SnapshotState()) { self.state = state }

  /// Nothing, because the file could not be read.
  package init(unread failure: SnapshotFailure) { findings = [.notRead(failure)] }

  /// Replays the whole file `bytes`. With `rejoinAfterLeave` a leave does not end what the lines before it said.
  package init(reading bytes: [UInt8], rejoinAfterLeave: Bool) {
    var block = 0
    var start = 0
    var number = 0
    var blockNumber = 1
    while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
      number += 1
      if let sum = SnapshotBlock.sum(in: bytes[start..<end]) {
        if sum == bytes.sum(block..<start) {
          // What has a sum was written by us, also a clock that a hostile member has moved far.
          replay(bytes[block..<start], from: blockNumber, highestTime: .max, rejoinAfterLeave)
          isSnapshot = true
        } else {
          blocksSkipped += 1
          find(.blockSkipped(line: blockNumber, count: number - blockNumber))
        }
        (block, blockNumber) = (end + 1, number + 1)
      }
      start = end + 1
    }
    replay(bytes[block..<start], from: blockNumber, highestTime: SnapshotRecord.honestTime, rejoinAfterLeave)
    if start < bytes.count { find(.tailCut(byteCount: bytes.count - start)) }
  }

  private mutating func replay(_ lines: ArraySlice<UInt8>, from number: Int, highestTime: LamportTime, _ rejoinAfterLeave: Bool) {
    var number = number
    var start = lines.startIndex
    while let end = lines[start...].firstIndex(of: UInt8(ascii: "\n")) {
      // Where a machine crashed there may be zeros, to which a Go agent appends its next line.
      let line = lines[start..<end].drop { $0 == 0 }
      if let record = SnapshotRecord(line: line, highestTime: highestTime) {
        if record != .nothing { isSnapshot = true }
        if record == .leave { hasLeft = !rejoinAfterLeave } else if case .alive = record { hasLeft = false }
        state.apply(record, rejoinAfterLeave: rejoinAfterLeave)
      } else {
        linesSkipped += 1
        find(.lineSkipped(number: number, byteCount: line.count))
      }
      number += 1
      start = end + 1
    }
  }

  private mutating func find(_ finding: SnapshotDiagnostic) {
    if findings.count < Self.findingLimit { findings.append(finding) }
  }

  /// A damaged file can have a million bad lines; the counters count all.
  private static let findingLimit = 16
}

extension [UInt8] {
  fileprivate func sum(_ range: Range<Int>) -> UInt32 { CRC32.checksum(span.bytes.extracting(range)) }
}
