import Memberlist
import SerfCore
import SerfPrimitives
import SerfWire
import Testing

@Suite("A message above what Go members take")
struct LargeMessageTests {
  private static func peer(_ name: NodeName) -> Peer {
    Peer(address: NodeAddress(ipv4: 10, 0, 1, name.bytes[0], port: 7946), connection: ConnectionID(UInt64(name.bytes[0])), provenName: name)
  }

  /// A node on a transport that says what its peers read, with members that read large messages.
  private func node(_ members: [NodeName] = ["a"], _ adjust: (inout SerfCoreConfiguration) -> Void = { _ in }) throws -> TestNode {
    var configuration = SerfCoreConfiguration.quiet
    configuration.userEvents.sizeLimit = 1 << 20
    configuration.queries.sizeLimit = 1 << 20
    configuration.queries.answerSizeLimit = 1 << 20
    adjust(&configuration)
    let node = try TestNode(configuration, transport: TransportTraits(carriesOversizedPackets: true, statesPeerFeatures: true))
    for member in members {
      node.meet(member)
      node.feed { core, now in core.peerFeaturesChanged(member, [.largeMessages], at: now) }
    }
    return node
  }

  private static func body(_ count: Int, _ byte: UInt8 = 7) -> [UInt8] { [UInt8](repeating: byte, count: count) }

  private static func offer(_ message: [UInt8], of body: [UInt8], size: Int? = nil, origin: NodeName = "origin") -> [UInt8] {
    var bytes: [UInt8] = []
    let origin = origin.bytes
    OfferMessage(
      digest: SHA256.digest(of: body.span.bytes), size: size ?? body.count, origin: origin.span.bytes, message: message.span.bytes
    ).encode(into: &bytes)
    return bytes
  }

  private static func fetch(_ body: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    FetchMessage(digest: SHA256.digest(of: body.span.bytes)).encode(into: &bytes)
    return bytes
  }

  private static func event(_ name: String, at time: LamportTime) -> [UInt8] { .userEvent(name, at: time) }

  private func send(_ node: TestNode, _ name: String, _ payload: [UInt8]) throws {
    try node.with { (core, now) throws(SerfCoreError) in
      try core.userEvent(name: Array(name.utf8), payload: payload, coalesce: false, at: now)
    }
  }

  /// What waits to be gossiped.
  private func queues(_ node: TestNode) -> [Int] { [node.core.statistics.eventQueue, node.core.statistics.largeQueue] }

  // MARK: Sizes

  @Test("goes to every member up to 9,216 bytes, and above only to those that read more: as it is up to 16 KiB, and then as an offer")
  func ways() throws {
    let node = try node()
    let overhead = [UInt8].userEvent("e", [], at: 1).count + 2
    try send(node, "e", Self.body(9_216 - overhead))
    #expect(queues(node) == [1, 0] && node.core.statistics.bodyBytes == 0)
    try send(node, "e", Self.body(9_217 - overhead))
    try send(node, "e", Self.body((16 << 10) - overhead))
    #expect(queues(node) == [1, 2] && node.core.statistics.bodyBytes == 0)
    try send(node, "e", Self.body((16 << 10) + 1 - overhead))
    #expect(queues(node) == [1, 3] && node.core.statistics.bodyBytes == (16 << 10) + 1 - overhead)
    #expect(node.userEvents.map(\.payload.count) == [9_216, 9_217, 16 << 10, (16 << 10) + 1].map { $0 - overhead })
  }

  @Test(
    "needs a transport whose members say that they read it; the error names the setting and why", arguments: ["event", "query", "answer"])
  func goTransport(kind: String) throws {
    var configuration = SerfCoreConfiguration.quiet
    switch kind {
    case "event": configuration.userEvents.sizeLimit = 9_217
    case "query": configuration.queries.sizeLimit = 9_217
    default: configuration.queries.answerSizeLimit = 9_217
    }
    let error = #expect(throws: SerfCoreError.self) { try TestNode(configuration) }
    #expect("\(error!)".contains("izeLimit must be from 0 to 9216 over this transport: its members may be Go agents"))
    #expect(throws: Never.self) { try TestNode(configuration, transport: TransportTraits(statesPeerFeatures: true)) }
  }

