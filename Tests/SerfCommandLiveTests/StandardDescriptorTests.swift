import Foundation
import RPCTestSupport
import Testing

@Suite("serf with standard streams closed", .serialized)
struct StandardDescriptorTests {
  /// Runs `serf` from a shell that closes some of its streams.
  private func start(closing redirections: String, _ words: [String]) throws -> Executable {
    try Executable(["-c", "exec \"$@\" \(redirections)", "sh", Executable.serf] + words, path: "/bin/sh")
  }

  @Test("an agent opens them on /dev/null before anything else", arguments: ["<&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
  func agent(redirections: String) async throws {
    let rpc = try DebianAgent.freeRPCAddress()
    let program = try start(
      closing: redirections, ["agent", "-transport=tcp", "-node=n1", "-bind=127.0.0.1:0", "-profile=local", "-rpc-addr", rpc])
    defer { program.signal(SIGKILL) }
    var status: Int32 = 1
    let deadline = ContinuousClock.now + .seconds(30)
    while status != 0, ContinuousClock.now < deadline {
      status = try await Executable.run(["members"], environment: ["SERF_RPC_ADDR": rpc]).status
    }
    #expect(status == 0)
    for (descriptor, closing) in [(0, "<&-"), (1, " >&-"), (2, "2>&-")] where redirections.contains(closing) {
      let path = "/proc/\(program.pid)/fd/\(descriptor)"
      #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: path)) == "/dev/null", "\(descriptor)")
    }
    program.interrupt()
    #expect(await program.status() == 0)
  }

  @Test("the files that certs writes contain only what belongs there")
  func certificates() async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("serf-closed-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: directory) }
    #expect(await (try start(closing: "<&- >&- 2>&-", ["certs", "ca", "-out", directory])).status() == 0)
    for file in try FileManager.default.contentsOfDirectory(atPath: directory) {
      let text = try String(contentsOfFile: directory + "/" + file, encoding: .utf8)
      #expect(text.hasPrefix("-----BEGIN") && text.hasSuffix("-----\n"), "\(file)")
    }
  }
}
