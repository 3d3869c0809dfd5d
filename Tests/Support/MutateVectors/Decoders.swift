import SerfCore
import SerfPrimitives
import SerfWire

/// Runs every decoder over the same bytes and checks what must hold for any input.
final class Decoders {
  /// Successful decodings, by decoder: a run in which one never succeeds tests little.
  private(set) var accepted: [String: Int] = [:]
  /// The most bytes that any expansion produced.
  private(set) var largestExpansion = 0

  private var expansion = PacketWalker.Expansion()
  private var codec = LZWCodec()
  private var decoder = LZWDecoder()
  private var scratch: [UInt8] = []
  private var limits: StreamMessage.Limits = {
    var limits = StreamMessage.Limits()
    limits.total = Decoders.streamLimit
    return limits
  }()

  static let streamLimit = 1 << 20
  private static let packetBudget = 1 << 16

  func run(_ bytes: [UInt8], pieces: Int) {
    let span = bytes.span.bytes
    // With and without a type byte: the vectors have both.
    for body in 0...min(1, span.byteCount) {
      messages(span.extracting(droppingFirst: body))
      serf(span.extracting(droppingFirst: body))
      lzw(span.extracting(droppingFirst: body))
    }
    packet(span)
    stream(span, pieces: pieces)
    values(span)
    snapshot(bytes)
  }

  /// Counts a decoding that succeeds. A decoder that throws is right as well.
  private func attempt(_ name: String, _ body: () throws(WireError) -> Void) {
    do throws(WireError) {
      try body()
      accepted[name, default: 0] += 1
    } catch {}
  }

  /// A decoded value must encode to bytes that decode to the same value.
  private func expectStable(
    _ name: String, _ encode: (inout [UInt8]) -> Void, _ reencode: (RawSpan, inout [UInt8]) throws(WireError) -> Void
  ) {
    var first: [UInt8] = []
    encode(&first)
    var second: [UInt8] = []
    do throws(WireError) { try reencode(first.span.bytes.extracting(droppingFirst: 1), &second) } catch {
      fatalError("\(name): our own encoding does not decode: \(error)")
    }
    guard first == second else { fatalError("\(name): encoding is not stable") }
  }

  // MARK: Memberlist

  private func messages(_ bytes: RawSpan) {
    attempt("ping") { () throws(WireError) in
      let it = try Ping(decoding: bytes)
      expectStable("ping", { it.encode(into: &$0) }) { body, out throws(WireError) in try Ping(decoding: body).encode(into: &out) }
    }
    attempt("indirect ping") { () throws(WireError) in
      let it = try IndirectPing(decoding: bytes)
      expectStable("indirect ping", { it.encode(into: &$0) }) { body, out throws(WireError) in
        try IndirectPing(decoding: body).encode(into: &out)
      }
    }
    attempt("ack") { () throws(WireError) in
      let it = try Ack(decoding: bytes)
      if let payload = it.payload { coordinate(payload) }
      expectStable("ack", { it.encode(into: &$0) }) { body, out throws(WireError) in try Ack(decoding: body).encode(into: &out) }
    }
    attempt("nack") { () throws(WireError) in
      let it = try Nack(decoding: bytes)
      expectStable("nack", { it.encode(into: &$0) }) { body, out throws(WireError) in try Nack(decoding: body).encode(into: &out) }
    }
    attempt("suspect") { () throws(WireError) in
      let it = try Suspect(decoding: bytes)
      expectStable("suspect", { it.encode(into: &$0) }) { body, out throws(WireError) in
        try Suspect(decoding: body).encode(into: &out)
      }
    }
    attempt("dead") { () throws(WireError) in
      let it = try Dead(decoding: bytes)
      expectStable("dead", { it.encode(into: &$0) }) { body, out throws(WireError) in try Dead(decoding: body).encode(into: &out) }
    }
    attempt("alive") { () throws(WireError) in
      let it = try Alive(decoding: bytes)
      _ = TagMap.decode(meta: it.meta)
      expectStable("alive", { it.encode(into: &$0) }) { body, out throws(WireError) in
        try Alive(decoding: body).encode(into: &out)
      }
    }
    attempt("error") { () throws(WireError) in _ = try ErrorMessage(decoding: bytes) }
    attempt("compressed") { () throws(WireError) in _ = try Compressed(decoding: bytes) }
    attempt("label") { () throws(WireError) in _ = try LabelHeader(stripping: bytes) }
    attempt("node") { () throws(WireError) in
      var reader = MessagePackReader(bytes)
      _ = try PushPullNode(&reader)
    }
  }

