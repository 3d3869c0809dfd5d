import RPCTestSupport
import SerfClient
import SerfPrimitives
import Testing
import VectorSupport

/// The client against an agent that plays a script.
@Suite("RPC client")
struct ClientTests {
  private static let handshake = script(
    [(true, RequestHeader(command: "handshake", sequence: 1).encoded + HandshakeRequest().encoded), (false, answer(1))])

  @Test("the handshake is Go's, byte for byte")
  func handshake() async throws {
    let (sent, _) = try await ScriptedAgent.run([Self.handshake]) { address in
      await (try SerfRPCClient.connect(to: address)).close()
    }
    #expect(sent.map(\.hex) == ["82a7436f6d6d616e64a968616e647368616b65a35365710181a756657273696f6e01"])
  }

  @Test("answers find their callers by sequence number, in any order")
  func outOfOrder() async throws {
    let filter = MemberFilter(name: "n1")
    let members = MembersResponse(members: [AgentMember(name: "n1", address: nil, status: "alive")])
    // Both requests have arrived before the first answer; which of them got number 2 is a race, but both answers fit both.
    let request = RequestHeader(command: "members-filtered", sequence: 2).encoded + filter.encoded
    let script = Self.handshake + script([(true, request + request), (false, answer(3) + members.encoded + answer(2) + members.encoded)])
    try await ScriptedAgent.run([script]) { address in
      let client = try await SerfRPCClient.connect(to: address)
      async let first = client.members(matching: filter)
      async let second = client.members(matching: filter)
      let both = try await (first, second)
      #expect(both.0 == members.members && both.1 == members.members)
      await client.close()
    }
  }

  @Test("an error of the agent is thrown with its text, and the connection goes on")
  func refusal() async throws {
    let event = RequestHeader(command: "event", sequence: 2).encoded + EventRequest(coalesce: true, name: "x").encoded
    let script =
      Self.handshake
      + script([
        (true, event), (false, answer(2, error: "too large")), (true, RequestHeader(command: "leave", sequence: 3).encoded),
        (false, answer(3)),
      ])
    try await ScriptedAgent.run([script]) { address in
      let client = try await SerfRPCClient.connect(to: address)
      await #expect(throws: SerfRPCError.refused("too large")) { try await client.userEvent("x") }
      try await client.leave()
      await client.close()
    }
  }

  @Test("a second copy of a refusal, which Go sends when authentication is missing, does no harm")
  func doubleRefusal() async throws {
    let refused = answer(2, error: "Authentication required")
    let filter = RequestHeader(command: "members-filtered", sequence: 2).encoded + MemberFilter().encoded
    let script =
      Self.handshake
      + script([
        (true, filter), (false, refused + refused), (true, RequestHeader(command: "leave", sequence: 3).encoded), (false, answer(3)),
      ])
    try await ScriptedAgent.run([script]) { address in
      let client = try await SerfRPCClient.connect(to: address)
      await #expect(throws: SerfRPCError.refused("Authentication required")) { try await client.members(matching: MemberFilter()) }
      try await client.leave()
      await client.close()
    }
  }

  @Test("a stream yields its records in order, and a stop is sent when the loop is left")
  func stream() async throws {
    let events = (1...3).map { AgentEvent.user(.init(name: "e\($0)", payload: nil, time: $0, coalesce: false)) }
    let request = RequestHeader(command: "stream", sequence: 2).encoded + StreamRequest(type: "user").encoded
    let stop = RequestHeader(command: "stop", sequence: 3).encoded + StopRequest(stop: 2).encoded
    let records = events.flatMap { answer(2) + $0.encoded }
    let script = Self.handshake + script([(true, request), (false, answer(2) + records), (true, stop), (false, answer(3))])
    let (sent, _) = try await ScriptedAgent.run([script]) { address in
      let client = try await SerfRPCClient.connect(to: address)
      var seen: [AgentEvent] = []
      for try await event in try await client.events("user") {
        seen.append(event)
        if seen.count == 3 { break }
      }
      #expect(seen == events)
      await client.close()
    }
    #expect(sent.first?.suffix(stop.count) == stop[...])
  }

