import Foundation
import RPCTestSupport
import SerfClient
import SerfPrimitives
import Testing
import VectorSupport

/// All that a peer writes is escaped once on every way out of the command line. Here the agent passes it on unchanged, as Go's does.
@Suite("text of hostile peers on its way out")
struct HostilePeerTextTests {
  /// All characters that could do harm, and how they must be printed.
  private static let raw: [UInt8] =
    Array("ü".utf8) + Array(0...31) + [127] + (0x80...0x9f).flatMap { [0xc2, UInt8($0)] }
    + Array("\u{2028}\u{2029}\u{202e}\u{2066}\u{200e}".utf8) + Array("{".utf8) + [0xff, 0xc3, 0x28]
  private static let printed =
    "ü" + (0...31).map { "\\u{" + String($0, radix: 16) + "}" }.joined() + "\\u{7f}"
    + (0x80...0x9f).map { "\\u{" + String($0, radix: 16) + "}" }.joined() + #"\u{2028}\u{2029}\u{202e}\u{2066}\u{200e}{\xff\xc3("#
  /// The same without the bytes that are no UTF-8, and with a backslash.
  private static let text =
    "ü\u{0}\u{1}\u{7}\u{8}\u{9}\u{a}\u{b}\u{c}\u{d}\u{1b}\u{1f}\u{7f}\u{80}\u{85}\u{9f}\u{2028}\u{2029}\u{202e}\u{2066}\\"

  /// Whether an output has none of the characters that none may have.
  private func isClean(_ output: String) -> Bool {
    output.unicodeScalars.allSatisfy { scalar in scalar == "\n" || scalar == "\t" || !scalar.isHarmful } && !output.contains("\u{fffd}")
  }

  /// Answers one request with these bytes.
  private func run(_ words: [String], request: [UInt8], answer: [UInt8]) async throws -> (status: Int32, output: String, errors: String) {
    let frames = [
      (true, RequestHeader(command: "handshake", sequence: 1).encoded + HandshakeRequest().encoded), (false, header(1)), (true, request),
      (false, header(2) + answer),
    ]
    return try await ScriptedAgent.run([frames.map { Transcript.Frame(isFromClient: $0.0, bytes: $0.1) }]) { address in
      try await Executable.run(words, environment: ["SERF_RPC_ADDR": address])
    }.result
  }

  private func header(_ sequence: UInt64, error: String = "") -> [UInt8] { ResponseHeader(sequence: sequence, error: error).encoded }

  private let membersRequest = RequestHeader(command: "members-filtered", sequence: 2).encoded + MemberFilter().encoded

  /// A members answer whose texts are `bytes`; made with a placeholder, because text that is no UTF-8 cannot be put in otherwise.
  private func members(_ bytes: [UInt8]) -> [UInt8] {
    let place = String(repeating: "X", count: bytes.count)
    let member = AgentMember(name: NodeName(place), address: nil, tags: [place + "K": place], status: place)
    return filled(MembersResponse(members: [member]).encoded, bytes)
  }

  private func filled(_ message: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
    var message = message
    var index = 0
    while index + bytes.count <= message.count {
      if message[index..<index + bytes.count].allSatisfy({ $0 == UInt8(ascii: "X") }) {
        message.replaceSubrange(index..<index + bytes.count, with: bytes)
        index += bytes.count
      } else {
        index += 1
      }
    }
    return message
  }

  @Test("members: names, tags and statuses")
  func membersText() async throws {
    let run = try await run(["members"], request: membersRequest, answer: members(Self.raw))
    let printed = Self.printed
    #expect(run == (0, "\(printed)  unknown  \(printed)  \(printed)K=\(printed)\n", ""))
  }