  private func packet(_ bytes: RawSpan) {
    var walker = PacketWalker(bytes, using: &expansion, budget: Self.packetBudget)
    var total = 0
    var leaves = 0
    while let leaf = walker.next() {
      total += leaf.message.byteCount
      leaves += 1
      if leaf.type == .user { serf(leaf.body.extracting(droppingFirst: min(1, leaf.body.byteCount))) } else { messages(leaf.body) }
    }
    guard total <= bytes.byteCount + Self.packetBudget else { fatalError("the walker handed out \(total) bytes") }
    if leaves > 0, walker.problemCount == 0 { accepted["packet", default: 0] += 1 }
    expansion = walker.finish()
  }

  private func stream(_ bytes: RawSpan, pieces: Int) {
    let whole = StreamMessage.scan(bytes, limits: limits)
    // The same decision, whatever the pieces.
    var scanner = StreamMessage.Scanner(limits: limits)
    var last = StreamMessage.Progress.needsMore(atLeast: 1)
    for piece in 1...pieces { last = scanner.scan(bytes.extracting(0..<bytes.byteCount * piece / pieces)) }
    guard last == whole else { fatalError("scan: \(whole) at once, \(last) in \(pieces) pieces") }
    guard case .complete(let length) = whole else { return }
    guard length <= bytes.byteCount else { fatalError("scan: complete after more than there is") }
    accepted["stream", default: 0] += 1
    attempt("push/pull") { () throws(WireError) in
      var state = try PushPull(decoding: bytes, limits: limits)
      serf(state.userState.extracting(droppingFirst: min(1, state.userState.byteCount)))
      while try state.nextNode() != nil {}
    }
    attempt("stream expansion") { () throws(WireError) in
      try StreamMessage.expand(bytes, using: &codec, into: &scratch, limits: limits)
    }
    largestExpansion = max(largestExpansion, scratch.count)
  }

  private func lzw(_ bytes: RawSpan) {
    scratch.removeAll(keepingCapacity: true)
    attempt("lzw") { () throws(WireError) in try decoder.expand(bytes, into: &scratch, limit: Self.streamLimit) }
    largestExpansion = max(largestExpansion, scratch.count)
    guard scratch.count <= Self.streamLimit else { fatalError("lzw: expanded beyond the limit") }
    var packed: [UInt8] = []
    codec.compress(bytes, into: &packed, onlyIfSmaller: false)
    do throws(WireError) {
      scratch.removeAll(keepingCapacity: true)
      let message = try Compressed(decoding: packed.span.bytes.extracting(droppingFirst: 1))
      try codec.expand(message, into: &scratch, limit: bytes.byteCount)
      guard bytes.equals(scratch) else { fatalError("lzw: came back changed") }
    } catch {
      guard bytes.isEmpty, error == .empty else { fatalError("lzw: our own output does not expand: \(error)") }
    }
  }

  // MARK: Serf

