import Logging
import MemoryTransport
import Serf
import SerfTestSupport
import SerfTransport
import Testing

/// The public API over the transport in memory: the verbs, their answers, and what subscribers see.
@Suite struct SerfNodeTests {
  private func cluster(
    of names: [NodeName], on hub: MemoryHub = MemoryHub(), logger: Logger = Logger(label: "serf")
  ) async throws -> [SerfNode] {
    var nodes: [SerfNode] = []
    for name in names {
      let node = try SerfNode(
        transport: hub.transport(), configuration: SerfConfiguration.test(name, tags: ["from": "\(name)"]), logger: logger)
      try await node.start()
      if let first = nodes.first { #expect(try await node.join([first.localAddress().description]) == 1) }
      nodes.append(node)
    }
    for node in nodes { try await eventually("\(node.name) sees all") { try await node.alive() == names.sorted() } }
    return nodes
  }

  @Test("nodes that join through one member all see each other, with tags")
  func join() async throws {
    let nodes = try await cluster(of: ["a", "b", "c"])
    let seen = try await nodes[2].members().first { $0.name == "b" }
    #expect(seen?.tags == ["from": "b"])
    #expect(try await seen?.address == nodes[1].localAddress())
    for node in nodes { await node.shutdown() }
  }

  @Test("a user event reaches every subscriber of every node once")
  func userEvent() async throws {
    let nodes = try await cluster(of: ["a", "b", "c"])
    let subscriptions = nodes.map { $0.events() } + [nodes[0].events()]
    try await nodes[1].userEvent("deploy", payload: [1, 2, 3])
    try await nodes[2].userEvent("last")
    for subscription in subscriptions {
      var names: [String] = []
      for await case .user(let event) in subscription {
        names.append(event.name)
        if names.count == 2 { break }
      }
      #expect(names.sorted() == ["deploy", "last"])
    }
    for node in nodes { await node.shutdown() }
  }

  @Test("a subscription to one kind of event, or to one name, gets nothing else")
  func kinds() async throws {
    let nodes = try await cluster(of: ["a", "b"])
    let (changes, users, jobs) = (nodes[0].memberEvents(), nodes[0].userEvents(), nodes[0].userEvents(named: "job"))
    try await nodes[1].userEvent("other")
    try await nodes[1].setTags(["role": "db"])
    try await nodes[1].userEvent("job", payload: "now".utf8)
    try await eventually("all events arrive") { users.waiting == 2 && jobs.waiting == 1 && changes.waiting == 1 }
    for node in nodes { await node.shutdown() }
    #expect(await changes.reduce(into: []) { $0.append($1.kind) } == [.update])
    #expect(await Set(users.reduce(into: []) { $0.append($1.name) }) == ["other", "job"])
    #expect(await jobs.reduce(into: []) { $0.append($1.payload.string) } == ["now"])
    let late = nodes[0].events()
    #expect(await late.reduce(0) { count, _ in count + 1 } == 0, "a subscription after the shutdown is empty")
  }

  @Test("a node that was shut down before it started does not start later")
  func shutdownFirst() async throws {
    let node = try SerfNode(transport: MemoryHub().transport(), configuration: SerfConfiguration.test("a"))
    await node.shutdown()
    let error = await #expect(throws: SerfError.self) { try await node.start() }
    #expect(error?.code == .state)
    await #expect(throws: SerfError.self) { try await node.run() }
    await node.shutdown()
  }

  @Test("a node that leaves is left, one that stops without a leave is failed, and events say so")
  func leaveAndFail() async throws {
    let nodes = try await cluster(of: ["a", "b", "c"])
    let events = nodes[0].events()
    try await nodes[1].leave()
    await nodes[1].shutdown()
    try await eventually("b is left") { try await nodes[0].status(of: "b") == .left }
    await nodes[2].shutdown()
    try await eventually("c is failed", within: .seconds(30)) { try await nodes[0].status(of: "c") == .failed }
    var kinds: [NodeName: MemberEvent.Kind] = [:]
    for await case .member(let change) in events {
      for member in change.members { kinds[member.name] = change.kind }
      if kinds.count == 2 { break }
    }
    #expect(kinds == ["b": .leave, "c": .failed])
    await nodes[0].shutdown()
  }

  @Test("tags change everywhere, and too many of them change nothing")
  func tags() async throws {
    let nodes = try await cluster(of: ["a", "b"])
    try await nodes[1].setTags(["role": "db"])
    try await eventually("a sees the tag") { try await nodes[0].members().last?.tags == ["role": "db"] }
    await #expect(throws: SerfError.self) { try await nodes[1].setTags(["big": String(repeating: "x", count: 600)]) }
    #expect(try await nodes[1].localMember().tags == ["role": "db"])
    for node in nodes { await node.shutdown() }
  }

  @Test("tags are changed from what they are, by several callers at once, and a change that throws changes nothing")
  func updatedTags() async throws {
    struct Unwanted: Error {}
    let nodes = try await cluster(of: ["a", "b"])
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<8 { group.addTask { try await nodes[1].updateTags { $0["\(index)"] = $0["from"] } } }
      try await group.waitForAll()
    }
    try await nodes[1].updateTags { $0["from"] = nil }
    let tags = Dictionary(uniqueKeysWithValues: (0..<8).map { ("\($0)", "b") })
    try await nodes[0].waitForMembers(within: .seconds(10)) { $0["b"]?.tags == tags }
    await #expect(throws: Unwanted.self) {
      try await nodes[1].updateTags { tags in
        tags = [:]
        throw Unwanted()
      }
    }
    let error = await #expect(throws: SerfError.self) {
      try await nodes[1].updateTags { $0["big"] = String(repeating: "x", count: 600) }
    }
    #expect(error?.code == .tooLarge)
    #expect(try await nodes[1].localMember().tags == tags)
    for node in nodes { await node.shutdown() }
  }

  @Test("a failed member that is forced out is left everywhere, and if pruned it is gone")
  func forceLeave() async throws {
    let nodes = try await cluster(of: ["a", "b", "c"])
    await nodes[2].shutdown()
    try await eventually("c is failed at both", within: .seconds(30)) {
      let (a, b) = try await (nodes[0].status(of: "c"), nodes[1].status(of: "c"))
      return a == .failed && b == .failed
    }
    try await nodes[0].forceLeave("c")
    try await eventually("c is left at b") { try await nodes[1].status(of: "c") == .left }
    try await nodes[0].forceLeave("c", prune: true)
    try await eventually("c is gone at b") { try await nodes[1].status(of: "c") == nil }
    for node in nodes.prefix(2) { await node.shutdown() }
  }

  @Test("errors say what and why, and a node that has stopped says so")
  func errors() async throws {
    var configuration = SerfConfiguration.test("a")
    configuration.resolver = LiteralResolver()
    let node = try SerfNode(transport: MemoryHub().transport(), configuration: configuration)
    await #expect { try await node.join(["127.0.0.1:65000"]) } throws: { error in
      guard let error = error as? SerfError, error.code == .joinFailed else { return false }
      let nowhere = NodeAddress(ipv4: 127, 0, 0, 1, port: 65_000)
      return error.description.contains("127.0.0.1:65000: no answer") && error.attempts.map(\.address) == ["127.0.0.1:65000"]
        && error.attempts.map(\.contacted) == [nowhere] && error.attempts.map(\.reason) == [.noAnswer]
    }
    await #expect { try await node.join(["a-host"]) } throws: { "\($0)".contains("'a-host' is not an IP address") }
    await #expect { try await node.userEvent("x", payload: [UInt8](repeating: 0, count: 600)) } throws: {
      ($0 as? SerfError)?.code == .tooLarge
    }
    await node.shutdown()
    await #expect { try await node.userEvent("x") } throws: { ($0 as? SerfError)?.code == .state }
    await #expect { try await node.leave() } throws: { ($0 as? SerfError)?.code == .state }
    #expect(throws: SerfError.self) { try SerfNode(transport: MemoryHub().transport(), configuration: SerfConfiguration(name: "")) }
  }

  @Test("the log has one line at info for each stage of a node's life")
  func lifeLines() async throws {
    let hub = MemoryHub()
    let first = try await cluster(of: ["a"], on: hub)[0]
    let through = try await first.localAddress().description
    let recorder = LineRecorder()
    let node = try SerfNode(
      transport: hub.transport(), configuration: SerfConfiguration.test("b"), logger: Logger(label: "serf") { _ in recorder.handler })
    let own = try await node.localAddress().description
    try await node.join([through])
    try await node.leave()
    try await node.leave()
    await node.shutdown()
    await first.shutdown()
    let lines = recorder.entries.filter { $0.level == .info && $0.metadata["serf.member"] == "b" && !$0.text.hasPrefix("EventMember") }
    #expect(lines.map(\.text) == ["started on \(own)", "joined through \(through)", "leaving", "left"])
    #expect(lines.first?.metadata["serf.address"] == own)
    #expect(recorder.lines.contains("debug join: \(through): joined"))
  }

  @Test("a subscriber that never reads loses no member's latest state and holds bounded memory")
  func slowSubscriber() async throws {
    let lines = LineRecorder()
    let nodes = try await cluster(of: ["a", "b"], logger: Logger(label: "serf") { _ in lines.handler })
    let idle = nodes[0].events()
    let changes = nodes[0].memberEvents()
    let sent = idle.bufferLimit + 500
    #expect(idle.bufferLimit == 1_024)
    for index in 0..<sent { try await nodes[0].userEvent("flood-\(index % 7)") }
    try await nodes[1].setTags(["late": "yes"])
    try await eventually("the tag arrives") { try await nodes[0].members().last?.tags == ["late": "yes"] }
    #expect(idle.dropped > 0)
    #expect(changes.waiting > 0 && changes.dropped == 0)
    let statistics = try await nodes[0].statistics()
    #expect(statistics["subscriptions"] == 2)
    #expect(statistics["events_dropped"] == UInt64(idle.dropped))
    #expect(statistics["events_waiting"] == UInt64(idle.waiting + changes.waiting))
    for node in nodes { await node.shutdown() }
    #expect(lines.lines.filter { $0.contains("subscriber") }.count == 1, "the first loss is a warning, the next ones are not")
    #expect(lines.contains("warning", "too slow", "more than 1024 events"))
    var users = 0
    var last: MemberEvent?
    for await event in idle {
      switch event {
      case .user: users += 1
      case .query: break
      case .member(let change): last = change
      }
    }
    #expect(users > 0 && users <= idle.bufferLimit)
    #expect(users + idle.dropped == sent)
    #expect(last?.kind == .update && last?.members.first?.tags == ["late": "yes"])
  }
}

extension SerfNode {
  fileprivate func alive() async throws -> [NodeName] { try await members().filter { $0.status == .alive }.map(\.name) }
  fileprivate func status(of name: NodeName) async throws -> MemberStatus? { try await members().first { $0.name == name }?.status }
}
