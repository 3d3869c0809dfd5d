import MemoryTransport
import Serf
import SerfTestSupport
import Synchronization
import Testing

/// A delegate of whole nodes, on their own loops.
@Suite("A delegate") struct DelegateTests {
  private func node(_ name: NodeName, _ hub: MemoryHub, _ adjust: (inout SerfConfiguration) -> Void) async throws -> SerfNode {
    var configuration = SerfConfiguration.test(name)
    adjust(&configuration)
    let node = try SerfNode(transport: hub.transport(), configuration: configuration)
    try await node.start()
    return node
  }

  @Test("that refuses the members makes the join fail, at either end, and says why")
  func refusal() async throws {
    for refuses in [[true, false], [false, true], [true, true]] {
      let hub = MemoryHub()
      let asked = Mutex<Set<Int>>([])
      var nodes: [SerfNode] = []
      for index in 0...1 {
        nodes.append(
          try await node(NodeName("n\(index)"), hub) {
            $0.delegate = SerfClosureDelegate().merging { _ in
              _ = asked.withLock { $0.insert(index) }
              return !refuses[index]
            }
          })
      }
      let address = try await nodes[1].localAddress().description
      let error = await #expect(throws: SerfError.self) { try await nodes[0].join([address]) }
      #expect(error?.code == .joinFailed)
      let message = error?.message ?? ""
      // What was refused gets no member list, so the one that joins has nothing to ask about.
      #expect(message.contains(refuses[1] ? "merge canceled" : "refused by our filter"), "\(message)")
      #expect(asked.withLock { $0 } == (refuses[1] ? [1] : [0, 1]))
      for (index, node) in nodes.enumerated() where refuses[index] || refuses[1] { #expect(try await node.members().count == 1) }
      for node in nodes { await node.shutdown() }
    }
  }

  @Test("hears of pings and answers for failed members beside the loop; the answer makes one reaped soon")
  func pingsAndTimeouts() async throws {
    let hub = MemoryHub()
    let pinged = Mutex<Set<NodeName>>([])
    let watcher = try await node("watcher", hub) {
      $0.reaping.interval = .milliseconds(100)
      $0.probe.interval = .milliseconds(200)
      $0.probe.timeout = .milliseconds(100)
      ($0.suspicion.multiplier, $0.suspicion.maximumMultiplier) = (1, 1)
      $0.delegate = SerfClosureDelegate()
        .onPing { name, time in if time > .zero { _ = pinged.withLock { $0.insert(name) } } }
        .reconnectTimeout { member, standard in member.name == "brief" ? .milliseconds(1) : standard }
    }
    let events = watcher.events()
    var others: [SerfNode] = []
    for name in ["brief", "other"] as [NodeName] {
      let node = try await node(name, hub) { _ in }
      try await node.join([watcher.localAddress().description])
      others.append(node)
    }
    try await eventually("both were pinged") { pinged.withLock { $0 } == ["brief", "other"] }
    for node in others { await node.shutdown() }
    for await event in events {
      if case .member(let change) = event, change.kind == .reap {
        #expect(change.members.map(\.name) == ["brief"])
        break
      }
    }
    try await eventually("the other has failed, and is remembered") {
      try await watcher.members().contains { $0.name == "other" && $0.status == .failed }
    }
    await watcher.shutdown()
  }

  @Test("cannot be sent to where Go agents may be members: the calls throw unsupported")
  func unsupported() async throws {
    let node = try SerfNode(
      transport: NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0)), configuration: SerfConfiguration.test("n"))
    try await node.start()
    #expect(await #expect(throws: SerfError.self) { try await node.send([1], to: "n") }?.code == .unsupported)
    #expect(await #expect(throws: SerfError.self) { try await node.setUserState([1]) }?.code == .unsupported)
    await node.shutdown()
  }
}
