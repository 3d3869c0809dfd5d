import Memberlist
import SerfPrimitives
import SerfTransport
import Testing

@Suite struct ExchangeTableTests {
  private let start = Instant.zero
  private let peer = Peer(address: NodeAddress(ipv4: 10, 0, 0, 2, port: 7946), provenName: "peer")
  /// A ping, and what answers it: the smallest messages of a stream.
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

  /// Opens exchange 1 of ours, due in five seconds.
  private func open(_ table: inout ExchangeTable, _ layer: ScriptedLayer) throws -> StreamID {
    table.open(
      ExchangeID(1), to: .anyMember(peer.address), path: .warm, deadline: start + .seconds(5), request: Self.request, at: start)
    let stream = try #require(layer.opened.last)
    table.streamOpened(stream, peer: peer)
    return stream
  }

  // MARK: Ours

  @Test("of ours sends its request with the stream's end and completes with the reply's end, not before")
  func ours() throws {
    var (table, layer) = table()
    let stream = try open(&table, layer)
    #expect(layer.written[stream] == Self.request)
    #expect(layer.finished.contains(stream))
    #expect(table.streamReceived(stream, Self.reply.span.bytes).seen == nil)
    #expect(table.streamEnded(stream).seen == .completed(1, Self.reply, "peer"))
    #expect(table.count == 0)
    #expect(layer.resets.isEmpty)
  }

