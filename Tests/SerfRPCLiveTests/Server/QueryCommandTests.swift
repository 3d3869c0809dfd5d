import RPCTestSupport
import Serf
import SerfAgent
import SerfClient
import SerfPrimitives
import Synchronization
import Testing

/// The RPC's `query` and `respond`, between our client and our server over a node that is a table.
@Suite("RPC queries", .timeLimit(.minutes(1)))
struct QueryCommandTests {
  private let node = FakeNode(.local("n1", port: 1))

  private func serve(_ body: @Sendable @escaping (ServerFixture, SerfRPCClient) async throws -> Void) async throws {
    try await ServerFixture.run(node) { server in
      let client = try await server.connect()
      do {
        try await body(server, client)
      } catch {
        await client.close()
        throw error
      }
      await client.close()
    }
  }

  @Test("a query reaches the node with its options; its replies come as records, and the stream ends with the query")
  func query() async throws {
    let replies: [AgentQueryReply] = [.acknowledgement("n1"), .answer("n1", [1, 2]), .answer("n2", nil)]
    node.state.withLock { $0.replies = replies }
    try await serve { server, client in
      var options = AgentQueryOptions()
      options.members = ["n1", "n2"]
      options.tags = ["role": "web", "dc": "a"]
      options.relayFactor = 2
      options.timeout = .milliseconds(1_500)
      var seen: [AgentQueryReply] = []
      for try await reply in try await client.query("load", payload: Array("now".utf8), options: options) { seen.append(reply) }
      #expect(seen == replies)
      #expect(
        server.node.calls == [
          "ask load now true 2 members([n1, n2]) tag(\"dc\", matching: \"a\") tag(\"role\", matching: \"web\") 1.5 seconds"
        ])
      options = AgentQueryOptions()
      options.wantsAcks = false
      seen = []
      for try await reply in try await client.query("again", options: options) { seen.append(reply) }
      #expect(seen == replies && server.node.calls.last == "ask again  false 0")
    }
  }

  @Test("the end of a query comes a moment after its last reply, or Go's command line may drop that")
  func end() async throws {
    node.state.withLock { $0.replies = [.answer("n1", [1])] }
    try await serve { _, client in
      var last = ContinuousClock.now
      for try await _ in try await client.query("load") { last = .now }
      #expect(ContinuousClock.now - last > .milliseconds(50))
    }
  }

  @Test("names of the cluster's own queries are refused, except a ping without a payload")
  func internalNames() async throws {
    try await serve { server, client in
      for (name, payload) in [("_serf_conflict", nil), ("_serf_foo", [1]), ("_serf_ping", [1])] as [(String, [UInt8]?)] {
        await #expect(throws: SerfRPCError.refused("Queries cannot contain the '_serf_' prefix")) {
          _ = try await client.query(name, payload: payload)
        }
      }
      for try await _ in try await client.query("_serf_ping") {}
      #expect(server.node.calls == ["ask _serf_ping  true 0"])
    }
  }

  @Test("what the node refuses is the answer, and the connection goes on")
  func refused() async throws {
    node.state.withLock { $0.failures["ask"] = SerfError(.tooLarge, "the query is too large") }
    try await serve { _, client in
      await #expect(throws: SerfRPCError.refused("the query is too large")) { _ = try await client.query("load") }
      let members = try await client.members()
      #expect(members.count == 1)
    }
  }

  @Test("a query whose reader leaves the loop, or whose client goes, is ended at the node; a number in use is refused")
  func abandoned() async throws {
    node.state.withLock { ($0.replies, $0.queriesGoOn) = ([.acknowledgement("n1")], true) }
    try await serve { server, client in
      for try await reply in try await client.query("load") {
        #expect(reply == .acknowledgement("n1"))
        break
      }
      try await until { server.node.state.withLock { $0.openQueries } == 0 }
      try await RawClient.connect(to: server.port) { raw in
        let query = RequestHeader(command: "query", sequence: 2).encoded + QueryRequest(name: "load").encoded
        try await raw.send(RequestHeader(command: "handshake", sequence: 1).encoded + HandshakeRequest().encoded + query + query)
        let refusal = ResponseHeader(sequence: 2, error: "Stream with given sequence exists").encoded
        var bytes: [UInt8] = []
        // The first query's record may come before it or after it.
        while !bytes.contains(refusal) { bytes += try await raw.receiveSome() }
        #expect(server.node.state.withLock { $0.openQueries } == 1)
      }
      try await until { server.node.state.withLock { $0.openQueries } == 0 }
    }
  }

  @Test("a query that a stream has shown is answered by its number: once, on this connection, before its deadline")
  func respond() async throws {
    @Sendable func query(_ name: String, timeout: Duration) -> SerfEvent {
      .query(SerfQuery(id: .init(time: 7, number: 9), nameBytes: Array(name.utf8), payload: [1], source: "n2", timeout: timeout))
    }
    try await serve { server, client in
      let stream = try await client.events("query:load")
      try await until { server.node.subscriberCount == 1 }
      server.node.post(query("other", timeout: .seconds(60)))
      server.node.post(query("load", timeout: .seconds(60)))
      server.node.post(query("load", timeout: .zero))
      var numbers: [UInt64] = []
      for try await event in stream {
        guard case .query(let query) = event else { continue }
        #expect(query.name == "load" && query.payload == [1] && query.time == 7)
        numbers.append(query.id)
        if numbers.count == 2 { break }
      }
      #expect(numbers == [1, 2])
      let stranger = try await server.connect()
      await #expect(throws: SerfRPCError.refused("No pending queries matching ID")) { try await stranger.respond(to: 1) }
      await stranger.close()
      await #expect(throws: SerfRPCError.refused("No pending queries matching ID")) { try await client.respond(to: 2) }
      server.node.state.withLock { $0.failures["answer"] = SerfError(.tooLarge, "the answer is too large") }
      await #expect(throws: SerfRPCError.refused("the answer is too large")) { try await client.respond(to: 1, payload: [1]) }
      server.node.state.withLock { $0.failures = [:] }
      try await client.respond(to: 1, payload: Array("0.5".utf8))
      await #expect(throws: SerfRPCError.refused("failed to respond to key query: response already sent")) {
        try await client.respond(to: 1, payload: Array("0.6".utf8))
      }
      #expect(server.node.calls.last == "answer load 0.5")
    }
  }
}
