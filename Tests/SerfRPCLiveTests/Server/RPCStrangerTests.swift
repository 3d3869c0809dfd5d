import RPCTestSupport
import Serf
import SerfAgent
import SerfClient
import Synchronization
import Testing

/// Clients that have not introduced themselves, and clients that only make requests that are refused.
@Suite("RPC server and strangers")
struct RPCStrangerTests {
  private let node = FakeNode(.local("n1", port: 1))
  private let printed = Printed()
  private let log: AgentLog
  private let console: Console

  /// What was written to the console.
  private final class Printed: Sendable {
    private let lines = Mutex<[String]>([])
    func append(_ text: String) { lines.withLock { $0.append(text) } }
    func lines(with text: String) -> [String] { lines.withLock { $0.filter { $0.contains(text) } } }
  }

  init() {
    console = Console { [printed] in printed.append($0) }
    log = AgentLog(console: console, level: .info) { "T" }
    log.release()
  }

  private func lines(with text: String) -> [String] {
    console.flush()
    return printed.lines(with: text)
  }

  @Test(
    "beside 300 clients that never introduce themselves commands are served, because the oldest of them make room",
    arguments: [[], handshake, Array(handshake.prefix(10))])
  func halfOpen(bytes: [UInt8]) async throws {
    try await ServerFixture.run(node, authKey: "sekret", log: log, patience: .seconds(3600)) { server in
      let resident = try await server.connect(authKey: "sekret")
      let opened = ServerFixture.Counter()
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<300 {
          group.addTask {
            _ = try? await RawClient.connect(to: server.port) { client in
              if !bytes.isEmpty { try await client.send(bytes) }
              opened.increment()
              _ = try await client.receiveToEnd()
            }
          }
        }
        await #expect(throws: Never.self) {
          try await until { opened.count == 300 }
          for _ in 0..<5 {
            let client = try await server.connect(authKey: "sekret")
            #expect(try await client.members().count == 1)
            await client.close()
          }
          #expect(try await resident.members().count == 1)
        }
        group.cancelAll()
      }
      await resident.close()
      #expect(lines(with: "had not completed the handshake, and a new client needed its place").count == 1)
    }
  }

  @Test("the third wrong key ends the connection with its answer")
  func wrongKeys() async throws {
    try await ServerFixture.run(node, authKey: "sekret") { server in
      let bytes = try await RawClient.connect(to: server.port) { client in
        // Not one byte more than the server reads: unread bytes would turn its close into a reset, which may overtake the answers.
        let requests = (2...4).flatMap { RequestHeader(command: "auth", sequence: $0).encoded + AuthRequest(authKey: "wrong").encoded }
        try await client.send(handshake + requests)
        return try await client.receiveToEnd()
      }
      let refusals = (2...4).flatMap { ResponseHeader(sequence: $0, error: "Invalid authentication token").encoded }
      #expect(bytes == ResponseHeader(sequence: 1).encoded + refusals)
    }
  }

  @Test(
    "more than 64 KiB from a client that has not introduced itself end the connection; one that has may send more", .timeLimit(.minutes(1)))
  func budget() async throws {
    let large = [String](repeating: String(repeating: "x", count: 1000), count: 100)
    let join = RequestHeader(command: "join", sequence: 3).encoded + JoinRequest(existing: large).encoded
    try await ServerFixture.run(node, authKey: "sekret", log: log, patience: .seconds(3600)) { server in
      let answered = try await RawClient.connect(to: server.port) { client in
        try await client.send(handshake)
        var answered = try await client.receive(ResponseHeader(sequence: 1).encoded.count)
        try? await client.send(join)
        answered += (try? await client.receiveToEnd()) ?? []
        return answered
      }
      #expect(answered == ResponseHeader(sequence: 1).encoded)
      try await until { lines(with: "it sent more than 65536 bytes before it completed the handshake").count == 1 }
      let client = try await server.connect(authKey: "sekret")
      #expect(try await client.join(large) == 1)
      await client.close()
    }
  }

  @Test("many small requests count against the same 64 KiB", .timeLimit(.minutes(1)))
  func smallRequests() async throws {
    let request = RequestHeader(command: "members", sequence: 2).encoded
    try await ServerFixture.run(node, authKey: "sekret", patience: .seconds(3600)) { server in
      let answered = try await RawClient.connect(to: server.port) { client in
        try await client.send(handshake)
        // A client that ends by itself would end only after all of them.
        for _ in 0..<10_000 { guard (try? await client.send(request)) != nil else { break } }
        return (try? await client.receiveToEnd()) ?? []
      }
      #expect(answered.count < 10_000 * ResponseHeader(sequence: 2, error: "Authentication required").encoded.count)
    }
  }

  @Test("refused requests write one line in ten seconds for each command and host, and the next one counts those left out")
  func refusedRequests() async throws {
    let clock = ServerFixture.TestClock()
    try await ServerFixture.run(node, log: log, clock: clock) { server in
      for round in 1...2 {
        let client = try await server.connect()
        for _ in 0..<500 { await #expect(throws: SerfRPCError.self) { _ = try await client.events("bogus") } }
        await #expect(throws: SerfRPCError.self) { _ = try await client.monitor(level: "bogus") }
        await client.close()
        #expect(lines(with: "'stream': Invalid event filter").count == round)
        #expect(lines(with: "'monitor': Unknown log level: BOGUS").count == round)
        clock.advance(by: .seconds(10))
      }
      #expect(lines(with: "(and 499 more like it)").count == 1)
    }
  }

  @Test("clients come and go by the hundred with one line in ten seconds for each host")
  func manyClients() async throws {
    let clock = ServerFixture.TestClock()
    try await ServerFixture.run(node, log: log, clock: clock) { server in
      for _ in 0..<200 { await (try server.connect()).close() }
      #expect(lines(with: "Accepted client: 127.0.0.1:").count == 1)
      clock.advance(by: .seconds(10))
      await (try server.connect()).close()
      #expect(lines(with: "Accepted client: 127.0.0.1:").last?.hasSuffix("(and 199 more like it)\n") == true)
    }
  }

  @Test("names of commands that we do not know neither escape the limit nor fill the log")
  func unknownCommands() async throws {
    try await ServerFixture.run(node, log: log) { server in
      for index in 0..<20 {
        let name = "\(index)" + String(repeating: "x", count: 500_000)
        let answer = try await RawClient.connect(to: server.port) { client in
          try await client.send(handshake)
          _ = try await client.receive(ResponseHeader(sequence: 1).encoded.count)
          try await client.send(RequestHeader(command: name, sequence: 2).encoded)
          return try await client.receiveToEnd()
        }
        #expect(answer == ResponseHeader(sequence: 2, error: "Unsupported command").encoded)
      }
      let refused = lines(with: "Unsupported command")
      #expect(refused.count == 1 && refused.allSatisfy { $0.utf8.count < 1500 })
    }
  }
}

private let handshake = RequestHeader(command: "handshake", sequence: 1).encoded + HandshakeRequest().encoded
