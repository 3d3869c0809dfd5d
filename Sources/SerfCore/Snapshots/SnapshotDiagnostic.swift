package import SerfPrimitives

/// Something about the snapshot that is worth a log line.
package enum SnapshotDiagnostic: Hashable, Sendable {
  /// The block of `count` lines that begins at this line has a wrong sum.
  case blockSkipped(line: Int, count: Int)
  /// This line, of this length, is none that we know. Its text is not here: the file may be another one, with a secret in it.
  case lineSkipped(number: Int, byteCount: Int)
  /// Behind the last line break there is a torn line, or what a crash left there.
  case tailCut(byteCount: Int)
  /// The file has more members than a node keeps, or members with names that it does not keep.
  case membersDropped(Int)
  /// The file could not be read, and nothing was restored.
  case notRead(SnapshotFailure)
  /// The file ends with this node's leave, so it names no member to ask.
  case hasLeft
  /// The file says so much.
  case restored(members: Int)
  /// A member's name does not survive the format, so the member is not kept.
  case nameRefused(NodeName)
  /// The file could not be written. It is written anew, in half a minute or later.
  case notWritten(SnapshotFailure)
  /// The file is complete again.
  case writtenAgain
  /// A member that the snapshot names has answered.
  case rejoined(NodeName, NodeAddress)
  /// None of the members that the snapshot names has answered.
  case notRejoined(Int)
}

/// Why a file could not be read or written, as the system says it.
package struct SnapshotFailure: Error, Hashable, Sendable {
  /// What was tried: `open /var/lib/serf/snapshot`.
  package let operation: String
  /// What the system said: `No space left on device`.
  package let reason: String

  package init(_ operation: String, _ reason: String) {
    self.operation = operation
    self.reason = reason
  }
}

extension SnapshotFailure: CustomStringConvertible {
  package var description: String { "\(operation): \(reason)" }
}
