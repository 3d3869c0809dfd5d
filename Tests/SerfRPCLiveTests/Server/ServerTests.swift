import Logging
import RPCTestSupport
import Serf
import SerfAgent
import SerfClient
import SerfTestSupport
import Synchronization
import Testing
import VectorSupport

@Suite("RPC server")
struct ServerTests {
  private let node = FakeNode(
    .local("n1", port: 1), others: [.local("n2", port: 2, tags: ["role": "db"]), .local("x9", port: 3, status: .failed)])

  @Test("verbs reach the node with their arguments")
  func verbs() async throws {
    try await ServerFixture.run(node) { server in
      let client = try await server.connect()
      try await client.userEvent("deploy", payload: Array("now".utf8), coalesce: false)
      try await client.forceLeave("x9", prune: true)
      try await client.updateTags(setting: ["a": "1", "b": "2"])
      try await client.updateTags(setting: ["b": "3"], deleting: ["a"])
      #expect(try await client.join(["h1", "n/h2:3"], replay: true) == 1)
      #expect(
        server.node.calls == [
          "userEvent deploy now false", "forceLeave x9 prune", "setTags a=1,b=2", "setTags b=3", "join h1,n/h2:3 replay",
        ])
      await client.close()
    }
  }

  @Test(
    "member filters are patterns for the whole text, put between anchors",
    arguments: [
      (MemberFilter(), ["n1", "n2", "x9"]), (MemberFilter(name: "n"), []), (MemberFilter(name: "n."), ["n1", "n2"]),
      (MemberFilter(name: "n1|9"), ["n1", "x9"]), (MemberFilter(status: "failed"), ["x9"]), (MemberFilter(tags: ["role": "d[ab]"]), ["n2"]),
      (MemberFilter(tags: ["role": ""]), ["n1", "x9"]), (MemberFilter(name: "n.", status: "alive", tags: ["role": ".+"]), ["n2"]),
    ] as [(MemberFilter, [NodeName])])
  func filters(filter: MemberFilter, names: [NodeName]) async throws {
    try await ServerFixture.run(node) { server in
      let client = try await server.connect()
      #expect(try await client.members(matching: filter).map(\.name) == names)
      await client.close()
    }
  }

  @Test("a bad pattern is an error that says where it is bad, and the connection goes on")
  func badPattern() async throws {
    try await ServerFixture.run(node) { server in
      let client = try await server.connect()
      let error = await #expect(throws: SerfRPCError.self) { try await client.members(matching: MemberFilter(tags: ["role": "(a"])) }
      #expect(error?.description.hasPrefix("bad pattern for the tag 'role': ") == true)
      #expect(try await client.members().count == 3)
      await client.close()
    }
  }

  @Test("whatever a verb of the node throws, its description is the answer")
  func failures() async throws {
    struct Foreign: Error, CustomStringConvertible { let description = "the disk is full" }
    try await ServerFixture.run(node) { server in
      server.node.state.withLock { $0.failures = ["userEvent": Foreign(), "join": SerfError(.joinFailed, "none of 1", cause: Foreign())] }
      let client = try await server.connect()
      await #expect(throws: SerfRPCError.refused("the disk is full")) { try await client.userEvent("deploy") }
      await #expect(throws: SerfRPCError.refused("none of 1: the disk is full")) { try await client.join(["h1"]) }
      await client.close()
    }
  }

  @Test("with a key, nothing but the handshake is answered before the right one")
  func authentication() async throws {
    try await ServerFixture.run(node, authKey: "sekret") { server in
      let without = try await server.connect()
      await #expect(throws: SerfRPCError.refused("Authentication required")) { try await without.members() }
      await #expect(throws: SerfRPCError.refused("Authentication required")) { try await without.updateTags(setting: ["a": "b"]) }
      await without.close()
      for wrong in ["sekre", "sekret1", "SEKRET", "x"] {
        await #expect(throws: SerfRPCError.refused("Invalid authentication token")) { try await server.connect(authKey: wrong) }
      }
      let client = try await server.connect(authKey: "sekret")
      #expect(try await client.members().count == 3)
      await client.close()
      #expect(server.node.calls == ["members"])
    }
  }

  @Test("a client that does not introduce itself in time is sent away; one that did may stay")
  func patience() async throws {
    try await ServerFixture.run(node, authKey: "sekret", patience: .seconds(5)) { server in
      let client = try await server.connect(authKey: "sekret")
      let silent = try await RawClient.connect(to: server.port) { client in
        try await client.send(handshake)
        return try await client.receiveToEnd()
      }
      #expect(silent == ResponseHeader(sequence: 1).encoded)
      #expect(try await client.members().count == 3)
      await client.close()
    }
  }

  @Test("an error that names a setting of the library has the agent's flag in the answer")
  func flags() async throws {
    node.state.withLock { $0.failures["join"] = SerfError(.joinFailed, "set SerfConfiguration.allowedNetworks") }
    try await ServerFixture.run(node) { server in
      let client = try await server.connect()
      await #expect(throws: SerfRPCError.refused("set -allow")) { try await client.join(["h"]) }
      await client.close()
    }
  }

  @Test("an unknown command is answered with an error, and the connection ends")
  func unknownCommand() async throws {
    try await ServerFixture.run(node) { server in
      let bytes = try await RawClient.connect(to: server.port) { client in
        try await client.send(handshake + RequestHeader(command: "explode", sequence: 2).encoded)
        return try await client.receiveToEnd()
      }
      #expect(bytes == ResponseHeader(sequence: 1).encoded + ResponseHeader(sequence: 2, error: "Unsupported command").encoded)
    }
  }

  @Test(
    "garbage ends the connection without an answer, and the server goes on",
    arguments: [
      [0xc1], Array("GET / HTTP/1.1\r\n\r\n".utf8), [0xdb, 0x7f, 0xff, 0xff, 0xff], [0xdd, 0xff, 0xff, 0xff, 0xff],
      [UInt8](repeating: 0x91, count: 100), [0xc6, 0x00, 0x10, 0x00, 0x01],
    ] as [[UInt8]])
  func garbage(bytes: [UInt8]) async throws {
    try await ServerFixture.run(node) { server in
      let answer = try await RawClient.connect(to: server.port) { client in
        try await client.send(bytes)
        return try await client.receiveToEnd()
      }
      #expect(answer == [] || answer == ResponseHeader(sequence: 0, error: "Handshake required").encoded)
      let client = try await server.connect()
      #expect(try await client.members().count == 3)
      await client.close()
    }
  }

  @Test("a frame above one mebibyte is refused before it is buffered, although it arrives bit by bit")
  func oversized() async throws {
    try await ServerFixture.run(node) { server in
      let answer = try await RawClient.connect(to: server.port) { client in
        try await client.send(
          handshake + RequestHeader(command: "join", sequence: 2).encoded + [0x81, 0xa8] + Array("Existing".utf8) + [0xdd, 0, 0x20, 0, 0])
        return try await client.receiveToEnd()
      }
      #expect(answer == ResponseHeader(sequence: 1).encoded)
    }
  }

  @Test("requests that arrive one byte at a time are answered as well")
  func trickle() async throws {
    try await ServerFixture.run(node) { server in
      let bytes = try await RawClient.connect(to: server.port) { client in
        for byte in handshake + RequestHeader(command: "members", sequence: 2).encoded { try await client.send([byte]) }
        return try await client.receive(26)
      }
      #expect(bytes == ResponseHeader(sequence: 1).encoded + ResponseHeader(sequence: 2).encoded)
    }
  }

  @Test("events reach each stream that wants them, once")
  func streams() async throws {
    try await ServerFixture.run(node) { server in
      let client = try await server.connect()
      let all = try await client.events("user,*")
      let some = try await client.events("user:deploy,member-failed")
      await #expect(throws: SerfRPCError.refused("Invalid event filter")) { _ = try await client.events("bogus") }
      try await until { server.node.subscriberCount == 2 }
      server.node.post(.user(UserEvent(time: 7, nameBytes: Array("other".utf8), payload: [], coalesce: true)))
      server.node.post(.user(UserEvent(time: 8, nameBytes: Array("deploy".utf8), payload: [1], coalesce: false)))
      server.node.post(.member(MemberEvent(.failed, [.local("n2", port: 2, status: .failed)])))
      let other = AgentEvent.user(.init(name: "other", payload: nil, time: 7, coalesce: true))
      let deploy = AgentEvent.user(.init(name: "deploy", payload: [1], time: 8, coalesce: false))
      let failed = AgentEvent.members(
        "member-failed", [AgentMember(name: "n2", address: NodeAddress(ipv4: 127, 0, 0, 1, port: 2), status: "failed")])
      #expect(try await first(3, of: all) == [other, deploy, failed])
      #expect(try await first(2, of: some) == [deploy, failed])
      await client.close()
    }
  }

  @Test("what happens before the answer to its request reaches the client is in the stream")
  func streamBeforeItsAnswer() async throws {
    // More than the kernel holds for a connection: while the client does not read this answer, the next one is not written.
    node.state.withLock { $0.others = (0..<48).map { .local("m\($0)", port: 2, tags: ["big": String(repeating: "x", count: 1 << 20)]) } }
    try await ServerFixture.run(node) { server in
      let requests =
        RequestHeader(command: "members", sequence: 2).encoded + RequestHeader(command: "stream", sequence: 3).encoded
        + StreamRequest(type: "*").encoded
      let header = ResponseHeader(sequence: 3).encoded
      let event = AgentEvent.user(.init(name: "early", payload: [1], time: 7, coalesce: false))
      let expected = header + header + event.encoded
      let end = try await RawClient.connect(to: server.port) { client in
        try await client.send(handshake + requests)
        try await until { server.node.subscriberCount == 1 }
        try #require(server.node.subscriberCount == 1)
        server.node.post(.user(UserEvent(time: 7, nameBytes: Array("early".utf8), payload: [1], coalesce: false)))
        var end: [UInt8] = []
        while end != expected {
          let bytes = try await client.receiveSome()
          if bytes.isEmpty { break }
          end = (end + bytes).suffix(expected.count)
        }
        return end
      }
      #expect(end == expected)
    }
  }

  @Test("a stream whose answer cannot be written is not subscribed any longer")
  func unansweredStream() async throws {
    node.state.withLock { $0.others = (0..<48).map { .local("m\($0)", port: 2, tags: ["big": String(repeating: "x", count: 1 << 20)]) } }
    try await ServerFixture.run(node) { server in
      try await RawClient.connect(to: server.port) { client in
        try await client.send(
          handshake + RequestHeader(command: "members", sequence: 2).encoded + RequestHeader(command: "stream", sequence: 3).encoded
            + StreamRequest(type: "*").encoded)
        try await until { server.node.subscriberCount == 1 }
      }
      // The client is gone.
      try await until { server.node.subscriberCount == 0 }
    }
  }

  @Test(
    "4,096 events wait for a client that reads slowly; for more it is told how many are missing, and where",
    arguments: [(4_096, false), (10_000, true)])
  func slowStream(total: Int, losesSome: Bool) async throws {
    try await ServerFixture.run(node) { server in
      let stream = RequestHeader(command: "stream", sequence: 2).encoded + StreamRequest(type: "user").encoded
      let records = try await RawClient.connect(to: server.port) { client in
        try await client.send(handshake + stream)
        _ = try await client.receive(ResponseHeader(sequence: 1).encoded.count + ResponseHeader(sequence: 2).encoded.count)
        try await until { server.node.subscriberCount == 1 }
        let payload = [UInt8](repeating: 7, count: 4000)
        for index in 1...total {
          server.node.post(.user(UserEvent(time: UInt64(index), nameBytes: Array("e".utf8), payload: payload, coalesce: false)))
        }
        try await until { server.node.state.withLock { $0.taken } == total }
        var records: [AgentEvent] = []
        var pending: [UInt8] = []
        var counted = 0
        while counted < total {
          pending += try await client.receiveSome()
          let whole = try objects(pending)
          pending.removeFirst(whole.map(\.count).reduce(0, +))
          // A header comes before each record.
          for object in whole where try ResponseHeader(decoding: object.span.bytes).sequence == 0 {
            records.append(try AgentEvent(decoding: object.span.bytes))
            if case .dropped(let count) = records.last { counted += count } else { counted += 1 }
          }
        }
        return records
      }
      var next: UInt64 = 1
      var lost = 0
      for record in records {
        switch record {
        case .user(let event):
          #expect(event.time == next)
          next += 1
        case .dropped(let count):
          lost += count
          next += UInt64(count)
        default: Issue.record("unexpected \(record.type)")
        }
      }
      #expect(next == UInt64(total) + 1)
      #expect((lost > 0) == losesSome)
    }
  }

  @Test("a monitor gets the lines that are kept, then new ones, of its level")
  func monitor() async throws {
    let log = AgentLog(console: Console { _ in }, level: .error) { "T" }
    let logger = log.logger("agent")
    logger.info("before")
    logger.debug("too low")
    try await ServerFixture.run(node, log: log) { server in
      let client = try await server.connect()
      await #expect(throws: SerfRPCError.refused("Unknown log level: FOO")) { _ = try await client.monitor(level: "foo") }
      let lines = try await client.monitor(level: "info")
      await #expect(throws: SerfRPCError.refused("Monitor already exists")) { _ = try await client.monitor(level: "info") }
      logger.warning("after")
      var seen: [String] = []
      for try await line in lines where !line.contains("agent.ipc") {
        seen.append(line)
        if seen.count == 2 { break }
      }
      #expect(seen == ["T [INFO] agent: before", "T [WARN] agent: after"])
      await client.close()
    }
  }

  @Test("a leave is answered before the agent is told to end")
  func leave() async throws {
    try await ServerFixture.run(node) { server in
      let client = try await server.connect()
      try await client.leave()
      try await until { server.leaves.count == 1 }
      #expect(server.node.calls == ["leave"])
      await client.close()
    }
  }

  @Test(
    "keys are compared whatever their lengths",
    arguments: [("", "", true), ("a", "", false), ("", "a", false), ("ab", "ab", true), ("ab", "abab", false)])
  func constantTime(left: String, right: String, equal: Bool) {
    #expect(isEqualInConstantTime(left, right) == equal)
  }
}

private let handshake = RequestHeader(command: "handshake", sequence: 1).encoded + HandshakeRequest().encoded

private func first<Element: Sendable>(_ count: Int, of stream: RPCStream<Element>) async throws -> [Element] {
  var elements: [Element] = []
  for try await element in stream {
    elements.append(element)
    if elements.count == count { break }
  }
  return elements
}

/// Waits for a condition that another task is about to make true.
func until(_ condition: @Sendable () -> Bool, sourceLocation: SourceLocation = #_sourceLocation) async throws {
  try await eventually("it comes true", within: .seconds(20), sourceLocation: sourceLocation) { condition() }
}
