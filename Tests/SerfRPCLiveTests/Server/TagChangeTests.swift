import Serf
import SerfAgent
import SerfClient
import Testing

@Suite("tags changed by RPC")
struct TagChangeTests {
  @Test("changes of many clients at once all apply, on a real node")
  func together() async throws {
    let transport = NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0))
    let node = try SerfNode(transport: transport, configuration: SerfConfiguration(name: "n1", profile: .local, tags: ["role": "web"]))
    try await node.start()
    let context = RPCContext(node: node, log: AgentLog(console: Console { _ in }, level: .error), authKey: nil) {}
    let server = try await RPCServer.bind(host: "127.0.0.1", port: 0, context: context)
    let serving = Task { await server.run() }
    let count = 20
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<count {
        group.addTask {
          let client = try await SerfRPCClient.connect(to: server.address)
          for round in 1...10 { try await client.updateTags(setting: ["\(index)": "\(round)"]) }
          await client.close()
        }
      }
      try await group.waitForAll()
    }
    let expected = Dictionary(uniqueKeysWithValues: (0..<count).map { ("\($0)", "10") }).merging(["role": "web"]) { $1 }
    #expect(try await node.localMember().tags == expected)
    serving.cancel()
    await serving.value
    await node.shutdown()
  }
}
