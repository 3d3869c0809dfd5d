import MemoryTransport
import Serf
import SerfTestSupport
import SerfTransport
import Testing

/// The public API of queries over the transport in memory.
@Suite("A query") struct QueryTests {
  private func cluster(of names: [NodeName]) async throws -> [SerfNode] {
    let hub = MemoryHub()
    var nodes: [SerfNode] = []
    for name in names {
      let node = try SerfNode(transport: hub.transport(), configuration: SerfConfiguration.test(name, tags: ["from": "\(name)"]))
      try await node.start()
      if let first = nodes.first { #expect(try await node.join([first.localAddress().description]) == 1) }
      nodes.append(node)
    }
    for node in nodes { try await node.waitForMembers(within: .seconds(20)) { $0.alive.count == names.count } }
    return nodes
  }

  /// Answers every query of this name with the node's own name.
  private func answer(_ name: String, at nodes: [SerfNode]) -> [Task<Void, any Error>] {
    nodes.map { node in
      let queries = node.queries(named: name)
      return Task { for await query in queries { try await node.respond(to: query, with: node.name.description.utf8) } }
    }
  }

  @Test("is answered by all members, the asking one included, and then ends at once")
  func all() async throws {
    let nodes = try await cluster(of: ["a", "b", "c"])
    let tasks = answer("load", at: nodes)
    var options = SerfQuery.Options()
    options.timeout = .seconds(600)
    options.wantsAcks = true
    let answers = try await nodes[0].query("load", payload: "now".utf8, options: options)
    var got: [String: String] = [:]
    for try await answer in answers { got[answer.from.description] = answer.payload.string }
    #expect(got == ["a": "a", "b": "b", "c": "c"])
    let summary = try await answers.summary()
    #expect(summary.asked == 3 && summary.answered == 3 && summary.isComplete)
    var acks: Set<NodeName> = []
    for try await member in answers.acknowledgements { acks.insert(member) }
    #expect(acks.isSubset(of: ["a", "b", "c"]) && acks.contains("a"))
    for node in nodes { await node.shutdown() }
    for task in tasks { try await task.value }
  }

  @Test("ends when its time is over, and says how many answered")
  func deadline() async throws {
    let nodes = try await cluster(of: ["a", "b"])
    let tasks = answer("load", at: [nodes[1]])
    var options = SerfQuery.Options()
    options.timeout = .milliseconds(500)
    let answers = try await nodes[0].query("load", options: options)
    #expect(try await answers.reduce(into: []) { $0.append($1.from) } == ["b"])
    #expect(try await answers.summary() == QuerySummary(asked: 2, acknowledged: 0, answered: 1, isComplete: false))
    for node in nodes { await node.shutdown() }
    for task in tasks { try await task.value }
  }

  @Test("reaches those that its filters address, with its content and its name")
  func content() async throws {
    let nodes = try await cluster(of: ["a", "b", "c"])
    let queries = nodes.map { $0.queries() }
    var options = SerfQuery.Options()
    options.filters = [.tag("from", matching: "^[bc]$"), .members(["a", "b"])]
    _ = try await nodes[2].query("load", payload: "now".utf8, options: options).summary()
    for node in nodes { await node.shutdown() }
    var got: [[String]] = []
    for subscription in queries {
      got.append(await subscription.reduce(into: []) { $0.append("\($1.name) \($1.payload.string) of \($1.source)") })
    }
    #expect(got == [[], ["load now of c"], []])
  }

  @Test("is answered once, in time, and within the limit")
  func refusals() async throws {
    let node = try await cluster(of: ["a"])[0]
    let queries = node.queries()
    var options = SerfQuery.Options()
    options.timeout = .milliseconds(100)
    let answers = try await node.query("load", options: options)
    let query = try #require(await queries.first { _ in true })
    let large = await #expect(throws: SerfError.self) { try await node.respond(to: query, with: [UInt8](repeating: 0, count: 1_024)) }
    #expect(large?.code == .tooLarge)
    try await node.respond(to: query)
    let second = await #expect(throws: SerfError.self) { try await node.respond(to: query) }
    #expect(second?.code == .notAnswerable)
    #expect(try await answers.summary().isComplete)

    let next = try await node.query("load", options: options)
    let late = try #require(await queries.first { _ in true })
    #expect(try await next.summary().answered == 0)
    let error = await #expect(throws: SerfError.self) { try await node.respond(to: late) }
    #expect(error?.code == .notAnswerable)
    await node.shutdown()
  }

  @Test("that cannot be sent says why")
  func mistakes() async throws {
    let node = try await cluster(of: ["a"])[0]
    let large = await #expect(throws: SerfError.self) { _ = try await node.query("q", payload: [UInt8](repeating: 0, count: 1_024)) }
    #expect(large?.code == .tooLarge && large?.message.contains("1025 of name and payload") == true, "\(String(describing: large))")
    var options = SerfQuery.Options()
    options.filters = [.tag("role", matching: "(")]
    let filter = await #expect(throws: SerfError.self) { _ = try await node.query("q", options: options) }
    #expect(filter?.code == .argument && filter?.message.contains("'('") == true, "\(String(describing: filter))")
    options = SerfQuery.Options()
    options.timeout = .seconds(601)
    let timeout = await #expect(throws: SerfError.self) { _ = try await node.query("q", options: options) }
    #expect(timeout?.code == .argument)
    await node.shutdown()
    let state = await #expect(throws: SerfError.self) { _ = try await node.query("q") }
    #expect(state?.code == .state)
  }

  @Test("ends with an error when its node is shut down, and with the task's own when the task is cancelled")
  func ends() async throws {
    let nodes = try await cluster(of: ["a", "b"])
    var options = SerfQuery.Options()
    options.timeout = .seconds(600)
    let answers = try await nodes[0].query("load", options: options)
    let reader = Task { for try await _ in answers {} }
    reader.cancel()
    await #expect(throws: CancellationError.self) { try await reader.value }
    let waiter = Task { try await answers.summary() }
    await nodes[0].shutdown()
    let error = await #expect(throws: SerfError.self) { try await waiter.value }
    #expect(error?.code == .state)
    await nodes[1].shutdown()
  }

  @Test("that nobody holds any more is forgotten")
  func abandoned() async throws {
    let node = try await cluster(of: ["a"])[0]
    var options = SerfQuery.Options()
    options.timeout = .seconds(600)
    _ = try await node.query("load", options: options)
    try await eventually("the query is forgotten") { try await node.statistics()["queries_open"] == 0 }
    let kept = try await node.query("load", options: options)
    #expect(try await node.statistics()["queries_open"] == 1)
    _ = kept.id
    await node.shutdown()
  }
}
