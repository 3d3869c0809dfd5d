import SerfPrimitives
import SerfTransport
import SerfWire
import Testing

@Suite struct ExchangeTableTests {
  private let start = Instant.zero
  private let peer = Peer(address: NodeAddress(ipv4: 10, 0, 0, 2, port: 7946), provenName: "peer")
  /// A ping and its answer: the smallest messages of a stream.
  private static let request = encoded { Ping(sequenceNumber: 7, node: RawSpan(), source: nil, sourceNode: RawSpan()).encode(into: &$0) }
  private static let reply = encoded { Ack(sequenceNumber: 7, payload: nil).encode(into: &$0) }

  private static func encoded(_ body: (inout [UInt8]) -> Void) -> [UInt8] {
    var bytes: [UInt8] = []
    body(&bytes)
    return bytes
  }

  /// A message of any size.
  private static func userMessage(_ length: Int) -> [UInt8] {
    encoded { UserMessageHeader(length: length).encode(into: &$0) } + [UInt8](repeating: 0x55, count: length)
  }

  private func table(endsWithMessage: Bool = true, _ adjust: (inout ExchangeLimits) -> Void = { _ in }) -> (ExchangeTable, ScriptedLayer) {
    let layer = ScriptedLayer(streamEndsWithMessage: endsWithMessage)
    var limits = ExchangeLimits()
    adjust(&limits)
    return (ExchangeTable(layer: layer, limits: limits), layer)
  }

  /// Opens our exchange 1, due in five seconds.
  private func open(_ table: inout ExchangeTable, _ layer: ScriptedLayer) throws -> StreamID {
    table.open(
      ExchangeID(1), to: .anyMember(peer.address), path: .warm, deadline: start + .seconds(5), request: Self.request, at: start)
    let stream = try #require(layer.opened.last)
    table.streamOpened(stream, peer: peer)
    return stream
  }

  // MARK: Ours

  @Test("of ours sends its request with the stream's end and completes with the reply's end, but not earlier")
  func ours() throws {
    var (table, layer) = table()
    let stream = try open(&table, layer)
    #expect(layer.written[stream] == Self.request)
    #expect(layer.finished.contains(stream))
    table.streamSent(stream, Self.request.count)
    #expect(table.streamReceived(stream, Self.reply.span.bytes, at: start).seen == nil)
    #expect(table.streamEnded(stream).seen == .completed(1, Self.reply, "peer"))
    #expect(table.count == 0)
    #expect(layer.resets.isEmpty)
  }