  @Test("members -format=json: valid, free of control characters, and the original text where that is UTF-8")
  func membersJSON() async throws {
    let sound = try await run(["members", "-format=json"], request: membersRequest, answer: members(Array(Self.text.utf8)))
    #expect(isClean(sound.output))
    let member = try member(sound.output)
    #expect(member["name"] as? String == Self.text)
    #expect(member["tags"] as? [String: String] == [Self.text + "K": Self.text])
    #expect(member["status"] as? String == Self.text)
    let broken = try await run(["members", "-format=json"], request: membersRequest, answer: members(Self.raw))
    #expect(isClean(broken.output))
    #expect((try self.member(broken.output)["status"] as? String)?.hasSuffix(#"{\xff\xc3("#) == true)
  }

  private func member(_ json: String) throws -> [String: Any] {
    let object = try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    return try #require((object["members"] as? [[String: Any]])?.first)
  }

  @Test("info, as text and as JSON")
  func info() async throws {
    let request = RequestHeader(command: "stats", sequence: 2).encoded
    let place = String(repeating: "X", count: Self.raw.count)
    let answer = filled(AgentStats(sections: ["tags": [place: place]]).encoded, Self.raw)
    #expect(try await run(["info"], request: request, answer: answer).output == "tags:\n\t\(Self.printed) = \(Self.printed)\n")
    let sound = AgentStats(sections: ["tags": ["k": Self.text]]).encoded
    let json = try await run(["info", "-format=json"], request: request, answer: sound).output
    let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: [String: String]]
    #expect(isClean(json) && object == ["tags": ["k": Self.text]])
  }

  @Test("errors: Go's raw ones are escaped, and ours, which are escaped already, stay as they are")
  func errors() async throws {
    let event = RequestHeader(command: "event", sequence: 2).encoded + EventRequest(coalesce: true, name: "x").encoded
    for (error, shown) in [
      ("bad\u{1b}[2J \u{202e}C:\\x", #"bad\u{1b}[2J \u{202e}C:\x"#), (#"it answered: \u{1b}\xff a\\b"#, #"it answered: \u{1b}\xff a\\b"#),
      ("1 error occurred:\n\t* Failed\n\n", "1 error occurred: * Failed"),
    ] {
      let frames = [
        (true, RequestHeader(command: "handshake", sequence: 1).encoded + HandshakeRequest().encoded), (false, header(1)), (true, event),
        (false, header(2, error: error)),
      ]
      let run = try await ScriptedAgent.run([frames.map { Transcript.Frame(isFromClient: $0.0, bytes: $0.1) }]) { address in
        try await Executable.run(["event", "x"], environment: ["SERF_RPC_ADDR": address])
      }.result
      #expect(run == (1, "", "serf event: sending the event failed: \(shown)\n"))
    }
  }

  @Test("monitor: a log line stays one line, and events are Go literals of the bytes")
  func monitor() async throws {
    let stream = RequestHeader(command: "stream", sequence: 2).encoded + StreamRequest(type: "*").encoded
    let monitor = RequestHeader(command: "monitor", sequence: 3).encoded + MonitorRequest(logLevel: "INFO").encoded
    let place = String(repeating: "X", count: Self.raw.count)
    let user = AgentEvent.user(.init(nameBytes: Self.raw, payload: [0x1b, 0xff], time: 1, coalesce: false)).encoded
    let query = AgentEvent.query(.init(id: 1, nameBytes: Self.raw, payload: nil, time: 1)).encoded
    let joined = AgentEvent.members("member-join", [AgentMember(name: NodeName(place), address: nil, tags: ["k": place], status: "alive")])
    let log = filled(LogRecord(line: "[INFO] serf: " + place + "\n[ERR] forged").encoded, Self.raw)
    let frames = [
      (true, RequestHeader(command: "handshake", sequence: 1).encoded + HandshakeRequest().encoded), (false, header(1)), (true, stream),
      (false, header(2)), (true, monitor), (false, header(3) + header(3) + log),
      (false, header(2) + user + header(2) + query + header(2) + filled(joined.encoded, Self.raw)),
    ]
    let sent = frames.map { Transcript.Frame(isFromClient: $0.0, bytes: $0.1) }
    let run = try await ScriptedAgent.run([sent], closesAtEnd: true) { address in
      try await Executable.run(["monitor"], environment: ["SERF_RPC_ADDR": address])
    }.result
    #expect(isClean(run.output))
    let literal = goLiteral
    // The two streams are printed as they arrive; the order holds within each.
    #expect(run.output.contains("[INFO] serf: \(Self.printed)\\u{a}[ERR] forged\n"))
    #expect(run.output.contains("\tName: \(literal)\n\tPayload: []byte{0x1b, 0xff}\n"))
    #expect(run.output.contains("\tID: 1\n\tName: \(literal)\n"))
    #expect(run.output.contains("\"Name\":\(literal), ") && run.output.contains("{\"k\":\(literal)}"))
  }

  /// The bytes as Go's `%q` writes them.
  private var goLiteral: String {
    let letters: [UInt8: String] = [7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r"]
    func hex(_ value: Int, _ digits: Int) -> String {
      let text = String(value, radix: 16)
      return String(repeating: "0", count: digits - text.count) + text
    }
    return "\"ü" + (0...31).map { letters[UInt8($0)].map { "\\" + $0 } ?? "\\x" + hex($0, 2) }.joined() + "\\x7f"
      + (0x80...0x9f).map { "\\u" + hex($0, 4) }.joined() + #"\u2028\u2029\u202e\u2066\u200e{\xff\xc3(""#
  }

  @Test("what a Go peer answers to a join is escaped once at the command line, in the log and in monitor", .timeLimit(.minutes(1)))
  func errorOfPeer() async throws {
    let text: [UInt8] = [0x1b, 0x5b, 0x0a, 0x5c, 0xff, 0x21]
    let shown = #"it answered: \u{1b}[\u{a}\\\xff!"#
    // An error message of memberlist: type 13 and a map of one text.
    let answer = [13, 0x81, 0xa5] + Array("Error".utf8) + [0xa0 | UInt8(text.count)] + text
    let peer = [[Transcript.Frame(isFromClient: true, bytes: [0]), Transcript.Frame(isFromClient: false, bytes: answer)]]
    let flags = ["agent", "-transport=tcp", "-node=n1", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0"]
    let agent = try await LiveAgent(Executable(flags), ready: "Log data will now stream")
    try await ScriptedAgent.run(peer, closesAtEnd: true) { address in
      let run = try await agent.command("join", address)
      #expect(run.status == 1 && run.errors.contains(shown), "\(run.errors)")
    }
    try await ScriptedAgent.run(peer, closesAtEnd: true) { address in
      let run = try await Executable.run(flags + ["-join", address])
      #expect(run.status == 1 && run.errors.contains(shown), "\(run.errors)")
    }
    await agent.logs(shown)
    let monitor = try Executable(["monitor"], environment: ["SERF_RPC_ADDR": agent.rpc])
    #expect(await monitor.waits { $0.contains(shown) }, "\(monitor.standardOutput)")
    monitor.signal(SIGKILL)
  }

  @Test("an event whose name contains a newline is one line in the agent's log and in monitor")
  func forgedLine() async throws {
    let cluster = try await AgentCluster("n1")
    let agent = try await cluster.start("n1")
    let name = "x\n2026/01/01 00:00:00 [ERR] forged \u{1b}[31m\\"
    let shown = #"user-event: x\u{a}2026/01/01 00:00:00 [ERR] forged \u{1b}[31m\\"#
    let event = try await agent.command("event", "-coalesce=false", name)
    #expect(event.status == 0 && event.output == "Event '\(shown.dropFirst(12))' dispatched! Coalescing enabled: false\n")
    await agent.logs(shown)
    let monitor = try Executable(["monitor"], environment: ["SERF_RPC_ADDR": agent.rpc])
    #expect(await monitor.waits { $0.contains(shown) }, "\(monitor.standardOutput)")
    #expect(!monitor.standardOutput.contains("\n2026/01/01"))
    monitor.signal(SIGKILL)
  }
}
