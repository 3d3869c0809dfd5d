import Memberlist
import SerfCore
import SerfPrimitives
import SerfWire
import Testing

@Suite("a question of the cluster itself")
struct InternalQueryTests {
  let node: TestNode
  private let id = SerfQuery.ID(time: 10, number: 1)

  init() throws { node = try TestNode(tags: ["role": "web"]) }

  /// The payload of the answer that was sent to the asking member.
  private func answer(_ index: Int = 0) throws -> [UInt8] {
    let message = try #require(node.sent.dropFirst(index).first).bytes
    return try #require(try payload(of: message))
  }

  /// The payload of a response, read as this node reads it.
  private func payload(of response: [UInt8]) throws -> [UInt8]? {
    let bytes = response.span.bytes
    return try Self.copy(QueryResponseMessage(decoding: bytes.extracting(droppingFirst: 1)))
  }

  private static func copy(_ message: borrowing QueryResponseMessage) -> [UInt8]? {
    var payload: [UInt8]?
    if let stated = message.payload { payload = [UInt8](copying: stated) }
    return payload
  }

  private func keyAnswer(_ index: Int = 0) throws -> KeyAnswer {
    let payload = try answer(index)
    return try KeyAnswer(decoding: payload.span.bytes)
  }

  private func request(_ key: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    KeyRequestMessage(key: key.span.bytes).encode(into: &bytes)
    return bytes
  }

  @Test(
    "never reaches the application",
    arguments: [
      "_serf_ping", "_serf_conflict", "_serf_install-key", "_serf_use-key", "_serf_remove-key", "_serf_list-keys", "_serf_", "_serf_new",
    ])
  func hidden(name: String) {
    node.gossip(.query(1, at: 10, name: name))
    #expect(node.queries.isEmpty)
    #expect(node.core.statistics.queryQueue == 1, "it is passed on")
  }

  @Test("is one that the cluster has, or else only counted", arguments: ["_serf_", "_serf_new", "_serf_ping2", "_serf_install_key"])
  func unknown(name: String) {
    node.gossip(.query(1, at: 10, name: name))
    #expect(node.sent.isEmpty)
    #expect(node.core.counters.internalQueriesUnknown == 1)
    var reported: [[UInt8]] = []
    for diagnostic in node.diagnostics { if case .unknownInternalQuery(let name, "asker") = diagnostic { reported.append(name) } }
    #expect(reported == [Array(name.utf8)])
  }

  @Test("any other name goes to the application", arguments: ["serf_ping", "_serf", "", "_SERF_ping"])
  func passedThrough(name: String) {
    node.gossip(.query(1, at: 10, name: name))
    #expect(node.queries.map(\.name) == [name])
  }

  @Test("ping has no answer but its ack")
  func ping() {
    node.gossip(.query(1, at: 10, flags: .wantsAck, name: "_serf_ping"))
    #expect(node.sent.map(\.bytes) == [.response(id, from: "me", nil)])
  }

  @Test("conflict is answered with the member that this node holds, or nil")
  func conflict() throws {
    node.meet("a", port: 99, tags: ["role": "db"])
    node.gossip(.query(1, at: 10, name: "_serf_conflict", payload: Array("a".utf8)))
    node.gossip(.query(2, at: 10, name: "_serf_conflict", payload: Array("stranger".utf8)))
    let known = try answer()
    let message = try ConflictResponseMessage(decoding: known.span.bytes.extracting(droppingFirst: 1))
    #expect(known.first == 6 && message.address?.port == 99 && message.status == 1)
    #expect(try answer(1) == [6, 0xc0])
  }

  @Test("conflict about this node's own name is not answered")
  func conflictAboutUs() {
    node.gossip(.query(1, at: 10, name: "_serf_conflict", payload: Array("me".utf8)))
    #expect(node.sent.isEmpty)
  }