  // MARK: Fetching

  @Test("is fetched from the member that offers it, delivered once, kept for others and offered on")
  func fetch() throws {
    let node = try node()
    let body = Self.body(20_000)
    let offer = Self.offer(Self.event("deploy", at: 5), of: body)
    node.gossip(offer, from: Self.peer("a"))
    node.gossip(offer, from: Self.peer("a"))
    try #require(node.opened.map(\.to) == [.member("a", NodeAddress(ipv4: 10, 0, 1, 97, port: 7946))])
    #expect(node.userEvents.isEmpty && queues(node) == [0, 0])
    node.answer(node.opened[0].id, body, from: Self.peer("a"))
    #expect(node.userEvents.map { "\($0.name) \($0.time) \($0.payload.count)" } == ["deploy 5 20000"])
    #expect(queues(node) == [0, 1] && node.core.statistics.bodiesWanted == 0)
    node.gossip(offer, from: Self.peer("a"))
    #expect(node.opened.count == 1 && node.userEvents.count == 1)
    // And now it serves it.
    node.stream(Self.fetch(body), as: ExchangeID(1 << 63 | 9), from: Self.peer("b"))
    #expect(node.ended.map(\.id) == [ExchangeID(1 << 63 | 9)] && node.ended[0].answer.count > 20_000)
    #expect(node.core.counters.bodiesFetched == 1 && node.core.counters.bodiesServed == 1)
  }

