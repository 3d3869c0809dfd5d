import Logging
import MemoryTransport
import NIOCore
import NIOEmbedded
import Serf
import SerfTestSupport
import Testing

/// Changes of tags that no caller waits for.
@Suite("Changes of tags without a wait")
struct TagChangesTests {
  private let hub = MemoryHub()
  private let lines = LineRecorder()

  private func node(_ name: NodeName, port: UInt16 = 0, on loop: NIOAsyncTestingEventLoop? = nil) throws -> SerfNode {
    let logger = Logger(label: "serf") { [lines] _ in lines.handler }
    guard let loop else { return try SerfNode(transport: hub.transport(), configuration: .test(name), logger: logger) }
    return try SerfNode(
      transport: hub.transport(port: port), configuration: .test(name), logger: logger, eventLoopGroup: loop, seed: UInt64(port))
  }

  @Test("that come before the last one has spread are one update, in the order of the calls")
  func merged() async throws {
    let loop = NIOAsyncTestingEventLoop()
    let nodes = try [node("a", port: 1, on: loop), node("b", port: 2, on: loop)]
    for node in nodes { _ = try await finish(on: loop) { try await node.join(["127.0.0.1:1"]) } }
    let changes = nodes[0].memberEvents()
    // On the loop: a task that is not on it could apply the first changes while the others are still to come.
    let first = nodes[0]
    try await loop.executeInContext {
      for round in 1...100 { first.setTagsSoon { $0["all"] = ($0["all"] ?? "") + "\(round % 10)" } }
    }
    try await eventually("the first update is made") {
      await loop.run()
      return changes.waiting > 0
    }
    // Time stands still, so the update does not spread, and these wait for it.
    for round in 1...10 {
      nodes[0].setTagsSoon { $0["last"] = "\(round)" }
      _ = try await finish(on: loop) { try await nodes[0].localMember() }
    }
    #expect(changes.waiting == 1)
    try await eventually("the second update is made") {
      await loop.advanceTime(by: .milliseconds(100))
      return try await finish(on: loop) { try await nodes[0].localMember() }.tags["last"] == "10"
    }
    for node in nodes { try await finish(on: loop) { await node.shutdown() } }
    let all = String(repeating: "1234567890", count: 10)
    let updates = await changes.reduce(into: [[String: String]]()) { if $1.kind == .update { $0.append($1.members[0].tags) } }
    #expect(updates == [["all": all], ["all": all, "last": "10"]])
    await loop.shutdownGracefully()
  }

  @Test("that are too large together are not made, and say so; later ones are")
  func tooLarge() async throws {
    let a = try node("a")
    a.setTagsSoon { $0["big"] = String(repeating: "x", count: 600) }
    try await eventually("the log says so") { lines.contains("warning", "a change of tags is not made", "512") }
    a.setTagsSoon { $0["small"] = "x" }
    try await a.waitForMembers(within: .seconds(10)) { $0["a"]?.tags == ["small": "x"] }
    await a.shutdown()
    a.setTagsSoon { $0["late"] = "x" }
    try await eventually("the log says so") { lines.contains("debug", "a change of tags is not made", "shut down") }
  }

  @Test("that leave the tags as they are send nothing")
  func unchanged() async throws {
    let a = try node("a")
    try await a.start()
    let changes = a.memberEvents()
    for value in ["1", "1", nil] {
      let isCalled = Flag()
      a.setTagsSoon { tags in
        tags["x"] = value
        isCalled.set()
      }
      try await eventually("the change is made") { isCalled.isSet }
    }
    try await a.waitForMembers(within: .seconds(10)) { $0["a"]?.tags == [:] }
    await a.shutdown()
    #expect(await changes.reduce(into: []) { $0.append($1.members[0].tags) } == [["x": "1"], [:]])
  }
}