  @Test("conflict is answered without tags where the whole is too large for an answer")
  func conflictTooLarge() throws {
    var configuration = SerfCoreConfiguration.quiet
    configuration.queries.answerSizeLimit = 400
    let node = try TestNode(configuration)
    node.meet("a", port: 99, tags: ["t": String(repeating: "x", count: 400)])
    node.gossip(.query(1, at: 10, name: "_serf_conflict", payload: Array("a".utf8)))
    let message = try #require(node.sent.first).bytes
    #expect(message.count <= 400)
    let payload = try #require(try payload(of: message))
    #expect(try ConflictResponseMessage(decoding: payload.span.bytes.extracting(droppingFirst: 1)).address?.port == 99)
  }

  @Test("a key operation is handed out, and answered once with what came of it", arguments: KeyOperation.Kind.allCases)
  func keyOperation(kind: KeyOperation.Kind) throws {
    let key: [UInt8] = kind == .list ? [] : [1, 2, 3]
    node.gossip(.query(1, at: 10, name: "_serf_" + kind.rawValue, payload: request(key)))
    #expect(node.keyOperations.map(\.operation) == [KeyOperation(kind, key: key)])
    #expect(node.sent.isEmpty, "the answer waits until it is done")
    let answer = KeyAnswer(succeeded: true, text: "well", keys: [[65]], primaryKey: [65])
    for _ in 0..<2 { node.feed { $0.keyOperationEnded(id, answer, at: $1) } }
    #expect(try keyAnswer() == answer)
    #expect(node.sent.count == 1)
    #expect(node.core.counters.keyOperations == 1)
  }

  @Test(
    "a key operation is not passed on by a node that encrypts and accepts clear text as well; other queries are", arguments: [true, false])
  func passedOn(passes: Bool) throws {
    let node = try TestNode(transport: TransportTraits(passesKeyOperations: passes))
    for (index, kind) in KeyOperation.Kind.allCases.enumerated() {
      node.gossip(.query(UInt32(index), at: 10, name: "_serf_" + kind.rawValue, payload: request([1])))
    }
    #expect(node.core.statistics.queryQueue == (passes ? 4 : 0))
    #expect(node.core.counters.keyOperationsRefused == (passes ? 0 : 4))
    node.gossip(.query(9, at: 10, name: "_serf_ping"))
    node.gossip(.query(10, at: 10, name: "load"))
    #expect(node.core.statistics.queryQueue == (passes ? 6 : 2))
  }

  @Test(
    "a key operation that cannot be read is refused with the reason, and nothing is done",
    arguments: [
      [], [7], [8, 0x80], [7, 0xc1], [7, 0x81, 0xa3, 0x4b], [4, 0x80], [7, 0x81, 0xa3, 0x4b, 0x65, 0x79, 0xdb, 0xff, 0xff, 0xff, 0xff],
    ]
      as [[UInt8]])
  func unreadable(payload: [UInt8]) throws {
    for kind in KeyOperation.Kind.allCases {
      node.gossip(.query(UInt32(kind.rawValue.utf8.count), at: 10, name: "_serf_" + kind.rawValue, payload: payload))
    }
    #expect(node.keyOperations.isEmpty)
    #expect(node.core.counters.keyOperationsRefused == 4)
    for index in 0..<4 {
      let answer = try keyAnswer(index)
      #expect(!answer.succeeded && answer.text.hasPrefix("the key request cannot be read: "))
    }
  }

  @Test("a key operation without a key is one with an empty key, which no ring takes")
  func emptyKey() {
    node.gossip(.query(1, at: 10, name: "_serf_install-key", payload: [7, 0x80]))
    #expect(node.keyOperations.map(\.operation) == [KeyOperation(.install)])
  }

  @Test("a flood of key operations leaves 16 waiting")
  func flood() throws {
    for id in 0..<100 as Range<UInt32> { node.gossip(.query(id, at: 10, name: "_serf_list-keys", payload: request([]))) }
    #expect(node.keyOperations.count == 16)
    #expect(node.core.counters.keyOperationsRefused == 84)
    #expect(try keyAnswer(83).text == "16 key operations are waiting here already")
    node.feed { $0.keyOperationEnded(SerfQuery.ID(time: 10, number: 3), .refused(""), at: $1) }
    node.gossip(.query(100, at: 10, name: "_serf_list-keys", payload: request([])))
    #expect(node.keyOperations.count == 17)
  }

