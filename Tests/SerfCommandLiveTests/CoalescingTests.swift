import Foundation
import RPCTestSupport
import SerfClient
import Testing

/// What `serf monitor` shows of our agent and of Debian's, which are members of one cluster.
@Suite("our agent's events beside those of Debian's")
struct CoalescingTests {
  @Test("members that come together are one event, and of user events with one name the newest is delivered; others come at once")
  func besideDebian() async throws {
    let theirs = try await DebianAgent.start("d1", [])
    let flags = ["-transport=tcp", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-profile=local", "-join", theirs.bind]
    let ours = try await LiveAgent(Executable(["agent", "-node=n1"] + flags), ready: "Log data will now stream")
    for agent in [ours, theirs] { try await agent.sees(["d1 alive", "n1 alive"]) }
    for agent in [ours, theirs] { await agent.logs("Received event: member-join") }
    let monitors = try [ours, theirs].map { try Executable(["monitor"], environment: ["SERF_RPC_ADDR": $0.rpc], path: debianSerf) }
    for monitor in monitors { #expect(await monitor.waits { $0.contains("Serf agent starting") }) }
    let others = try (2...4).map { try Executable(["agent", "-node=n\($0)"] + flags) }
    defer { for other in others { other.signal(SIGKILL) } }
    try await ours.sees(["d1 alive", "n1 alive", "n2 alive", "n3 alive", "n4 alive"])
    // On one connection, because a second without an event would end the window.
    let client = try await SerfRPCClient.connect(to: theirs.rpc)
    for value in "123".utf8 { try await client.userEvent("deploy", payload: [value]) }
    try await client.userEvent("now", coalesce: false)
    await client.close()
    for monitor in monitors {
      // Go's maps have no order, so any of these may be the last.
      let last = [#""Name":"n4""#, #"Name: "deploy""#, "Payload: []byte{0x33}"]
      #expect(await monitor.waits { output in last.allSatisfy { output.contains($0) } }, "\(monitor.standardOutput)")
      let lines = monitor.standardOutput.split(separator: "\n")
      let names = lines.filter { $0.hasPrefix("\tName: ") }
      // The one that must not wait is before those that are older.
      #expect(names == ["\tName: \"now\"", "\tName: \"deploy\""], "\(monitor.standardOutput)")
      #expect(lines.filter { $0.contains(#"Payload: []byte{0x33}"#) }.count == 1, "\(monitor.standardOutput)")
      #expect(!lines.contains { $0.contains("[]byte{0x31}") || $0.contains("[]byte{0x32}") }, "\(monitor.standardOutput)")
      monitor.signal(SIGKILL)
    }
  }
}