  @Test("of ours completes with the reply's last byte where streams do not end with messages")
  func oursOnOpenStream() throws {
    var (table, layer) = table(endsWithMessage: false)
    let stream = try open(&table, layer)
    #expect(!layer.finished.contains(stream))
    for byte in Self.reply.dropLast() { #expect(table.streamReceived(stream, [byte].span.bytes).seen == nil) }
    #expect(table.streamReceived(stream, [Self.reply.last ?? 0].span.bytes).seen == .completed(1, Self.reply, "peer"))
    #expect(table.count == 0)
  }

  @Test("of ours completes empty when the peer ends its half without a word")
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

  @Test("of ours fails at its deadline, and what comes later is nobody's")
  func oursExpires() throws {
    var (table, layer) = table()
    let stream = try open(&table, layer)
    #expect(table.nextDeadline == start + .seconds(5))
    #expect(table.advance(to: start + .seconds(5) - .nanoseconds(1)).seen == nil)
    #expect(table.advance(to: start + .seconds(5)).seen == .failed(1, .deadline))
    #expect(table.counters.expired == 1)
    #expect(layer.resets == [stream])
    #expect(table.streamReceived(stream, Self.reply.span.bytes).seen == nil)
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

  @Test("of ours with a reply that is none fails at once", arguments: [[0xff], [0x80, 0x01], [4, 0x80]] as [[UInt8]])
  func malformedReply(bytes: [UInt8]) throws {
    var (table, layer) = table()
    let stream = try open(&table, layer)
    #expect(table.streamReceived(stream, bytes.span.bytes).seen == .failed(1, .broken))
    #expect(table.counters.malformed == 1)
    #expect(layer.resets == [stream])
  }

  // MARK: Theirs

  @Test("of a peer's is received when the stream ends after it, and answered on the same stream", arguments: [1, 3, 1000])
  func theirs(pieceSize: Int) throws {
    var (table, layer) = table()
    let stream = StreamID(3)
    _ = table.streamAccepted(stream, from: peer, at: start)
    for start in stride(from: 0, to: Self.request.count, by: pieceSize) {
      let piece = Array(Self.request[start..<min(start + pieceSize, Self.request.count)])
      #expect(table.streamReceived(stream, piece.span.bytes).seen == nil)
    }
    #expect(layer.consumed[stream] == Self.request.count)
    let id = try #require(table.streamEnded(stream).receivedID(with: Self.request))
    table.respond(id, with: Self.reply)
    #expect(layer.written[stream] == Self.reply)
    #expect(layer.finished.contains(stream))
    #expect(table.count == 0)
    #expect(table.counters == ExchangeCounters())
  }

  @Test("of a peer's that is refused ends with a reset, and only once")
  func refused() throws {
    var (table, layer) = table()
    let stream = StreamID(3)
    _ = table.streamAccepted(stream, from: peer, at: start)
    _ = table.streamReceived(stream, Self.request.span.bytes)
    let id = try #require(table.streamEnded(stream).receivedID(with: Self.request))
    table.refuse(id, saying: nil)
    table.refuse(id, saying: nil)
    table.respond(id, with: Self.reply)
    #expect(layer.resets == [stream])
    #expect(layer.written[stream] == nil)
    #expect(table.count == 0)
  }

  @Test("of a peer's is received once where streams stay open, whatever follows the message")
  func bytesAfterRequest() throws {
    var (table, layer) = table(endsWithMessage: false)
    let stream = StreamID(3)
    _ = table.streamAccepted(stream, from: peer, at: start)
    let id = try #require(table.streamReceived(stream, Self.request.span.bytes).receivedID(with: Self.request))
    #expect(table.streamReceived(stream, [1, 2, 3].span.bytes).seen == nil)
    #expect(table.streamEnded(stream).seen == nil)
    table.respond(id, with: Self.reply)
    #expect(layer.written[stream] == Self.reply)
    #expect(layer.resets.isEmpty)
    #expect(table.counters == ExchangeCounters())
  }

  @Test("of a peer's that is reset by it is counted and forgotten")
  func resetByPeer() {
    var (table, _) = table()
    _ = table.streamAccepted(StreamID(3), from: peer, at: start)
    _ = table.streamReceived(StreamID(3), Self.request.span.bytes)
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
    let seen = [table.streamReceived(StreamID(3), bytes.span.bytes).seen, table.streamEnded(StreamID(3)).seen].compactMap(\.self)
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
    #expect(table.streamReceived(StreamID(3), sent.span.bytes).seen == .dropped(.tooLarge, "peer"))
    #expect(table.counters.tooLarge == 1)
    #expect(layer.resets == [StreamID(3)])
  }

  @Test("at exactly its limit is received")
  func justFits() throws {
    let message = Self.userMessage(200)
    var (table, _) = table { $0.bytesPerExchange = message.count }
    _ = table.streamAccepted(StreamID(3), from: peer, at: start)
    _ = table.streamReceived(StreamID(3), message.span.bytes)
    #expect(table.streamEnded(StreamID(3)).receivedID(with: message) != nil)
  }

  @Test("that the common budget has no room for is reset; room comes back with the end of another")
  func overBudget() throws {
    var (table, layer) = table { $0.bytesInProgress = 300 }
    let part = Array(Self.userMessage(1000)[..<200])
    for number in [3, 5, 7] as [UInt64] { _ = table.streamAccepted(StreamID(number), from: peer, at: start) }
    _ = table.streamReceived(StreamID(3), part.span.bytes)
    #expect(table.streamReceived(StreamID(5), part.span.bytes).seen == .dropped(.overBudget, "peer"))
    #expect(table.counters.overBudget == 1)
    #expect(layer.resets == [StreamID(5)])
    _ = table.streamFailed(StreamID(3), .broken)
    _ = table.streamReceived(StreamID(7), part.span.bytes)
    #expect(table.counters.overBudget == 1)
    #expect(table.count == 1)
  }

  @Test("that holds the most makes room for one that needs little")
  func largestMakesRoom() throws {
    var (table, layer) = table { $0.bytesInProgress = 300 }
    for number in [3, 5] as [UInt64] { _ = table.streamAccepted(StreamID(number), from: peer, at: start) }
    _ = table.streamReceived(StreamID(3), Array(Self.userMessage(1000)[..<250]).span.bytes)
    #expect(table.streamReceived(StreamID(5), Array(Self.userMessage(1000)[..<100]).span.bytes).seen == nil)
    #expect(table.nextDeadline == .zero)
    #expect(table.advance(to: start).seen == .dropped(.overBudget, "peer"))
    #expect(table.advance(to: start).seen == nil)
    #expect(layer.resets == [StreamID(3)])
    #expect(table.count == 1)
  }

  @Test("of a peer's that is refused with a reason is told it where streams stay open, and reset elsewhere", arguments: [true, false])
  func refusedWithReason(endsWithMessage: Bool) throws {
    var (table, layer) = table(endsWithMessage: endsWithMessage)
    _ = table.streamAccepted(StreamID(3), from: peer, at: start)
    let event = table.streamReceived(StreamID(3), Self.request.span.bytes) ?? table.streamEnded(StreamID(3))
    let id = try #require(event.receivedID(with: Self.request))
    table.refuse(id, saying: "no")
    let reply = Self.encoded { ErrorMessage(text: Array("no".utf8).span.bytes).encode(into: &$0) }
    #expect(layer.written[StreamID(3)] == (endsWithMessage ? nil : reply))
    #expect(layer.resets == (endsWithMessage ? [StreamID(3)] : []))
    #expect(layer.released == (endsWithMessage ? [] : [StreamID(3)]))
  }

  @Test("of nobody, who looked whether the port is open, is no mistake where streams stay open")
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
    #expect(table.streamReceived(stream, Self.reply.span.bytes).seen == .failed(1, .refused))
  }

  @Test("beyond the number of exchanges at once is reset; those of ours do not count")
  func tooMany() throws {
    var (table, layer) = table { $0.acceptedInProgress = 2 }
    let ours = try open(&table, layer)
    for number in [3, 5, 7] as [UInt64] { _ = table.streamAccepted(StreamID(number), from: peer, at: start) }
    #expect(table.counters.tooMany == 1)
    #expect(layer.resets == [StreamID(7)])
    #expect(table.streamReceived(StreamID(7), Self.request.span.bytes).seen == nil)
    _ = table.streamFailed(StreamID(3), .broken)
    _ = table.streamAccepted(StreamID(9), from: peer, at: start)
    #expect(table.counters.tooMany == 1)
    #expect(table.streamEnded(ours).seen == .completed(1, [], "peer"))
  }

  @Test("whose bytes come one a second is given up at its deadline, however diligently they come")
  func trickled() {
    var (table, layer) = table { $0.acceptedDeadline = .seconds(10) }
    let message = Self.userMessage(1000)
    _ = table.streamAccepted(StreamID(3), from: peer, at: start)
    for second in 0..<10 {
      #expect(table.advance(to: start + .seconds(second)).seen == nil)
      #expect(table.streamReceived(StreamID(3), [message[second]].span.bytes).seen == nil)
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
    _ = table.streamReceived(StreamID(3), Self.request.span.bytes)
    let id = try #require(table.streamEnded(StreamID(3)).receivedID(with: Self.request))
    #expect(table.advance(to: start + .seconds(10)).seen == .dropped(.expired, "peer"))
    #expect(layer.resets == [StreamID(3)])
    table.respond(id, with: Self.reply)
    #expect(layer.written[StreamID(3)] == nil)
  }

  @Test("that nobody opened is ignored")
  func unknownStream() {
    var (table, layer) = table()
    #expect(table.streamReceived(StreamID(99), [1].span.bytes).seen == nil)
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
