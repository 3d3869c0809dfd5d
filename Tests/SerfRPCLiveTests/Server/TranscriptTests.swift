import RPCTestSupport
import Serf
import SerfAgent
import SerfClient
import Synchronization
import Testing
import VectorSupport

/// Replays to our agent what Go's command line and a hand-made client sent to a Go agent, with a node in the state of the recording.
///
/// Answers must be the same bytes, apart from the order in maps and lists, which is random in Go.
@Suite("the recorded RPC sessions against our server", .timeLimit(.minutes(1)))
struct TranscriptTests {
  @Test("sessions of Go's command line")
  func commandLine() async throws {
    var replayed: [String] = []
    for transcript in try Transcript.commandLine() {
      for session in transcript.sessions {
        let recording = try Recording(session)
        guard recording.isInUse, !recording.hasStreams else { continue }
        replayed.append(transcript.name)
        try await replay(recording, name: transcript.name)
      }
    }
    #expect(replayed.count == 42, "\(replayed)")
  }

  @Test("sessions of a hand-made client: versions, missing fields, commands in a row")
  func handMade() async throws {
    var replayed: [String] = []
    for transcript in try Transcript.handMade() {
      let recording = try Recording(transcript.sessions[0])
      guard recording.isInUse, !recording.hasStreams else { continue }
      replayed.append(transcript.name)
      let node = FakeNode(.local("r1", port: 47901, tags: transcript.name == "force-leave-self" ? ["c": "d"] : ["role": "web"]))
      try recording.fill(node)
      try await ServerFixture.run(node) { server in
        let answer = try await RawClient.connect(to: server.port) { client in
          try await client.send(recording.sent)
          return try await client.receive(objects: recording.answerCount)
        }
        #expect(try recording.normalised(answer) == recording.normalised(recording.received), "\(transcript.name)")
      }
    }
    #expect(
      replayed == [
        "auth-on-open-agent", "event-partial", "force-leave-self", "handshake-required", "handshake-versions", "join", "leave", "members",
        "stats-coord", "tags",
      ])
  }

  private func replay(_ recording: Recording, name: String) async throws {
    let node = try recording.node()
    try await ServerFixture.run(node, authKey: recording.authKey, handlers: recording.handlers) { server in
      let answer = try await RawClient.connect(to: server.port) { client in
        try await client.send(recording.sent)
        return try await client.receive(objects: recording.answerCount)
      }
      #expect(try recording.normalised(answer) == recording.normalised(recording.received), "\(name)")
    }
  }
}

/// A recorded session, and the state that the agent was in, taken from its answers.
private struct Recording {
  var sent: [UInt8]
  var received: [UInt8]
  private var commands: [UInt64: RPCCommand] = [:]
  private(set) var isInUse = true
  private(set) var hasStreams = false
  private var answers: [(command: RPCCommand, error: String, body: [UInt8])] = []
  private var coordinates: [NodeName: NodeCoordinate] = [:]

  init(_ session: [Transcript.Frame]) throws {
    sent = session.filter(\.isFromClient).flatMap(\.bytes)
    received = session.filter { !$0.isFromClient }.flatMap(\.bytes)
    var requests = try objects(sent)[...]
    var asked: [UInt64: NodeName] = [:]
    while let object = requests.popFirst() {
      let header = try RequestHeader(decoding: object.span.bytes)
      guard let command = RPCCommand(rawValue: header.command) else {
        isInUse = false
        return
      }
      commands[header.sequence] = command
      if command == .stream || command == .monitor || command == .query { hasStreams = true }
      let body = command.hasRequestBody ? requests.popFirst() : nil
      if command == .getCoordinate, let body { asked[header.sequence] = try CoordinateRequest(decoding: body.span.bytes).node }
    }
    guard !hasStreams else { return }
    var responses = try objects(received)[...]
    while let object = responses.popFirst() {
      let header = try ResponseHeader(decoding: object.span.bytes)
      guard let command = commands[header.sequence] else { continue }
      let hasBody = command.responseBody == .always || (command.responseBody == .onSuccess && header.error.isEmpty)
      let body = hasBody && !RPCErrorText.neverHasBody(header.error) ? responses.popFirst() ?? [] : []
      answers.append((command, header.error, body))
      if command == .getCoordinate, let node = asked[header.sequence] {
        coordinates[node] = try CoordinateResponse(decoding: body.span.bytes).coordinate
      }
    }
    // Go answers twice when authentication is missing, because it takes the body for another request; we answer once.
    if let last = answers.last, last.error == RPCErrorText.authenticationRequired {
      received.removeLast(ResponseHeader(sequence: 2, error: last.error).encoded.count)
    }
  }