  @Test("an answer after the query's time is counted and not sent")
  func late() {
    node.gossip(.query(1, at: 10, name: "_serf_list-keys", payload: request([])))
    node.advance(by: .seconds(1))
    node.feed { $0.keyOperationEnded(id, KeyAnswer(succeeded: true), at: $1) }
    #expect(node.sent.isEmpty)
    #expect(node.core.counters.keyAnswersNotSent == 1)
  }

  @Test(
    "a list of keys is cut so that the whole answer fits, and by no key more",
    arguments: [(0, 0), (1, 1), (50, 18), (38, 18), (40, 18), (18, 18)])
  func truncation(keys count: Int, kept: Int) throws {
    // The numbers of Go's test, whose answer has no primary key.
    let keys = (0..<count).map { [UInt8](repeating: 65 + UInt8($0 % 26), count: 44) }
    node.gossip(.query(1, at: 10, name: "_serf_list-keys", payload: request([])))
    node.feed { $0.keyOperationEnded(id, KeyAnswer(succeeded: true, keys: keys), at: $1) }
    let answer = try keyAnswer()
    #expect(answer.keys == Array(keys.prefix(kept)) && answer.succeeded)
    #expect(answer.text == (kept == count ? "" : "truncated key list response, showing first \(kept) of \(count) keys"))
    let size = try #require(node.sent.first).bytes.count
    #expect(size <= 1_024)
    if kept < count { #expect(size + 46 > 1_024, "one more key would have fitted") }
  }

  @Test("a list of keys that does not fit even without a key is not sent", arguments: [1, 100])
  func listTooLarge(keys count: Int) throws {
    var configuration = SerfCoreConfiguration.quiet
    configuration.queries.answerSizeLimit = 100
    let node = try TestNode(configuration)
    node.gossip(.query(1, at: 10, name: "_serf_list-keys", payload: request([])))
    let keys = [[UInt8]](repeating: [UInt8](repeating: 65, count: 44), count: count)
    node.feed { $0.keyOperationEnded(id, KeyAnswer(succeeded: true, keys: keys, primaryKey: keys[0]), at: $1) }
    #expect(node.sent.isEmpty)
    #expect(node.core.counters.keyAnswersNotSent == 1)
  }

  @Test("is asked by no application, except the ping without a payload")
  func reserved() throws {
    func ask(_ name: String, _ payload: [UInt8] = []) throws {
      _ = try node.with { (core, now) throws(SerfCoreError) in
        try core.query(name: Array(name.utf8), payload: payload, options: .init(), at: now)
      }
    }
    for name in ["_serf_conflict", "_serf_install-key", "_serf_", "_serf_new"] {
      #expect(throws: SerfCoreError.internalQuery(name: Array(name.utf8))) { try ask(name) }
    }
    #expect(throws: SerfCoreError.self) { try ask("_serf_ping", [0]) }
    #expect(node.core.statistics.queryQueue == 0)
    try ask("_serf_ping")
    #expect(node.core.statistics.queryQueue == 1)
  }

  @Test("about keys goes to every member, this one included, and its answers come like those of any query")
  func keyQuery() throws {
    node.meet("a")
    let id = try node.with { (core, now) throws(SerfCoreError) in
      try core.keyQuery(KeyOperation(.use, key: [1, 2]), options: .init(), at: now)
    }
    #expect(node.keyOperations.map(\.operation) == [KeyOperation(.use, key: [1, 2])])
    node.feed { $0.keyOperationEnded(id, .refused("no"), at: $1) }
    node.gossip(.response(id, from: "a", "x"))
    #expect(node.answers.count == 2 && node.answers[1] == "a: x")
    #expect(node.summaries.map(\.isComplete) == [true])
  }

  @Test("is not answered by a node that was shut down")
  func shutDown() {
    node.gossip(.query(1, at: 10, name: "_serf_list-keys", payload: request([])))
    node.feed { core, now in
      core.shutDown(at: now)
      core.keyOperationEnded(SerfQuery.ID(time: 10, number: 1), KeyAnswer(succeeded: true), at: now)
    }
    #expect(node.sent.isEmpty)
  }
}
