import Foundation

extension Stage {
  /// Runs a verb of Go's command line against `agent`, for what our client does not speak.
  func goCommand(_ words: [String], at agent: Agent, within limit: Duration = .seconds(30)) async throws -> (status: Int32, output: String)
  {
    let log = directory.appendingPathComponent("command-\(UUID().uuidString).log")
    let program = try Program(surroundings.go, words.prefix(1) + ["-rpc-addr", agent.rpcAddress] + words.dropFirst(), log: log)
    guard let status = await program.ended(within: limit) else {
      await program.stop()
      throw TimedOut(limit: limit)
    }
    return (status, program.output)
  }
}
