import RPCTestSupport
import SerfClient
import SerfPrimitives
import Testing
import VectorSupport

/// Agents that accept connections, and then do not answer or stop in the middle.
@Suite("RPC client and time")
struct TimeoutTests {
  private static let short = Duration.seconds(2)
  private static let handshake = script([
    (true, RequestHeader(command: "handshake", sequence: 1).encoded + HandshakeRequest().encoded), (false, answer(1)),
  ])

  private func expectTimeout<Value: Sendable>(
    sourceLocation: SourceLocation = #_sourceLocation, _ call: @Sendable () async throws -> Value
  ) async {
    await #expect(throws: SerfRPCError.timedOut(after: Self.short), sourceLocation: sourceLocation) { _ = try await call() }
  }

  @Test("an agent that accepts and says nothing")
  func silent() async throws {
    try await ScriptedAgent.run([[]]) { address in
      await expectTimeout { try await SerfRPCClient.connect(to: address, timeout: Self.short) }
    }
  }

  @Test("an agent that does not answer the key")
  func silentAfterKey() async throws {
    try await ScriptedAgent.run([Self.handshake]) { address in
      await expectTimeout { try await SerfRPCClient.connect(to: address, authKey: "k", timeout: Self.short) }
    }
  }

  @Test("an agent that answers a handshake bit by bit has one time for all of it")
  func halfHandshake() async throws {
    let begun = script([
      (true, RequestHeader(command: "handshake", sequence: 1).encoded + HandshakeRequest().encoded), (false, Array(answer(1).prefix(5))),
    ])
    try await ScriptedAgent.run([begun]) { address in
      await expectTimeout { try await SerfRPCClient.connect(to: address, timeout: Self.short) }
    }
  }

  @Test("a call that is not answered ends, and the next one finds its own answer behind the late one")
  func lateAnswer() async throws {
    let stats = RequestHeader(command: "stats", sequence: 2).encoded
    let event = RequestHeader(command: "event", sequence: 3).encoded + EventRequest(coalesce: true, name: "x").encoded
    let late = answer(2) + AgentStats(sections: ["agent": ["name": "n"]]).encoded
    try await ScriptedAgent.run([Self.handshake + script([(true, stats), (true, event), (false, late + answer(3))])]) { address in
      let client = try await SerfRPCClient.connect(to: address, timeout: Self.short)
      await expectTimeout { try await client.stats() }
      try await client.userEvent("x")
      await client.close()
    }
  }

  @Test("a stream that is not answered ends, and is stopped in case it does begin")
  func silentStream() async throws {
    let monitor = RequestHeader(command: "monitor", sequence: 2).encoded + MonitorRequest(logLevel: "INFO").encoded
    let stop = RequestHeader(command: "stop", sequence: 3).encoded + StopRequest(stop: 2).encoded
    let (sent, _) = try await ScriptedAgent.run([Self.handshake + script([(true, monitor), (true, stop)])]) { address in
      let client = try await SerfRPCClient.connect(to: address, timeout: Self.short)
      await expectTimeout { try await client.monitor() }
      await client.close()
    }
    #expect(sent.first?.suffix(stop.count) == stop[...])
  }

  @Test("an agent that stops in the middle of a record ends the stream; between records the stream may be silent for long")
  func halfRecord() async throws {
    let monitor = RequestHeader(command: "monitor", sequence: 2).encoded + MonitorRequest(logLevel: "INFO").encoded
    let stats = (3...4).map { RequestHeader(command: "stats", sequence: $0).encoded }
    let record = answer(2) + LogRecord(line: "a line").encoded
    let script =
      Self.handshake
      + script([(true, monitor), (false, answer(2)), (true, stats[0]), (true, stats[1]), (false, record + record.dropLast(3))])
    try await ScriptedAgent.run([script]) { address in
      let client = try await SerfRPCClient.connect(to: address, timeout: Self.short)
      let lines = try await client.monitor()
      // Twice the time passes without a record.
      for _ in 0..<2 { await expectTimeout { try await client.stats() } }
      var records = lines.makeAsyncIterator()
      #expect(try await records.next() == "a line")
      let end = await #expect(throws: SerfRPCError.self) { while try await records.next() != nil {} }
      #expect(end == .timedOut(after: Self.short))
      await client.close()
    }
  }

  @Test("a command for which the agent waits for other members gets more time", arguments: [RPCCommand.leave, .tags, .forceLeave, .join])
  func longer(command: RPCCommand) async throws {
    let request: [UInt8] =
      switch command {
      case .leave: []
      case .tags: TagsRequest(set: ["a": "1"]).encoded
      case .forceLeave: ForceLeaveRequest(node: "x").encoded
      default: JoinRequest(existing: ["h"]).encoded
      }
    let slow = RequestHeader(command: command.rawValue, sequence: 2).encoded + request
    let event = RequestHeader(command: "event", sequence: 3).encoded + EventRequest(coalesce: true, name: "x").encoded
    let late = answer(2) + (command == .join ? JoinResponse(count: 1).encoded : [])
    try await ScriptedAgent.run([Self.handshake + script([(true, slow), (true, event), (false, late + answer(3))])]) { address in
      let client = try await SerfRPCClient.connect(to: address, timeout: Self.short)
      async let answered: Void = {
        switch command {
        case .leave: try await client.leave()
        case .tags: try await client.updateTags(setting: ["a": "1"])
        case .forceLeave: try await client.forceLeave("x")
        default: try await client.join(["h"])
        }
      }()
      // The script serves one client; others wait until their time-out. Twice that time passes before the event asks for the answers.
      for _ in 0..<2 { await expectTimeout { try await SerfRPCClient.connect(to: address, timeout: Self.short) } }
      try await client.userEvent("x")
      try await answered
      await client.close()
    }
  }

  @Test("times are written as on the command line")
  func texts() {
    #expect(shortText(.seconds(10)) == "10s" && shortText(.milliseconds(1500)) == "1500ms")
    #expect(SerfRPCError.timedOut(after: .seconds(10)).description == "the agent did not answer within 10s")
  }
}

/// The header of an answer.
private func answer(_ sequence: UInt64) -> [UInt8] { ResponseHeader(sequence: sequence).encoded }

private func script(_ frames: [(Bool, [UInt8])]) -> [Transcript.Frame] {
  frames.map { Transcript.Frame(isFromClient: $0.0, bytes: $0.1) }
}