  /// The key that the agent must have had for these answers.
  var authKey: String? {
    if answers.contains(where: { $0.error == RPCErrorText.authenticationRequired }) { return "sekret" }
    return answers.contains { $0.command == .auth && $0.error.isEmpty } ? "sekret" : nil
  }

  private var stats: AgentStats? {
    get throws { try answers.first { $0.command == .stats }.map { try AgentStats(decoding: $0.body.span.bytes) } }
  }

  var handlers: [String: String] { (try? stats)??.sections["event_handlers"] ?? [:] }

  /// A node in the state that the answers show. Members that a filter left out are added as the capture's `meta` describes them.
  func node() throws -> FakeNode {
    var members: [SerfMember] = []
    for answer in answers where answer.command == .members || answer.command == .membersFiltered {
      members += try answer.body.isEmpty ? [] : MembersResponse(decoding: answer.body.span.bytes).members.map(SerfMember.init)
    }
    if members.allSatisfy({ $0.name.bytes.first == UInt8(ascii: "n") }) {
      for index in 1...3 where !members.contains(where: { $0.name == NodeName("n\(index)") }) {
        members.append(.local("n\(index)", port: UInt16(47940 + index), tags: ["role": "web", "idx": "\(index)"]))
      }
    }
    let name = try stats?["agent", "name"] ?? "n1"
    let position = members.firstIndex { $0.name == NodeName(name) }
    var local = position.map { members.remove(at: $0) } ?? members.removeFirst()
    if let tags = try stats?.sections["tags"] { local.tags = tags }
    if position == nil, try stats != nil { local.name = NodeName(name) }
    let node = FakeNode(local, others: members)
    try fill(node)
    return node
  }

  /// Gives the node what the answers show besides its members.
  func fill(_ node: FakeNode) throws {
    try node.state.withLock { state in
      state.counters = try stats?.sections["serf"] ?? [:]
      state.coordinates = coordinates
      for answer in answers where !answer.error.isEmpty {
        let error = SerfError(.tooLarge, answer.error)
        switch answer.command {
        case .event: state.failures["userEvent"] = error
        case .tags: state.failures["setTags"] = error
        case .join: state.failures["join"] = error
        case .forceLeave: state.failures["forceLeave"] = error
        default: break
        }
      }
      for answer in answers where answer.command.rawValue.contains("-key") {
        state.keys = try KeyReport(AgentKeys(decoding: answer.body.span.bytes))
      }
      for answer in answers where answer.command == .join {
        state.joinCount = Int(try JoinResponse(decoding: answer.body.span.bytes).count)
      }
    }
  }

  /// How many objects the answers have. Their bytes are not counted: `runtime` differs in length from Go's, and from one moment to the next.
  var answerCount: Int {
    get throws { try objects(received).count }
  }

  /// The objects with maps and lists sorted, and the runtime reduced to its keys.
  func normalised(_ bytes: [UInt8]) throws -> [[UInt8]] {
    try sortedObjects(bytes).map { object in
      if let members = try? MembersResponse(decoding: object.span.bytes), !members.members.isEmpty {
        return MembersResponse(members: members.members.sorted { $0.name < $1.name }).encoded
      }
      guard var stats = try? AgentStats(decoding: object.span.bytes), let runtime = stats.sections["runtime"] else { return object }
      stats.sections["runtime"] = runtime.mapValues { _ in "" }
      return stats.encoded
    }
  }
}

extension SerfMember {
  fileprivate init(_ member: AgentMember) {
    self.init(
      name: member.name, address: member.address ?? NodeAddress(ipv4: 0, 0, 0, 0, port: 0), tags: member.tags,
      status: MemberStatus.allCases.first { $0.description == member.status } ?? .unknown,
      versions: SerfMember.Versions(
        protocolMinimum: member.memberlistVersion.minimum, protocolMaximum: member.memberlistVersion.maximum,
        protocolCurrent: member.memberlistVersion.current, delegateMinimum: member.serfVersion.minimum,
        delegateMaximum: member.serfVersion.maximum, delegateCurrent: member.serfVersion.current))
  }
}

extension KeyReport {
  fileprivate init(_ keys: AgentKeys) {
    self.init(asking: [])
    (self.keys, errors, nodes, answers) = (keys.keys, keys.errors, keys.nodes, keys.answers)
    for (member, text) in keys.messages { messages[NodeName(member)] = text }
  }
}
