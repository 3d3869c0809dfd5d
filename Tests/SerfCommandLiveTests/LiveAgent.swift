import Foundation
import RPCTestSupport
import Testing

/// A CA and nodes' certificates in their own directory, for agents on this machine.
final class AgentCluster: Sendable {
  let directory: String

  init(_ nodes: String...) async throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("serf-live-\(UUID().uuidString)").path
    try await issue("ca")
    for node in nodes { try await issue("node", node) }
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  /// Runs `serf certs`.
  func issue(_ words: String...) async throws {
    let run = try await Executable.run(["certs"] + words + ["-out", directory])
    try #require(run.status == 0, "\(run.errors)")
  }

  func path(_ file: String) -> String { directory + "/" + file }

  /// The flags of an agent that is `node`, on ports of the kernel's choice.
  func flags(_ node: String) -> [String] {
    [
      "agent", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-profile=local", "-tls-ca", path("ca.pem"), "-tls-cert", path("\(node).pem"),
      "-tls-key", path("\(node).key"),
    ]
  }

  /// Starts the agent `node` and waits until it runs.
  func start(_ node: String, _ more: String...) async throws -> LiveAgent {
    try await LiveAgent(Executable(flags(node) + more), ready: "Log data will now stream")
  }
}

/// A running agent, ours or Debian's; killed when the test releases it.
final class LiveAgent: Sendable {
  let program: Executable
  let rpc: String
  let bind: String

  /// An agent that ended, or said nothing for too long, before it was ready.
  ///
  /// A failed `#require` is recorded even where a caller tries again, so this is an error of its own.
  struct NotReady: Error, CustomStringConvertible {
    let description: String
  }

  /// - Throws: ``NotReady`` with what the program printed.
  init(_ program: Executable, ready: String) async throws {
    self.program = program
    let isReady = await program.waits { $0.contains(ready) }
    let banner = program.standardOutput
    func fact(_ title: String) -> String {
      banner.split(separator: "\n").first { $0.contains("\(title): '") }?.split(separator: "'").dropFirst().first.map(String.init) ?? ""
    }
    rpc = fact("RPC addr")
    bind = fact("Bind addr")
    guard isReady else { throw NotReady(description: "not ready: \(banner)\(program.standardError)") }
  }

  deinit { program.signal(SIGKILL) }

  /// Runs a command line against this agent: ours, or Debian's at `/usr/bin/serf`.
  func command(_ words: String..., path: String = Executable.serf) async throws -> (status: Int32, output: String, errors: String) {
    try await Executable.run(words, environment: ["SERF_RPC_ADDR": rpc], path: path)
  }

  /// Waits until the members are these, each as `name status`.
  func sees(_ members: [String], sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    var seen: [String] = []
    while seen != members, ContinuousClock.now < deadline {
      seen = try await command("members").output.split(separator: "\n").map { line in
        let columns = line.split(separator: " ")
        return "\(columns[0]) \(columns[2])"
      }
    }
    #expect(seen == members, "\(program.standardOutput)", sourceLocation: sourceLocation)
  }

  /// Waits until `serf info` shows a figure that is not zero.
  func counts(_ figure: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    var info = ""
    repeat { info = try await command("info").output } while info.contains("\t\(figure) = 0\n") && ContinuousClock.now < deadline
    #expect(info.contains("\t\(figure) = ") && !info.contains("\t\(figure) = 0\n"), "\(info)", sourceLocation: sourceLocation)
  }

  /// Waits until the text was logged this many times.
  func logs(_ text: String, times: Int = 1, sourceLocation: SourceLocation = #_sourceLocation) async {
    let found = await program.waits { $0.ranges(of: text).count >= times }
    #expect(found, "not in the log: \(text)\n\(program.standardOutput)", sourceLocation: sourceLocation)
  }
}

/// Debian's Go Serf, which `Tests/run.sh` installs.
let debianSerf = "/usr/bin/serf"