  @Test("a reader that does not keep up loses the newest records, counted, and still hears why the stream ended")
  func slowReader() async throws {
    let limit = RPCStream<String>.bufferLimit
    let request = RequestHeader(command: "monitor", sequence: 2).encoded + MonitorRequest(logLevel: "INFO").encoded
    let records = (0..<limit + 10).flatMap { answer(2) + LogRecord(line: "\($0)").encoded }
    let marker = RequestHeader(command: "leave", sequence: 3).encoded
    let script = Self.handshake + script([(true, request), (false, answer(2) + records), (true, marker), (false, answer(3))])
    try await ScriptedAgent.run([script]) { address in
      let client = try await SerfRPCClient.connect(to: address)
      let lines = try await client.monitor()
      // Its answer comes after all records.
      try await client.leave()
      await client.close()
      var count = 0
      await #expect(throws: SerfRPCError.closed) { for try await line in lines where line == "\(count)" { count += 1 } }
      #expect(count == limit && lines.dropped == 10)
    }
  }

  @Test("a connection that ends in the middle fails the call, and the stream")
  func closed() async throws {
    let request = RequestHeader(command: "monitor", sequence: 2).encoded + MonitorRequest(logLevel: "INFO").encoded
    let broken = Self.handshake + script([(true, request), (false, answer(2)), (false, Array(answer(2).prefix(5)))])
    await #expect(throws: SerfRPCError.closed) {
      try await ScriptedAgent.run([broken], closesAtEnd: true) { address in
        let client = try await SerfRPCClient.connect(to: address)
        for try await _ in try await client.monitor() {}
      }
    }
  }

  @Test(
    "what is no answer of the protocol ends the connection with an error that says so",
    arguments: [[0x05], Array("HTTP/1.1 400 Bad Request\r\n".utf8), [0xc1], [0xdd, 0xff, 0xff, 0xff, 0xff], answer(9)] as [[UInt8]])
  func malformed(answer: [UInt8]) async throws {
    let request = RequestHeader(command: "handshake", sequence: 1).encoded + HandshakeRequest().encoded
    try await ScriptedAgent.run([script([(true, request), (false, answer)])]) { address in
      let error = await #expect(throws: SerfRPCError.self) { _ = try await SerfRPCClient.connect(to: address) }
      guard case .malformed = error else {
        Issue.record("not malformed but \(String(describing: error))")
        return
      }
    }
  }

  @Test("a cancelled call ends at once, although the agent never answers")
  func cancellation() async throws {
    let script = Self.handshake + script([(true, RequestHeader(command: "leave", sequence: 2).encoded)])
    try await ScriptedAgent.run([script]) { address in
      let client = try await SerfRPCClient.connect(to: address)
      let call = Task { try await client.leave() }
      call.cancel()
      await #expect(throws: SerfRPCError.cancelled) { try await call.value }
      await client.close()
    }
  }

  @Test("without an agent the error names the address and the system's reason")
  func unreachable() async throws {
    await #expect(throws: SerfRPCError.unreachable(address: "127.0.0.1:1", reason: "connection refused")) {
      try await SerfRPCClient.connect(to: "127.0.0.1:1")
    }
  }

  @Test("a caller can pick an error in a catch with a condition, and log it")
  func catching() async throws {
    func log(_ message: @autoclosure () -> String) -> String { message() }
    func attempt() async throws -> String {
      do {
        _ = try await SerfRPCClient.connect(to: "nowhere:port")
      } catch let error as SerfRPCError where error != .closed { return log("\(error)") }
      return ""
    }
    #expect(try await attempt().contains("this is not host:port"))
  }

  @Test(
    "addresses",
    arguments: [
      ("127.0.0.1:99", "127.0.0.1", 99), ("localhost", "localhost", 7373), ("[::1]:5", "::1", 5), ("[::1]", "::1", 7373),
      ("::1", "::1", 7373),
    ] as [(String, String, UInt16)])
  func addresses(text: String, host: String, port: UInt16) throws {
    let parsed = try #require(hostAndPort(text, defaultPort: 7373))
    #expect(parsed.host == host && parsed.port == port)
  }

  @Test("texts that are no address", arguments: ["", ":80", "a:", "a:b", "a:99999", "[::1", "[::1]x", "[::1]:", ":::", "a:b:c"])
  func noAddresses(text: String) {
    #expect(hostAndPort(text, defaultPort: 7373) == nil)
  }
}

/// The header of an answer.
private func answer(_ sequence: UInt64, error: String = "") -> [UInt8] { ResponseHeader(sequence: sequence, error: error).encoded }

private func script(_ frames: [(Bool, [UInt8])]) -> [Transcript.Frame] {
  frames.map { Transcript.Frame(isFromClient: $0.0, bytes: $0.1) }
}
