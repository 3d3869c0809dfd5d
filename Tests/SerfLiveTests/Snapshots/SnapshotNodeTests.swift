import Foundation
import MemoryTransport
import NIOPosix
import Serf
import SerfCore
import SerfTestSupport
import Testing

/// Snapshots as a program that uses the library sees them.
@Suite("A node with a snapshot", .timeLimit(.minutes(1)))
struct SnapshotNodeTests {
  private let hub = MemoryHub()
  private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("serf-snapshot-\(UUID().uuidString)").path

  private func node(_ name: NodeName, _ port: UInt16, rejoins: Bool = false) throws -> SerfNode {
    var configuration = SerfConfiguration.test(name)
    if name == "b" { configuration.snapshot.path = directory + "/b.snapshot" }
    configuration.snapshot.rejoinAfterLeave = rejoins
    return try SerfNode(transport: hub.transport(port: port), configuration: configuration)
  }

  @Test("does not start where there can be none, says why, and starts when there can")
  func unusable() async throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let node = try node("b", 2)
    let error = await #expect(throws: SerfError.self) { try await node.start() }
    #expect(error?.code == .configuration)
    #expect(error?.message.contains("open \(directory)/b.snapshot: No such file or directory") == true, "\(String(describing: error))")
    #expect(error?.message.contains("SerfConfiguration.snapshot.path") == true)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try await node.start()
    await node.shutdown()
    #expect(try String(contentsOfFile: directory + "/b.snapshot", encoding: .utf8).contains("alive: b "))
  }

  @Test("does not start on a file that is no snapshot, and leaves it as it is")
  func foreign() async throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let secret = "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n"
    try secret.write(toFile: directory + "/b.snapshot", atomically: true, encoding: .utf8)
    let error = await #expect(throws: SerfError.self) { try await node("b", 2).start() }
    #expect(error?.code == .configuration && error?.message.contains("is not a snapshot") == true, "\(String(describing: error))")
    #expect(error?.message.contains("MC4") == false)
    #expect(try String(contentsOfFile: directory + "/b.snapshot", encoding: .utf8) == secret)
  }

  @Test("finds the other members by itself after a stop, but not after a leave, unless it is told to", arguments: [false, true])
  func restart(leaves: Bool) async throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let other = try node("a", 1)
    try await other.start()
    let first = try node("b", 2)
    try await first.join(["127.0.0.1:1"])
    try await first.userEvent("before")
    // Otherwise the next event of the other member may have the same Lamport time, which the second node takes for heard.
    try await eventually("the other member has it") { try await other.statistics()["user_events"] == 1 }
    if leaves { try await first.leave() }
    // What was not written yet is written before this returns.
    await first.shutdown()
    if leaves {
      let alone = try node("b", 2)
      try await alone.start()
      #expect(try await alone.members().map(\.name) == ["b"])
      await alone.shutdown()
    }
    // The file of the second one, which left nothing behind, has no other member.
    let again = try node("b", 2, rejoins: true)
    let events = again.events()
    try await again.start()
    if leaves {
      #expect(try await again.members().map(\.name) == ["b"])
    } else {
      _ = try await again.waitForMembers(within: .seconds(20)) { $0.count { $0.status == .alive } == 2 }
      try await other.userEvent("after")
      for await case .user(let event) in events {
        #expect(event.name == "after")
        break
      }
      try await eventually("its file is new") { try await again.statistics()["snapshot_compactions"] == 1 }
    }
    for node in [again, other] { await node.shutdown() }
  }

  @Test("that left goes back if it is told to")
  func rejoins() async throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let other = try node("a", 1)
    try await other.start()
    let first = try node("b", 2, rejoins: true)
    try await first.join(["127.0.0.1:1"])
    try await first.leave()
    await first.shutdown()
    let again = try node("b", 2, rejoins: true)
    _ = try await again.waitForMembers(within: .seconds(20)) { $0.count { $0.status == .alive } == 2 }
    for node in [again, other] { await node.shutdown() }
  }
}