  private func serf(_ bytes: RawSpan) {
    attempt("leave") { () throws(WireError) in _ = try LeaveMessage(decoding: bytes) }
    attempt("join") { () throws(WireError) in _ = try JoinMessage(decoding: bytes) }
    attempt("user event") { () throws(WireError) in
      let it = try UserEventMessage(decoding: bytes)
      expectStable("user event", { it.encode(into: &$0) }) { body, out throws(WireError) in
        try UserEventMessage(decoding: body).encode(into: &out)
      }
    }
    attempt("query") { () throws(WireError) in
      let it = try QueryMessage(decoding: bytes)
      var list = try QueryFilterList(it.filters)
      while let filter = try list.next() { filters(filter) }
      expectStable("query", { it.encode(into: &$0) }) { body, out throws(WireError) in
        try QueryMessage(decoding: body).encode(into: &out)
      }
    }
    attempt("query response") { () throws(WireError) in _ = try QueryResponseMessage(decoding: bytes) }
    attempt("conflict response") { () throws(WireError) in
      var tags = try ConflictResponseMessage(decoding: bytes).tags
      while tags.count > 0 { guard tags.next() != nil else { fatalError("a checked tag does not read") } }
    }
    attempt("key request") { () throws(WireError) in _ = try KeyRequestMessage(decoding: bytes) }
    attempt("key response") { () throws(WireError) in
      var keys = try KeyResponseMessage(decoding: bytes).keys
      while keys.count > 0 { guard keys.next() != nil else { fatalError("a checked key does not read") } }
    }
    attempt("key answer") { () throws(WireError) in
      let it = try KeyAnswer(decoding: bytes)
      if let fitting = it.fitting(200, size: { $0.count }), fitting.count > 200 { fatalError("a key answer is too large") }
    }
    attempt("node message") { () throws(WireError) in
      let it = try NodeMessage(decoding: bytes)
      expectStable("node message", { it.encode(into: &$0) }) { body, out throws(WireError) in
        try NodeMessage(decoding: body).encode(into: &out)
      }
    }
    attempt("offer") { () throws(WireError) in
      let it = try OfferMessage(decoding: bytes)
      guard it.digest != nil else { throw .empty }
      expectStable("offer", { it.encode(into: &$0) }) { body, out throws(WireError) in
        try OfferMessage(decoding: body).encode(into: &out)
      }
    }
    attempt("fetch") { () throws(WireError) in
      let it = try FetchMessage(decoding: bytes)
      guard it.digest != nil else { throw .empty }
      expectStable("fetch", { it.encode(into: &$0) }) { body, out throws(WireError) in
        try FetchMessage(decoding: body).encode(into: &out)
      }
    }
    attempt("relay") { () throws(WireError) in _ = try RelayMessage(decoding: bytes) }
    coordinate(bytes)
    attempt("serf push/pull") { () throws(WireError) in
      let it = try SerfPushPull(decoding: bytes)
      var offers = it.offers
      while offers.count > 0 { guard offers.next() != nil else { fatalError("a checked offer does not read") } }
      if it.user != nil { accepted["user state", default: 0] += 1 }
      var statuses = it.statusTimes
      while statuses.count > 0 { guard statuses.next() != nil else { fatalError("a checked status does not read") } }
      var left = it.leftMembers
      while left.count > 0 { guard left.next() != nil else { fatalError("a checked name does not read") } }
      var slots = it.events
      while var slot = slots.next() {
        while slot.count > 0 { guard slot.next() != nil else { fatalError("a checked event does not read") } }
      }
    }
    filters(bytes)
    _ = TagMap.decode(meta: bytes)
  }

  private func coordinate(_ bytes: RawSpan) {
    attempt("coordinate") { () throws(WireError) in _ = try CoordinateMessage(decoding: bytes) }
  }

  private func filters(_ bytes: RawSpan) {
    do throws(WireError) {
      var names = try QueryFilterView(decoding: bytes).names
      while names.count > 0 { guard names.next() != nil else { fatalError("a checked name does not read") } }
    } catch {}
  }

  // MARK: Files

  /// Whatever is in the file, what was read from it is what is read again once it is written anew.
  private func snapshot(_ bytes: [UInt8]) {
    let restored = RestoredState(reading: bytes, rejoinAfterLeave: bytes.count % 2 == 0)
    var file: [UInt8] = []
    restored.state.encode(into: &file)
    let again = RestoredState(reading: file, rejoinAfterLeave: false)
    guard again.state == restored.state, again.findings.isEmpty else { fatalError("snapshot: our own file reads otherwise") }
    guard restored.state.members.count <= bytes.count / 8 else { fatalError("snapshot: more members than lines") }
    if restored.state != SnapshotState() { accepted["snapshot", default: 0] += 1 }
  }

  // MARK: MessagePack

  private func values(_ bytes: RawSpan) {
    attempt("values") { () throws(WireError) in
      var reader = MessagePackReader(bytes)
      while !reader.isAtEnd {
        let offset = reader.offset
        _ = try reader.peekKind()
        try reader.skip()
        guard reader.offset > offset, reader.offset <= bytes.byteCount else { fatalError("skip went astray") }
      }
    }
  }
}
