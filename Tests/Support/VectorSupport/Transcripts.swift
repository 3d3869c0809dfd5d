/// One run of the Go command line against a Go agent, recorded with every byte of its RPC (`rpc_cli` and `rpc_raw` of `serf.json`).
package struct Transcript: Sendable {
  package var name: String
  /// The command line; empty for a hand-made client.
  package var arguments: [String]
  package var exit: Int
  package var standardOutput: String
  /// What each connection carried, in order.
  package var sessions: [[Frame]]

  package struct Frame: Sendable {
    package var isFromClient: Bool
    package var bytes: [UInt8]

    package init(isFromClient: Bool, bytes: [UInt8]) {
      self.isFromClient = isFromClient
      self.bytes = bytes
    }
  }

  /// The runs of Go's command line.
  package static func commandLine() throws -> [Transcript] {
    try Vectors.file("serf.json")["rpc_cli"].object.sorted { $0.key < $1.key }.map { name, run in
      Transcript(
        name: name, arguments: run["argv"].array.dropFirst().compactMap(\.string), exit: run["exit"].integer ?? -1,
        standardOutput: run["stdout"].string ?? "", sessions: run["sessions"].array.map { frames($0["frames"]) })
    }
  }

  /// The sessions of the hand-made client.
  package static func handMade() throws -> [Transcript] {
    try Vectors.file("serf.json")["rpc_raw"].object.sorted { $0.key < $1.key }.map { name, session in
      Transcript(name: name, arguments: [], exit: 0, standardOutput: "", sessions: [frames(session)])
    }
  }

  private static func frames(_ frames: JSON) -> [Frame] {
    frames.array.compactMap { frame in
      frame["hex"].hex.map { Frame(isFromClient: frame["dir"].string == "c2s", bytes: $0) }
    }
  }
}
