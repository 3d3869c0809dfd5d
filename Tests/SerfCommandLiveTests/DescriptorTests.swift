import Foundation
import RPCTestSupport
import Testing

/// An agent whose file descriptors are used up by connections that other processes open and leave open.
@Suite(.serialized) struct DescriptorTests {
  private func flags(_ node: String, _ more: [String]) -> [String] {
    ["agent", "-transport=tcp", "-node", node, "-rpc-addr=127.0.0.1:0", "-profile=local"] + more
  }

  /// Connections to an address of 127.0.0.1, on which nothing is sent.
  private func connect(_ count: Int, to address: String) -> [CInt] {
    let port = UInt16(address.split(separator: ":").last ?? "") ?? 0
    return (0..<count).map { _ in
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
      var remote = sockaddr_in()
      remote.sin_family = sa_family_t(AF_INET)
      remote.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      remote.sin_port = port.bigEndian
      // Beyond the listener's queue it stays unanswered, which is as good.
      unsafe withUnsafeBytes(of: &remote) { bytes in
        _ = unsafe Glibc.connect(
          descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
      return descriptor
    }
  }

  @Test("accepts no more for a while, without spinning; files and dials still work, and afterwards it goes on", .timeLimit(.minutes(2)))
  func shortage() async throws {
    let other = try await LiveAgent(Executable(flags("n2", ["-bind=127.0.0.1:0"])), ready: "Log data will now stream")
    let address = other.bind
    other.program.signal(SIGKILL)
    _ = await other.program.status()
    let keys = FileManager.default.temporaryDirectory.appendingPathComponent("serf-keyring-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: keys) }
    let key = Data([UInt8](repeating: 7, count: 32)).base64EncodedString()
    try JSONEncoder().encode([key]).write(to: keys)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: keys.path)
    let limited = ["-c", "ulimit -n 96; exec \"$0\" \"$@\"", Executable.serf]
    let own = flags("n1", ["-bind=127.0.0.1:0", "-keyring-file", keys.path, "-retry-join", address, "-retry-interval=1s"])
    let agent = try await LiveAgent(Executable(limited + own, path: "/bin/sh"), ready: "Log data will now stream")
    let flood = connect(100, to: agent.rpc) + connect(100, to: agent.bind)
    defer { for descriptor in flood { close(descriptor) } }
    await agent.logs("accepts no connections for now")
    let (before, started) = (agent.program.processorTime, ContinuousClock.now)
    // What is measured is how much processor time passes while two more joins fail: there is one in a second.
    await agent.logs("Join failed", times: agent.program.standardOutput.ranges(of: "Join failed").count + 2)
    let share = (agent.program.processorTime - before) / ((ContinuousClock.now - started) / .seconds(1))
    // A listener that spins takes a whole processor; under the thread sanitizer one that does not spin takes a tenth.
    #expect(share < 0.4)
    agent.program.signal(SIGHUP)
    await agent.logs("Credentials reloaded")
    let back = try await LiveAgent(
      Executable(flags("n2", ["-bind", address, "-encrypt", key])), ready: "Log data will now stream")
    try await back.sees(["n1 alive", "n2 alive"])
    for descriptor in flood { shutdown(descriptor, Int32(SHUT_RDWR)) }
    try await agent.sees(["n1 alive", "n2 alive"])
    for agent in [agent, back] { agent.program.signal(SIGTERM) }
  }
}