  @Test("that is another one than was offered is counted, and another holder is asked")
  func wrongBody() throws {
    let node = try node(["a", "b"])
    let body = Self.body(20_000)
    let offer = Self.offer(Self.event("deploy", at: 5), of: body)
    node.gossip(offer, from: Self.peer("a"))
    node.gossip(offer, from: Self.peer("b"))
    node.answer(node.opened[0].id, Self.body(20_000, 8), from: Self.peer("a"))
    #expect(node.core.counters.bodiesWrong == 1 && node.userEvents.isEmpty)
    try #require(node.opened.count == 2)
    guard case .member("b", _) = node.opened[1].to else { return #expect(Bool(false), "asked \(node.opened[1].to)") }
    node.answer(node.opened[1].id, body, from: Self.peer("b"))
    #expect(node.userEvents.count == 1)
  }

  @Test("that was offered with a wrong size first still comes from the member that offers it with the right one")
  func wrongSize() throws {
    let node = try node(["a", "b"])
    let body = Self.body(20_000)
    node.gossip(Self.offer(Self.event("deploy", at: 5), of: body, size: 30_000), from: Self.peer("a"))
    node.gossip(Self.offer(Self.event("deploy", at: 5), of: body), from: Self.peer("b"))
    try #require(node.opened.count == 2)
    node.answer(node.opened[1].id, body, from: Self.peer("b"))
    #expect(node.userEvents.count == 1)
    node.answer(node.opened[0].id, body, from: Self.peer("a"))
    #expect(node.userEvents.count == 1 && node.core.counters.bodiesWrong == 1 && node.core.counters.bodiesGivenUp == 1)
  }

  @Test("that never comes is asked for three times and given up, is counted and logged, and a new offer starts again")
  func neverComes() throws {
    let node = try node()
    let body = Self.body(20_000)
    let offer = Self.offer(Self.event("deploy", at: 5), of: body)
    node.gossip(offer, from: Self.peer("a"))
    for round in 1...3 {
      try #require(node.opened.count == round)
      let id = node.opened[round - 1].id
      node.feed { core, now in core.exchangeFailed(id, reason: .deadline, at: now) }
      node.advance(by: .seconds(2))
    }
    #expect(node.opened.count == 3 && node.core.counters.bodiesGivenUp == 1 && node.core.statistics.bodiesWanted == 0)
    #expect(node.diagnostics.contains { if case .bodyGivenUp(1) = $0 { true } else { false } })
    node.gossip(offer, from: Self.peer("a"))
    try #require(node.opened.count == 4)
    node.answer(node.opened[3].id, body, from: Self.peer("a"))
    #expect(node.userEvents.count == 1)
  }

  @Test("is one of at most four that are fetched at once, two of them from one member; the others wait their turn")
  func inFlight() throws {
    let node = try node(["a", "b", "c"])
    let bodies = (1...9).map { Self.body(20_000, $0) }
    for (index, body) in bodies.enumerated() {
      let holder: NodeName = index < 7 ? "a" : index == 7 ? "b" : "c"
      node.gossip(Self.offer(Self.event("e\(index)", at: 5), of: body), from: Self.peer(holder))
    }
    #expect(node.opened.count == 4)
    for index in [0, 1] { node.answer(node.opened[index].id, bodies[index], from: Self.peer("a")) }
    #expect(node.opened.count == 6 && node.userEvents.count == 2)
    #expect(node.core.statistics.bodiesWanted == 7)
  }

  @Test("of a member that has had its bytes for this minute waits, and comes later")
  func originLimit() throws {
    let node = try node { $0.largeMessages.bytesPerOrigin = 1 << 20 }
    let bodies = [Self.body(1 << 20, 1), Self.body(600 << 10, 2)]
    for (index, body) in bodies.enumerated() {
      node.gossip(Self.offer(Self.event("e\(index)", at: 5), of: body), from: Self.peer("a"))
    }
    try #require(node.opened.count == 1)
    node.answer(node.opened[0].id, bodies[0], from: Self.peer("a"))
    node.advance(by: .seconds(30))
    #expect(node.opened.count == 1)
    node.advance(by: .seconds(7))
    #expect(node.opened.count == 2)
  }

  @Test("by the thousand: what does not fit is counted, and nothing else happens")
  func thousands() throws {
    let node = try node()
    for number in 0..<1_000 {
      let body = Array("body \(number)".utf8)
      node.gossip(Self.offer(Self.event("e", at: 5), of: body), from: Self.peer("a"))
    }
    #expect(node.core.statistics.bodiesWanted == 256 && node.core.counters.offersRefused == 744)
    #expect(node.opened.count == 2 && node.limits.contains(.offers))
  }

  @Test(
    "is refused with a size of nothing, or above 1 MiB, or without a digest, or around a message that is never offered",
    arguments: ["empty", "huge", "digest", "leave", "no message", "unproven"])
  func refused(kind: String) throws {
    let node = try node()
    let body = Self.body(10)
    var offer = Self.offer(Self.event("e", at: 5), of: body)
    switch kind {
    case "empty": offer = Self.offer(Self.event("e", at: 5), of: body, size: 0)
    case "huge": offer = Self.offer(Self.event("e", at: 5), of: body, size: 1 << 20 | 1)
    case "digest":
      var short: [UInt8] = []
      var writer = MessagePackWriter(taking: &short)
      writer.raw(SerfMessageType.offer.rawValue)
      writer.map(1)
      writer.string("Digest")
      writer.binary([1, 2, 3])
      offer = writer.finish()
    case "leave": offer = Self.offer(.leave("a", at: 5), of: body)
    case "no message": offer = Self.offer([], of: body)
    default: break
    }
    node.gossip(offer, from: kind == "unproven" ? node.peer : Self.peer("a"))
    #expect(node.opened.isEmpty && node.core.statistics.bodiesWanted == 0)
    #expect(node.core.counters.offersRefused + node.core.counters.messagesMalformed == 1)
  }

  // MARK: Members that mean harm, or are busy

  @Test("that one member offers by the thousand keep out none that another member offers")
  func fairShares() throws {
    let node = try node(["a", "b"])
    for number in 0..<300 { node.gossip(Self.offer(Self.event("e", at: 5), of: Array("body \(number)".utf8)), from: Self.peer("a")) }
    #expect(node.core.statistics.bodiesWanted == 256 && node.core.counters.offersRefused == 44)
    let body = Self.body(20_000)
    node.gossip(Self.offer(Self.event("honest", at: 5), of: body), from: Self.peer("b"))
    // One of the other member's made room.
    #expect(node.core.statistics.bodiesWanted == 256 && node.core.counters.offersRefused == 45)
    try #require(node.opened.count == 3)
    node.answer(node.opened[2].id, body, from: Self.peer("b"))
    #expect(node.userEvents.map(\.name) == ["honest"])
    // Each has half of the places, and takes none of the other's.
    let refused = node.core.counters.offersRefused
    for number in 0..<300 { node.gossip(Self.offer(Self.event("e", at: 5), of: Array("other \(number)".utf8)), from: Self.peer("b")) }
    #expect(node.core.statistics.bodiesWanted == 256 && node.core.counters.offersRefused == refused + 299)
    node.gossip(Self.offer(Self.event("e", at: 5), of: Array("one more".utf8)), from: Self.peer("a"))
    #expect(node.core.statistics.bodiesWanted == 256 && node.core.counters.offersRefused == refused + 300)
  }

  @Test("whose offers are large leave room for others: all offers together have at most 1 MiB")
  func roomForOffers() throws {
    let node = try node(["a", "b"])
    let name = String(repeating: "x", count: 8_000)
    for number in 0..<256 { node.gossip(Self.offer(Self.event(name, at: 5), of: Array("body \(number)".utf8)), from: Self.peer("a")) }
    #expect((120...131).contains(node.core.statistics.bodiesWanted))
    #expect(node.core.statistics.bodiesWanted + Int(node.core.counters.offersRefused) == 256)
    let body = Self.body(20_000)
    node.gossip(Self.offer(Self.event("honest", at: 5), of: body), from: Self.peer("b"))
    try #require(node.opened.count == 3)
    node.answer(node.opened[2].id, body, from: Self.peer("b"))
    #expect(node.userEvents.map(\.name) == ["honest"])
  }

  @Test("with too many messages still has another holder, whose message is one too many")
  func holderBeyondMessages() throws {
    let node = try node(["a", "b"])
    let body = Self.body(20_000)
    for number in 0..<16 { node.gossip(Self.offer(Self.event("e\(number)", at: 5), of: body), from: Self.peer("a")) }
    node.gossip(Self.offer(Self.event("honest", at: 5), of: body), from: Self.peer("b"))
    #expect(node.core.counters.offersRefused == 1)
    node.answer(node.opened[0].id, nil, from: Self.peer("a"))
    try #require(node.opened.count == 2)
    node.answer(node.opened[1].id, body, from: Self.peer("b"))
    #expect(node.userEvents.count == 16)
    // Its own message comes again, by gossip.
    node.gossip(Self.offer(Self.event("honest", at: 5), of: body), from: Self.peer("b"))
    #expect(node.userEvents.last?.name == "honest")
  }

  @Test("that every holder has turned away is asked for again after a pause")
  func busyHolders() throws {
    let node = try node(["a", "b"])
    let body = Self.body(20_000)
    for holder in ["a", "b"] as [NodeName] { node.gossip(Self.offer(Self.event("deploy", at: 5), of: body), from: Self.peer(holder)) }
    node.answer(node.opened[0].id, nil, from: Self.peer("a"))
    try #require(node.opened.count == 2)
    node.answer(node.opened[1].id, nil, from: Self.peer("b"))
    #expect(node.opened.count == 2)
    node.advance(by: .seconds(2))
    try #require(node.opened.count == 3)
    node.answer(node.opened[2].id, body, from: Self.peer("a"))
    #expect(node.userEvents.count == 1)
  }

  @Test("that never came takes nothing from what its origin may send in a minute")
  func falseOrigin() throws {
    let node = try node(["a", "b", "origin"]) { $0.largeMessages.bytesPerOrigin = 1 << 20 }
    node.gossip(Self.offer(Self.event("e", at: 5), of: Self.body(1 << 20, 1)), from: Self.peer("a"))
    for round in 0..<3 {
      try #require(node.opened.count == round + 1)
      let id = node.opened[round].id
      node.feed { core, now in core.exchangeFailed(id, reason: .deadline, at: now) }
      node.advance(by: .seconds(2))
    }
    #expect(node.core.counters.bodiesGivenUp == 1)
    node.gossip(Self.offer(Self.event("e", at: 5), of: Self.body(1 << 20, 2)), from: Self.peer("b"))
    #expect(node.opened.count == 4)
  }

  @Test("of an origin that is no member counts as its holder's, so that names out of thin air bring no more bytes")
  func unknownOrigin() throws {
    let node = try node { $0.largeMessages.bytesPerOrigin = 1 << 20 }
    let bodies = [Self.body(600 << 10, 1), Self.body(600 << 10, 2)]
    for (index, body) in bodies.enumerated() {
      node.gossip(Self.offer(Self.event("e", at: 5), of: body, origin: NodeName("x\(index)")), from: Self.peer("a"))
    }
    try #require(!node.opened.isEmpty)
    node.answer(node.opened[0].id, bodies[0], from: Self.peer("a"))
    #expect(node.opened.count == 1)
    node.advance(by: .seconds(12))
    #expect(node.opened.count == 2)
  }

  @Test("of an event that comes again is delivered once, however many queries came in between")
  func deliveredOnce() throws {
    let node = try node()
    let body = Self.body(10)
    let event = Self.offer(Self.event("deploy", at: 5), of: body)
    node.gossip(event, from: Self.peer("a"))
    node.answer(node.opened[0].id, body, from: Self.peer("a"))
    for number: UInt32 in 0..<5_000 { node.gossip(Self.offer(.query(number, at: 5), of: body), from: Self.peer("a")) }
    node.gossip(event, from: Self.peer("a"))
    #expect(node.userEvents.count == 1)
  }

  // MARK: Serving

  @Test("is not sent to a member that asks for what is not here, or asks without a name; the exchange ends")
  func notHeld() throws {
    let node = try node()
    node.stream(Self.fetch([1]), from: Self.peer("a"))
    node.stream(Self.fetch([1]), from: node.peer)
    node.stream([SerfMessageType.fetch.rawValue, 0xc1], from: Self.peer("a"))
    #expect(node.ended.map(\.answer) == [[], [], []])
    #expect(node.core.counters.fetchesRefused == 1 && node.core.counters.messagesMalformed == 2)
  }

  @Test("is sent to one member at 4 MiB a second, eight requests of it wait, and another member is not held up")
  func serving() throws {
    let node = try node(["a", "b"])
    let body = Self.body((1 << 20) - 100)
    try send(node, "big", body)
    for number in 0..<20 { node.stream(Self.fetch(body), as: ExchangeID(1 << 63 | UInt64(number)), from: Self.peer("a")) }
    // Four at once, eight wait, and eight are turned away.
    #expect(node.core.counters.bodiesServed == 4 && node.core.counters.fetchesRefused == 8)
    node.stream(Self.fetch(body), as: ExchangeID(1 << 63 | 99), from: Self.peer("b"))
    #expect(node.core.counters.bodiesServed == 5 && node.ended.last?.id == ExchangeID(1 << 63 | 99))
    node.advance(by: .seconds(3))
    #expect(node.core.counters.bodiesServed == 13)
  }

  // MARK: Late joiners and old members

  @Test("is offered in a push/pull to a member that reads offers, while its body is here, and to no other; small events go along as ever")
  func replay() throws {
    let node = try node(["a", "b"]) { $0.largeMessages.heldBytes = 1 << 20 }
    node.feed { core, now in core.peerFeaturesChanged("b", [.zstd], at: now) }
    func offers(for name: NodeName) throws -> Int {
      let state = node.state(for: name)
      return try SerfPushPull(decoding: state.span.bytes.extracting(droppingFirst: 1)).offers.count
    }
    try send(node, "small", [1])
    try send(node, "middle", Self.body(10_000))
    try send(node, "large", Self.body(20_000))
    #expect(try offers(for: "a") == 1 && offers(for: "b") == 0 && offers(for: "c") == 0)
    func names(for name: NodeName) throws -> [String] {
      let state = node.state(for: name)
      var slots = try SerfPushPull(decoding: state.span.bytes.extracting(droppingFirst: 1)).events
      var names: [String] = []
      while var slot = slots.next() {
        while let event = slot.next() { names.append(String(decoding: [UInt8](copying: event.name), as: UTF8.self)) }
      }
      return names
    }
    #expect(try names(for: "a") == ["small", "middle"] && names(for: "b") == ["small"])
    try send(node, "newer", Self.body(1 << 19, 9))
    try send(node, "newest", Self.body(1 << 19, 10))
    #expect(try offers(for: "a") == 2)
  }

  // MARK: Queries and answers

  @Test("is a query too, and so is its answer: offered to the asking member alone, which takes it from its origin only")
  func queryAndAnswer() throws {
    let node = try node(["a", "b"])
    let body = Self.body(20_000)
    // A query with a large payload arrives.
    node.gossip(Self.offer(.query(7, at: 5, source: NodeAddress(ipv4: 10, 0, 1, 97, port: 7946)), of: body), from: Self.peer("a"))
    try #require(node.opened.count == 1)
    node.answer(node.opened[0].id, body, from: Self.peer("a"))
    #expect(node.queries.map(\.payload.count) == [20_000])
    // Our own, whose answers are large.
    let id = try node.with { (core, now) throws(SerfCoreError) in
      try core.query(name: Array("q".utf8), payload: [], options: SerfQuery.Options(), at: now)
    }
    let answer = Self.body(30_000, 9)
    node.gossip(Self.offer(.response(id, from: "a", nil), of: answer), from: Self.peer("b"))
    #expect(node.core.counters.responsesRefused == 1 && node.opened.count == 1)
    node.gossip(Self.offer(.response(id, from: "a", nil), of: answer), from: Self.peer("a"))
    try #require(node.opened.count == 2)
    node.answer(node.opened[1].id, answer, from: Self.peer("a"))
    #expect(node.answers.map(\.count) == [30_003])
  }

  @Test("answers a member whose version is not known yet once it has said so, and never one that takes no large answers")
  func answerToUnknown() throws {
    let node = try node([])
    for name in ["asker", "b"] as [NodeName] { node.meet(name) }
    func ask(_ number: UInt32) -> SerfQuery.ID {
      node.gossip(.query(number, at: 5, timeout: .seconds(5), source: NodeAddress(ipv4: 10, 0, 1, 97, port: 7946)))
      return SerfQuery.ID(time: 5, number: number)
    }
    let (first, second) = (ask(1), ask(2))
    func respond(_ id: SerfQuery.ID) throws(SerfCoreError) {
      _ = try node.with { (core, now) throws(SerfCoreError) in try core.respond(to: id, with: Self.body(20_000), at: now) }
    }
    try respond(first)
    #expect(node.sent.isEmpty && !node.pings.isEmpty)
    node.feed { core, now in core.peerFeaturesChanged("asker", [.largeMessages], at: now) }
    #expect(node.sent.count == 1 && node.sent[0].bytes.first == SerfMessageType.offer.rawValue)
    node.feed { core, now in core.peerFeaturesChanged("asker", [.zstd], at: now) }
    #expect(throws: SerfCoreError.self) { try respond(second) }
    #expect(node.sent.count == 1)
  }

  /// A query of `asker` arrives, and is answered with so many bytes.
  private func answerQuery(_ node: TestNode, _ number: UInt32, byteCount: Int) throws {
    let time = LamportTime(number)
    node.gossip(.query(number, at: time, timeout: .seconds(5), source: NodeAddress(ipv4: 10, 0, 1, 97, port: 7946)))
    try node.with { (core, now) throws(SerfCoreError) in
      try core.respond(to: SerfQuery.ID(time: time, number: number), with: Self.body(byteCount), at: now)
    }
  }

  @Test("to a member that never says what it reads waits until the query is over; then others may wait")
  func silentAsker() throws {
    let node = try node([])
    node.meet("asker")
    for number: UInt32 in 1...65 { try answerQuery(node, number, byteCount: 20_000) }
    #expect(node.core.counters.responsesUndeliverable == 1 && node.limits.contains(.largeAnswers))
    node.advance(by: .seconds(6))
    #expect(node.core.counters.responsesUndeliverable == 65)
    try answerQuery(node, 66, byteCount: 20_000)
    node.feed { core, now in core.peerFeaturesChanged("asker", [.largeMessages], at: now) }
    #expect(node.sent.count == 1 && node.core.counters.responsesUndeliverable == 65)
  }

  @Test("that waits counts as bytes that are held")
  func waitingBytes() throws {
    let node = try node([]) { $0.largeMessages.heldBytes = 1 << 20 }
    node.meet("asker")
    for number: UInt32 in 1...2 { try answerQuery(node, number, byteCount: 600 << 10) }
    #expect(node.core.counters.responsesUndeliverable == 1 && node.limits.contains(.largeAnswers))
    node.feed { core, now in core.peerFeaturesChanged("asker", [.largeMessages], at: now) }
    #expect(node.sent.count == 1)
  }
}
