/// Lines of Go's log that say that a peer did something wrong. None may appear unless the scenario asks for it.
enum GoLog {
  static let forbidden = [
    "Failed to decode", "not supported", "Conflicting address", "Name conflict", "Refuting an alive", "invalid checksum", "Decrypt packet",
    "truncated", "incompatible", "unexpected node", "Vsn is not present", "unknown type", "bad type prefix", "Failed push/pull merge",
    "UDP probes failed", "double",
  ]

  /// The forbidden phrases in `log`, with the lines that contain them.
  static func findings(in log: String) -> [(phrase: String, line: String)] {
    log.split(separator: "\n").flatMap { line in
      forbidden.filter { line.contains($0) }.map { ($0, String(line)) }
    }
  }
}
