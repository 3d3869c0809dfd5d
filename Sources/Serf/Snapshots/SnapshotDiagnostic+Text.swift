import Logging
import SerfCore
import SerfPrimitives
import SerfTransport

extension SnapshotDiagnostic {
  /// The level of its line.
  var level: Logger.Level {
    switch self {
    case .notRead, .notWritten: .error
    case .blockSkipped, .lineSkipped, .membersDropped, .nameRefused, .notRejoined: .warning
    case .tailCut, .hasLeft, .restored, .writtenAgain, .rejoined: .info
    }
  }

  /// What lines of one kind have in common, for limiting them.
  var kind: String {
    switch self {
    case .blockSkipped, .lineSkipped, .tailCut, .membersDropped, .notRead, .hasLeft, .restored: "snapshot read"
    case .nameRefused: "snapshot name"
    case .notWritten: "snapshot not written"
    case .writtenAgain: "snapshot written"
    case .rejoined, .notRejoined: "rejoin"
    }
  }

  /// What else the limit distinguishes: each finding in a file is a line of the log.
  var subject: String {
    switch self {
    case .blockSkipped(let line, _), .lineSkipped(let line, _): "line \(line)"
    case .tailCut: "tail"
    case .membersDropped: "members"
    case .hasLeft: "leave"
    case .restored: "restored"
    case .nameRefused(let name), .rejoined(let name, _): name.description
    case .notRead, .notWritten, .writtenAgain, .notRejoined: ""
    }
  }

  /// The parts of the line that a program can search for.
  var metadata: Logger.Metadata {
    switch self {
    case .nameRefused(let name): .about(name)
    case .rejoined(let name, let address): .about(name, at: address)
    case .notRead(let failure), .notWritten(let failure): .about(because: failure.description)
    case .blockSkipped, .lineSkipped, .tailCut, .membersDropped, .hasLeft, .restored, .writtenAgain, .notRejoined: [:]
    }
  }

  /// The line.
  var text: String {
    switch self {
    case .blockSkipped(let line, let count):
      "the snapshot is damaged: skipped \(count) lines from line \(line), whose sum is wrong"
    case .lineSkipped(let number, let count): "the snapshot is damaged: skipped line \(number), of \(count) bytes"
    case .tailCut(let count): "cut off \(count) bytes at the snapshot's end: its last write was not complete"
    case .membersDropped(let count): "the snapshot has \(count) members more than this node keeps, or with names that are too long"
    case .notRead(let failure): "cannot read the snapshot, so nothing is known of the last run: \(failure)"
    case .hasLeft:
      "this node left the cluster in its last run, so it asks none of the members that it had. Join one, or start with \(SettingName.rejoinAfterLeave)"
    case .restored(let members): "the snapshot names \(members) other members; asking them until one answers"
    case .nameRefused(let name): "the snapshot cannot keep \(name): its name has a control character"
    case .notWritten(let failure):
      "cannot write the snapshot; this node goes on without, and tries again every 30 s or later: \(failure)"
    case .writtenAgain: "the snapshot is written again, and complete"
    case .rejoined(let name, let address): "Re-joined to previously known node: \(name): \(address)"
    case .notRejoined(let count):
      "Failed to re-join any previously known node, of \(count); this node goes on without, and if reconnecting is on it dials them from time to time"
    }
  }
}