  @Test("of ours completes with the reply's last byte where streams do not end with messages")
  func oursOnOpenStream() throws {
    var (table, layer) = table(endsWithMessage: false)
    let stream = try open(&table, layer)
    #expect(!layer.finished.contains(stream))
    for byte in Self.reply.dropLast() { #expect(table.streamReceived(stream, [byte].span.bytes, at: start).seen == nil) }
    #expect(table.streamReceived(stream, [Self.reply.last ?? 0].span.bytes, at: start).seen == .completed(1, Self.reply, "peer"))
    #expect(table.count == 0)
  }

  @Test("of ours completes empty when the peer ends its half without a reply")
  func emptyReply() throws {
    var (table, layer) = table()
    let stream = try open(&table, layer)
    #expect(table.streamEnded(stream).seen == .completed(1, [], "peer"))
  }

  @Test("of ours fails when its stream does", arguments: [ContactFailure.noContact, .broken, .refused, .identityMismatch])
  func oursFails(reason: ContactFailure) throws {
    var (table, layer) = table()
    let stream = try open(&table, layer)
    #expect(table.streamFailed(stream, reason).seen == .failed(1, reason))
    #expect(table.count == 0)
    #expect(table.counters == ExchangeCounters())
  }

  @Test("of ours fails at its deadline, and what comes later is ignored")
  func oursExpires() throws {
    var (table, layer) = table()
    let stream = try open(&table, layer)
    #expect(table.nextDeadline == start + .seconds(5))
    #expect(table.advance(to: start + .seconds(5) - .nanoseconds(1)).seen == nil)
    #expect(table.advance(to: start + .seconds(5)).seen == .failed(1, .deadline))
    #expect(table.counters.expired == 1)
    #expect(layer.resets == [stream])
    #expect(table.streamReceived(stream, Self.reply.span.bytes, at: start).seen == nil)
    #expect(table.streamEnded(stream).seen == nil)
  }

  @Test("that is done does not expire")
  func doneDoesNotExpire() throws {
    var (table, layer) = table()
    let stream = try open(&table, layer)
    _ = table.streamEnded(stream)
    #expect(table.advance(to: start + .seconds(60)).seen == nil)
    #expect(table.counters.expired == 0)
  }

  @Test("of ours with an invalid reply fails at once", arguments: [[0xff], [0x80, 0x01], [4, 0x80]] as [[UInt8]])
  func malformedReply(bytes: [UInt8]) throws {
    var (table, layer) = table()
    let stream = try open(&table, layer)
    #expect(table.streamReceived(stream, bytes.span.bytes, at: start).seen == .failed(1, .broken))
    #expect(table.counters.malformed == 1)
    #expect(layer.resets == [stream])
  }

  // MARK: Theirs

  @Test("of a peer's is received when the stream ends after it, and answered on the same stream", arguments: [1, 3, 1000])
  func theirs(pieceSize: Int) throws {
    var (table, layer) = table()
    let stream = StreamID(3)
    _ = table.streamAccepted(stream, from: peer, at: start)
    for offset in stride(from: 0, to: Self.request.count, by: pieceSize) {
      let piece = Array(Self.request[offset..<min(offset + pieceSize, Self.request.count)])
      #expect(table.streamReceived(stream, piece.span.bytes, at: start).seen == nil)
    }
    #expect(layer.consumed[stream] == Self.request.count)
    let id = try #require(table.streamEnded(stream).receivedID(with: Self.request))
    table.respond(id, with: Self.reply, at: start)
    #expect(layer.written[stream] == Self.reply)
    #expect(layer.finished.contains(stream))
    #expect(table.bytesHeld == Self.reply.count)
    table.streamSent(stream, Self.reply.count)
    #expect(table.count == 0)
    #expect(table.bytesHeld == 0)
    #expect(table.advance(to: start + .seconds(60)).seen == nil)
    #expect(layer.resets.isEmpty)
    #expect(table.counters == ExchangeCounters())
  }

  @Test("of a peer's that reads its answer byte by byte is reset 10 s after it, and does not count as held any more")
  func unread() throws {
    var (table, layer) = table(endsWithMessage: true)
    let stream = StreamID(3)
    _ = table.streamAccepted(stream, from: peer, at: start)
    _ = table.streamReceived(stream, Self.request.span.bytes, at: start)
    let id = try #require(table.streamEnded(stream).receivedID(with: Self.request))
    let answered = start + .seconds(9)
    table.respond(id, with: Self.userMessage(100_000), at: answered)
    let whole = table.bytesHeld
    for second in 0..<10 {
      #expect(table.advance(to: answered + .seconds(second)).seen == nil)
      table.streamSent(stream, 1)
    }
    #expect(table.bytesHeld == whole - 10)
    #expect(table.advance(to: answered + .seconds(10)).seen == .dropped(.unread, "peer"))
    #expect(table.counters.unread == 1)
    #expect(table.counters.expired == 0)
    #expect(layer.resets == [stream])
    #expect(table.count == 0)
    #expect(table.bytesHeld == 0)
  }

  @Test("of a peer's whose connection is lost during the answer holds nothing any more")
  func lostUnderAnswer() throws {
    var (table, _) = table()
    let stream = StreamID(3)
    _ = table.streamAccepted(stream, from: peer, at: start)
    _ = table.streamReceived(stream, Self.request.span.bytes, at: start)
    let id = try #require(table.streamEnded(stream).receivedID(with: Self.request))
    table.respond(id, with: Self.userMessage(1000), at: start)
    #expect(table.streamFailed(stream, .broken).seen == nil)
    #expect(table.bytesHeld == 0)
    #expect(table.count == 0)
    #expect(table.counters == ExchangeCounters())
  }

  @Test("of ours whose peer answers without having read the request is reset, so that the rest of it is not kept")
  func answeredUnread() throws {
    var (table, layer) = table()
    let stream = try open(&table, layer)
    #expect(table.bytesHeld == Self.request.count)
    table.streamSent(stream, 1)
    _ = table.streamReceived(stream, Self.reply.span.bytes, at: start)
    #expect(table.streamEnded(stream).seen == .completed(1, Self.reply, "peer"))
    #expect(layer.resets == [stream])
    #expect(table.bytesHeld == 0)
  }

  @Test("of a peer's that is refused ends with a reset, and only once")
  func refused() throws {
    var (table, layer) = table()
    let stream = StreamID(3)
    _ = table.streamAccepted(stream, from: peer, at: start)
    _ = table.streamReceived(stream, Self.request.span.bytes, at: start)
    let id = try #require(table.streamEnded(stream).receivedID(with: Self.request))
    table.refuse(id, saying: nil, at: start)
    table.refuse(id, saying: nil, at: start)
    table.respond(id, with: Self.reply, at: start)
    #expect(layer.resets == [stream])
    #expect(layer.written[stream] == nil)
    #expect(table.count == 0)
  }

  @Test("of a peer's is received once where streams stay open, whatever follows the message")
  func bytesAfterRequest() throws {
    var (table, layer) = table(endsWithMessage: false)
    let stream = StreamID(3)
    _ = table.streamAccepted(stream, from: peer, at: start)
    let id = try #require(table.streamReceived(stream, Self.request.span.bytes, at: start).receivedID(with: Self.request))
    #expect(table.streamReceived(stream, [1, 2, 3].span.bytes, at: start).seen == nil)
    #expect(table.streamEnded(stream).seen == nil)
    table.respond(id, with: Self.reply, at: start)
    #expect(layer.written[stream] == Self.reply)
    #expect(layer.resets.isEmpty)
    #expect(table.counters == ExchangeCounters())
  }

  @Test("of a peer's that is reset by it is counted and forgotten")
  func resetByPeer() {
    var (table, _) = table()
    _ = table.streamAccepted(StreamID(3), from: peer, at: start)
    _ = table.streamReceived(StreamID(3), Self.request.span.bytes, at: start)
    #expect(table.streamFailed(StreamID(3), .broken).seen == nil)
    #expect(table.counters.broken == 1)
    #expect(table.count == 0)
  }

  // MARK: Bad input

  static let unusable: [(String, [UInt8])] = [
    ("nothing", []), ("half a message", request.dropLast()), ("a message and a byte", request + [0]), ("two messages", request + request),
    ("a type of packets", [MessageType.suspect.rawValue, 0x80]), ("no type", [0x63]), ("not MessagePack", [0, 0xc1]),
    ("a length beyond all limits", [MessageType.user.rawValue, 0x81, 0xaa] + Array("UserMsgLen".utf8) + [0xce, 0xff, 0xff, 0xff, 0xff]),
    ("a negative length", [MessageType.user.rawValue, 0x81, 0xaa] + Array("UserMsgLen".utf8) + [0xff]),
  ].map { ($0, Array($1)) }

  @Test("that is not exactly one message is counted and reset", arguments: unusable.indices)
  func malformed(index: Int) {
    let (what, bytes) = Self.unusable[index]
    var (table, layer) = table()
    _ = table.streamAccepted(StreamID(3), from: peer, at: start)
    let seen = [table.streamReceived(StreamID(3), bytes.span.bytes, at: start).seen, table.streamEnded(StreamID(3)).seen].compactMap(\.self)
    #expect(seen == [.dropped(.malformed, "peer")], "\(what)")
    #expect(table.counters.malformed == 1, "\(what)")
    #expect(layer.resets == [StreamID(3)], "\(what)")
    #expect(table.count == 0)
  }

  @Test("that grows beyond its limit is reset, whole or not", arguments: [true, false])
  func tooLarge(isWhole: Bool) {
    var (table, layer) = table { $0.bytesPerExchange = 100 }
    let message = Self.userMessage(200)
    _ = table.streamAccepted(StreamID(3), from: peer, at: start)
    let sent = isWhole ? message : message.dropLast(50)
    #expect(table.streamReceived(StreamID(3), sent.span.bytes, at: start).seen == .dropped(.tooLarge, "peer"))
    #expect(table.counters.tooLarge == 1)
    #expect(layer.resets == [StreamID(3)])
  }

  @Test("at exactly its limit is received")
  func justFits() throws {
    let message = Self.userMessage(200)
    var (table, _) = table { $0.bytesPerExchange = message.count }
    _ = table.streamAccepted(StreamID(3), from: peer, at: start)
    _ = table.streamReceived(StreamID(3), message.span.bytes, at: start)
    #expect(table.streamEnded(StreamID(3)).receivedID(with: message) != nil)
  }

  // MARK: Room

  private func peer(_ name: NodeName) -> Peer {
    Peer(address: NodeAddress(ipv4: 10, 0, 0, 9, port: 7946), provenName: name)
  }

  /// Accepts an exchange of `name` and passes in the first `count` bytes of its request.
  private func begin(_ number: UInt64, of name: NodeName, _ count: Int, in table: inout ExchangeTable) -> Seen? {
    _ = table.streamAccepted(StreamID(number), from: peer(name), at: start)
    return table.streamReceived(StreamID(number), Array(Self.userMessage(10_000)[..<count]).span.bytes, at: start).seen
  }

  private func evicted(_ table: inout ExchangeTable) -> [Seen] {
    var seen: [Seen] = []
    while let event = table.advance(to: start).seen { seen.append(event) }
    return seen
  }

  @Test("finds room for its bytes with the oldest of the peer that holds most, which is the asking one where it would")
  func bytesMakeRoom() {
    var (table, layer) = table { $0.bytesInProgress = 1000 }
    for number in [3, 5, 7] as [UInt64] { #expect(begin(number, of: "greedy", 300, in: &table) == nil) }
    #expect(begin(9, of: "honest", 200, in: &table) == nil)
    #expect(table.nextDeadline == .zero)
    #expect(evicted(&table) == [.dropped(.overBudget, "greedy")])
    #expect(layer.resets == [StreamID(3)])
    // Now the greedy one wants more, and makes room itself.
    #expect(begin(11, of: "greedy", 300, in: &table) == nil)
    #expect(layer.resets == [StreamID(3), StreamID(5)])
    #expect(begin(13, of: "modest", 100, in: &table) == nil)
    #expect(layer.resets == [StreamID(3), StreamID(5)])
    #expect(table.bytesHeld == 900)
    #expect(table.counters.overBudget == 2)
  }

  @Test("that would hold most itself is given up, and nothing else is")
  func wouldHoldMost() {
    var (table, layer) = table { $0.bytesInProgress = 1000 }
    #expect(begin(3, of: "one", 500, in: &table) == nil)
    #expect(begin(5, of: "two", 600, in: &table) == .dropped(.overBudget, "two"))
    #expect(layer.resets == [StreamID(5)])
    #expect(table.bytesHeld == 500)
    #expect(table.counters.overBudget == 1)
  }

  @Test("that is answered makes room with the answer that its peer does not read")
  func unreadMakesRoom() throws {
    var (table, layer) = table { $0.bytesInProgress = 1000 }
    for number in [3, 5] as [UInt64] {
      _ = table.streamAccepted(StreamID(number), from: peer("deaf"), at: start)
      _ = table.streamReceived(StreamID(number), Self.request.span.bytes, at: start)
      let id = try #require(table.streamEnded(StreamID(number)).receivedID(with: Self.request))
      table.respond(id, with: Self.userMessage(400), at: start)
    }
    #expect(layer.resets.isEmpty)
    #expect(begin(7, of: "honest", 400, in: &table) == nil)
    #expect(layer.resets == [StreamID(3)])
    #expect(evicted(&table) == [.dropped(.overBudget, "deaf")])
  }

  /// Passes a push/pull of `name` to the core and answers it with `count` bytes. Returns the event of the request if the core does not get it.
  private func pushPull(_ number: UInt64, of name: NodeName, answered count: Int, in table: inout ExchangeTable) -> Seen? {
    let request = Self.encoded { PushPullHeader(isJoin: false, nodeCount: 0, userStateLength: 0).encode(into: &$0) }
    _ = table.streamAccepted(StreamID(number), from: peer(name), at: start)
    _ = table.streamReceived(StreamID(number), request.span.bytes, at: start)
    let event = table.streamEnded(StreamID(number))
    guard let id = event.receivedID(with: request) else { return event.seen }
    table.respond(id, with: [UInt8](repeating: 0x55, count: count), at: start)
    return nil
  }

  @Test("that asks for a state is refused before it is answered, where the answer would displace another that the same peer has not read")
  func unreadIsNotAnsweredAgain() {
    var (table, layer) = table { $0.bytesInProgress = 1000 }
    for number in [3, 5] as [UInt64] { #expect(pushPull(number, of: "deaf", answered: 400, in: &table) == nil) }
    #expect(pushPull(7, of: "deaf", answered: 400, in: &table) == .dropped(.overBudget, "deaf"))
    #expect(layer.resets == [StreamID(7)], "and both others stay")
    #expect(pushPull(9, of: "honest", answered: 400, in: &table) == nil)
    #expect(layer.resets == [StreamID(7), StreamID(3)])
    table.streamSent(StreamID(5), 400)
    table.streamSent(StreamID(9), 400)
    #expect(table.bytesHeld == 0)
    #expect(pushPull(11, of: "deaf", answered: 2000, in: &table) == nil, "an answer without room says nothing about the next")
    #expect(pushPull(13, of: "deaf", answered: 400, in: &table) == nil)
    #expect(table.counters.overBudget == 3)
  }

  @Test("is reset instead of answered when there is no room for the answer")
  func noRoomForAnswer() throws {
    var (table, layer) = table { $0.bytesInProgress = 1000 }
    _ = table.streamAccepted(StreamID(3), from: peer("deaf"), at: start)
    _ = table.streamReceived(StreamID(3), Self.request.span.bytes, at: start)
    let id = try #require(table.streamEnded(StreamID(3)).receivedID(with: Self.request))
    table.respond(id, with: Self.userMessage(2000), at: start)
    #expect(layer.written[StreamID(3)] == nil)
    #expect(layer.resets == [StreamID(3)])
    #expect(evicted(&table) == [.dropped(.overBudget, "deaf")])
    #expect(table.count == 0)
    #expect(table.bytesHeld == 0)
  }

  @Test("60 unfinished ones of 15 MB, in pieces of 64 KiB, never hold more than 48 MiB", arguments: [1, 60])
  func sixtyLargeOnes(peers: Int) {
    var (table, _) = table(endsWithMessage: false)
    let piece = [UInt8](repeating: 0x55, count: 64 << 10)
    let head = Self.encoded { UserMessageHeader(length: 15 << 20).encode(into: &$0) }
    var most = 0
    for number in 0..<60 {
      let stream = StreamID(UInt64(2 * number + 3))
      let source = Peer(address: NodeAddress(ipv4: 10, 0, UInt8(number % peers), 1, port: UInt16(5000 + number)))
      _ = table.streamAccepted(stream, from: source, at: start)
      _ = table.streamReceived(stream, head.span.bytes, at: start)
    }
    for _ in 0..<239 {
      for number in 0..<60 { _ = table.streamReceived(StreamID(UInt64(2 * number + 3)), piece.span.bytes, at: start) }
      most = max(most, table.bytesHeld)
    }
    #expect(most <= 48 << 20)
    #expect(most > 40 << 20, "the budget is used")
    #expect(table.counters.overBudget > 0)
  }

  @Test(
    "of a peer's that is refused with a reason gets it where streams stay open, and elsewhere only if the request is right",
    arguments: [true, false], [true, false])
  func refusedWithReason(endsWithMessage: Bool, isValid: Bool) throws {
    var (table, layer) = table(endsWithMessage: endsWithMessage)
    _ = table.streamAccepted(StreamID(3), from: peer, at: start)
    let event = table.streamReceived(StreamID(3), Self.request.span.bytes, at: start) ?? table.streamEnded(StreamID(3))
    let id = try #require(event.receivedID(with: Self.request))
    table.refuse(id, saying: "no", isValid: isValid, at: start)
    let reply = Self.encoded { ErrorMessage(text: Array("no".utf8).span.bytes).encode(into: &$0) }
    let isReset = endsWithMessage && !isValid
    #expect(layer.written[StreamID(3)] == (isReset ? nil : reply))
    #expect(layer.resets == (isReset ? [StreamID(3)] : []))
    #expect(layer.released == (isReset ? [] : [StreamID(3)]))
  }

  @Test("that only checked whether the port is open is no mistake where streams stay open")
  func portCheck() {
    var (table, layer) = table(endsWithMessage: false)
    _ = table.streamAccepted(StreamID(3), from: peer, at: start)
    #expect(table.streamEnded(StreamID(3)).seen == nil)
    #expect(layer.released == [StreamID(3)])
    #expect(table.counters == ExchangeCounters())
    #expect(table.count == 0)
  }

  @Test("of ours fails as refused when the budget is used up")
  func oursOverBudget() throws {
    var (table, layer) = table { $0.bytesInProgress = 4 }
    let stream = try open(&table, layer)
    table.streamSent(stream, Self.request.count)
    #expect(table.streamReceived(stream, Self.reply.span.bytes, at: start).seen == .failed(1, .refused))
  }

  @Test("beyond the number at once takes the place of the oldest of the peer that has most; those of ours do not count")
  func tooMany() throws {
    var (table, layer) = table { $0.acceptedInProgress = 6 }
    let ours = try open(&table, layer)
    _ = begin(3, of: "honest", 10, in: &table)
    _ = begin(5, of: "greedy", 10, in: &table)
    #expect(layer.resets.isEmpty)
    _ = begin(7, of: "late", 10, in: &table)
    // There are two places for all but pings, and each has one: the older is given up.
    #expect(layer.resets == [StreamID(3)])
    #expect(evicted(&table) == [.dropped(.tooMany, "honest")])
    for number in [9, 11, 13] as [UInt64] { _ = begin(number, of: "greedy", 10, in: &table) }
    #expect(layer.resets == [StreamID(3), StreamID(5), StreamID(9), StreamID(11)], "the greedy one displaces itself")
    #expect(table.counters.tooMany == 4)
    #expect(table.streamEnded(ours).seen == .completed(1, [], "peer"))
  }

  @Test("of one peer that fills all places lets every other in, and every ping")
  func placesForOthers() throws {
    var (table, layer) = table()
    for number in 0..<256 { _ = begin(UInt64(2 * number + 3), of: "greedy", 10, in: &table) }
    let before = layer.resets.count
    #expect(before == 256 - 123)
    for number in 0..<50 as Range<UInt64> {
      let stream = StreamID(1001 + 2 * number)
      _ = table.streamAccepted(stream, from: peer(NodeName("honest-\(number)")), at: start)
      // While its request arrives, the greedy one comes back for the place that it lost.
      _ = begin(5001 + 2 * number, of: "greedy", 10, in: &table)
      _ = table.streamReceived(stream, Self.request.span.bytes, at: start)
      #expect(table.streamEnded(stream).receivedID(with: Self.request) != nil)
      #expect(!layer.resets.contains(stream))
    }
  }

  @Test("that is a ping keeps its place against a flood of others, up to four of them, as long as it is small")
  func pings() throws {
    var (table, layer) = table { $0.acceptedInProgress = 6 }
    for number in [3, 5, 7, 9, 11] as [UInt64] {
      _ = table.streamAccepted(StreamID(number), from: peer("pinger"), at: start)
      _ = table.streamReceived(StreamID(number), Array(Self.request.dropLast()).span.bytes, at: start)
    }
    for number in 0..<10 as Range<UInt64> { _ = begin(101 + 2 * number, of: NodeName("other-\(number)"), 10, in: &table) }
    #expect(layer.resets.first == StreamID(11), "the fifth has a place like any other")
    #expect(layer.resets.allSatisfy { $0.value >= 11 })
    for number in [3, 5, 7, 9] as [UInt64] {
      _ = table.streamReceived(StreamID(number), Array(Self.request.suffix(1)).span.bytes, at: start)
      #expect(table.streamEnded(StreamID(number)).receivedID(with: Self.request) != nil)
    }
  }

  @Test("whose bytes come one a second is given up at its deadline, however regularly they come")
  func trickled() {
    var (table, layer) = table { $0.acceptedDeadline = .seconds(10) }
    let message = Self.userMessage(1000)
    _ = table.streamAccepted(StreamID(3), from: peer, at: start)
    for second in 0..<10 {
      #expect(table.advance(to: start + .seconds(second)).seen == nil)
      #expect(table.streamReceived(StreamID(3), [message[second]].span.bytes, at: start).seen == nil)
      #expect(layer.resets.isEmpty)
    }
    #expect(table.advance(to: start + .seconds(10)).seen == .dropped(.expired, "peer"))
    #expect(table.counters.expired == 1)
    #expect(layer.resets == [StreamID(3)])
    #expect(table.count == 0)
    #expect(table.nextDeadline == nil)
  }

  @Test("that is received and not answered ends at the same deadline")
  func neverAnswered() throws {
    var (table, layer) = table()
    _ = table.streamAccepted(StreamID(3), from: peer, at: start)
    _ = table.streamReceived(StreamID(3), Self.request.span.bytes, at: start)
    let id = try #require(table.streamEnded(StreamID(3)).receivedID(with: Self.request))
    #expect(table.advance(to: start + .seconds(10)).seen == .dropped(.expired, "peer"))
    #expect(layer.resets == [StreamID(3)])
    table.respond(id, with: Self.reply, at: start)
    #expect(layer.written[StreamID(3)] == nil)
  }

  @Test("that was never opened is ignored")
  func unknownStream() {
    var (table, layer) = table()
    #expect(table.streamReceived(StreamID(99), [1].span.bytes, at: start).seen == nil)
    #expect(table.streamEnded(StreamID(99)).seen == nil)
    #expect(table.streamFailed(StreamID(99), .broken).seen == nil)
    #expect(layer.resets.isEmpty)
    #expect(table.counters == ExchangeCounters())
  }
}

/// An event in a form that can be compared.
private enum Seen: Equatable {
  case received([UInt8], NodeName?)
  case completed(UInt64, [UInt8], NodeName?)
  case failed(UInt64, ContactFailure)
  case unopened(UInt64, EnvelopeProblem)
  case dropped(ExchangeProblem, NodeName?)
}

extension ExchangeTable.Event? {
  fileprivate var seen: Seen? {
    switch self {
    case .received(_, let message, let peer): .received(message, peer.provenName)
    case .completed(let id, let reply, let peer): .completed(id.value, reply, peer.provenName)
    case .failed(let id, let reason): .failed(id.value, reason)
    case .unopened(let id, let problem, _): .unopened(id.value, problem)
    case .dropped(let problem, let peer): .dropped(problem, peer.provenName)
    case nil: nil
    }
  }

  /// The exchange to answer, if it carries this request.
  fileprivate func receivedID(with request: [UInt8]) -> ExchangeID? {
    guard case .received(let id, request, _) = self else { return nil }
    return id
  }
}
