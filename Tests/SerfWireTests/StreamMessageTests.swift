import SerfPrimitives
import SerfWire
import Testing
import VectorSupport

@Suite struct StreamMessageTests {
  /// Feeds a stream one byte at a time and checks that only the last byte completes it.
  private func expectCompleteAtEnd(_ bytes: [UInt8], _ name: String) {
    var scanner = StreamMessage.Scanner()
    for count in 0..<bytes.count {
      let progress = scanner.scan(bytes.span.bytes.extracting(0..<count))
      guard case .needsMore(let needed) = progress, needed > count, needed <= bytes.count else {
        Issue.record("\(name): \(progress) after \(count) bytes")
        return
      }
    }
    #expect(scanner.scan(bytes.span.bytes) == .complete(bytes.count), "\(name)")
    #expect(StreamMessage.scan((bytes + [0, 0]).span.bytes) == .complete(bytes.count), "\(name)")
  }

  @Test("each plain content vector completes with its last byte, however it comes")
  func contents() throws {
    var complete = 0
    var truncated = 0
    for vector in try MemberlistVector.all("stream-plain") {
      let bytes = try #require(vector.bytes)
      if vector.note.hasPrefix("TRUNCATED") {
        let length = 1 + headerLength(bytes) + 40_000
        #expect(StreamMessage.scan(bytes.span.bytes) == .needsMore(atLeast: length), "\(vector.name)")
        truncated += 1
        continue
      }
      expectCompleteAtEnd(bytes, vector.name)
      if vector.fields["type"].integer == 6 {
        try expectPushPull(bytes, vector.fields, nodes: vector.fields["nodes"].array, vector.name)
      } else {
        try expectUser(bytes, vector.fields, vector.name)
      }
      complete += 1
    }
    #expect(complete == 4 && truncated == 2)
  }

  @Test("each plain stream vector completes with its last byte and holds its message")
  func streams() throws {
    var counts: [String: Int] = [:]
    for vector in try MemberlistVector.all("tcp-stream") where vector.isPlain {
      let name = vector.name
      let stream = try #require(vector.bytes)
      let label = try LabelHeader(stripping: stream.span.bytes)
      let expectedLabel = Array((vector.fields["label"].string ?? "").utf8)
      let labelFits = label.label.equals(expectedLabel)
      #expect(labelFits, "\(name)")
      var content = [UInt8](copying: label.rest)
      expectCompleteAtEnd(content, name)
      if content[0] == MessageType.compressed.rawValue {
        var codec = LZWCodec()
        var expanded: [UInt8] = []
        try StreamMessage.expand(content.span.bytes, using: &codec, into: &expanded)
        var packed: [UInt8] = []
        codec.compress(expanded.span.bytes, into: &packed, onlyIfSmaller: false)
        #expect(packed.hex == content.hex, "\(name)")
        content = expanded
        expectCompleteAtEnd(content, name)
        counts["compressed", default: 0] += 1
      }
      let fields = vector.fields
      switch MessageType(rawValue: content[0]) {
      case .pushPull:
        let nodes = fields["nodes"].array.isEmpty ? [fields["node"]] : fields["nodes"].array
        let header = fields["pushPull"] == .null ? fields : fields["pushPull"]
        try expectPushPull(content, header, nodes: nodes, name, user: fields["user"])
        counts["push/pull", default: 0] += 1
      case .user:
        try expectUser(content, fields, name)
        counts["user", default: 0] += 1
      case .ping:
        if let inner = fields["inner"].hex { #expect(content.hex == inner.hex, "\(name)") }
        counts["ping", default: 0] += 1
      case .ack:
        let ack = try Ack(decoding: content.span.bytes.extracting(droppingFirst: 1))
        let isNil = ack.payload == nil
        #expect(isNil && ack.sequenceNumber == 11)
        counts["ack", default: 0] += 1
      case .error:
        let error = try ErrorMessage(decoding: content.span.bytes.extracting(droppingFirst: 1))
        #expect(String(decoding: [UInt8](copying: error.text), as: UTF8.self) == fields["err"]["Error"].string)
        counts["error", default: 0] += 1
      default: Issue.record("\(name): unexpected type \(content[0])")
      }
    }
    #expect(counts == ["compressed": 9, "push/pull": 5, "user": 3, "ping": 5, "ack": 1, "error": 1])
  }

  @Test("one byte at a time is linear work")
  func linear() {
    let nodes = 2_000
    var message: [UInt8] = []
    PushPullHeader(isJoin: false, nodeCount: nodes, userStateLength: 5_000).encode(into: &message)
    for index in 0..<nodes {
      PushPullNode(
        name: Array("node-\(index)".utf8).span.bytes, address: NodeAddress(ipv4: 10, 0, 0, 1, port: 7946), meta: nil,
        incarnation: 1, state: 0, versions: nil
      ).encode(into: &message)
    }
    message.append(contentsOf: [UInt8](repeating: 0, count: 5_000))
    expectCompleteAtEnd(message, "2,000 nodes")
  }

  static let hopeless: [(String, WireError)] = [
    ("01", .unexpectedType),  // an indirect ping
    ("0780", .unexpectedType),  // a compound
    ("0a00000001", .unexpectedType),  // sealed: not content
    ("ff", .unexpectedType),
    ("00c1", .unexpectedKind),
    ("00dfffffffff", .tooLarge),  // a ping with 2^32 - 1 fields
    ("00dbffffffff", .tooLarge),
    ("0681a54e6f646573ff", .outOfRange),  // -1 nodes
    ("0681a54e6f646573ce00100001", .tooLarge),  // one node too many
    ("0681ac5573657253746174654c656eff", .outOfRange),
    ("0681ac5573657253746174654c656ece01400001", .tooLarge),
    ("0681a54e6f646573c3", .unexpectedKind),
    ("0881aa557365724d73674c656ece01400001", .tooLarge),
    ("0881aa557365724d73674c656ed0ff", .outOfRange),
    ("0982a4416c676f00a3427566dbffffffff", .tooLarge),
  ]

  @Test("what no continuation can fix is malformed at once", arguments: hopeless)
  func malformed(hex: String, error: WireError) throws {
    let bytes = try #require([UInt8](hex: hex))
    #expect(StreamMessage.scan(bytes.span.bytes) == .malformed(error))
    var scanner = StreamMessage.Scanner()
    for count in 0..<bytes.count { _ = scanner.scan(bytes.span.bytes.extracting(0..<count)) }
    #expect(scanner.scan(bytes.span.bytes) == .malformed(error))
    #expect(scanner.scan(bytes.span.bytes) == .malformed(error))
  }

  @Test("a compression of a compression, of nothing, of half a message is refused")
  func expansions() {
    func expanded(_ content: [UInt8], limits: StreamMessage.Limits = .init()) -> WireError? {
      var codec = LZWCodec()
      var message: [UInt8] = []
      codec.compress(content.span.bytes, into: &message, onlyIfSmaller: false)
      var output: [UInt8] = []
      do throws(WireError) {
        try StreamMessage.expand(message.span.bytes, using: &codec, into: &output, limits: limits)
        return nil
      } catch { return error }
    }
    #expect(expanded([0, 0x80]) == nil)
    #expect(expanded([]) == .empty)
    #expect(expanded([9, 0x80]) == .unexpectedType)
    #expect(expanded([0, 0x81]) == .truncated)
    #expect(expanded([7, 0]) == .unexpectedType)
    var limits = StreamMessage.Limits()
    limits.total = 1
    #expect(expanded([0, 0x80], limits: limits) == .tooLarge)
  }

  @Test("a push/pull whose node is no struct is refused when it is read")
  func badNode() throws {
    let message = try #require([UInt8](hex: "0681a54e6f64657301" + "05"))
    #expect(StreamMessage.scan(message.span.bytes) == .complete(message.count))
    var state = try PushPull(decoding: message.span.bytes)
    do throws(WireError) {
      _ = try state.nextNode()
      Issue.record("read a node")
    } catch { #expect(error == .unexpectedKind) }
  }
}

private func headerLength(_ message: [UInt8]) -> Int {
  var reader = MessagePackReader(message.span.bytes.extracting(droppingFirst: 1))
  do throws(WireError) { _ = try PushPullHeader(&reader) } catch { return 0 }
  return reader.offset
}

private func expectUser(_ message: [UInt8], _ fields: JSON, _ name: String) throws {
  var reader = MessagePackReader(message.span.bytes, at: 1)
  let header = try UserMessageHeader(&reader)
  let payload = try reader.take(header.length)
  #expect([UInt8](copying: payload).hex == fields["payload"].string, "\(name)")
  var encoded: [UInt8] = []
  UserMessageHeader(length: payload.byteCount).encode(into: &encoded)
  encoded.append(copying: payload)
  #expect(encoded.hex == message.hex, "\(name)")
}

private func expectPushPull(_ message: [UInt8], _ fields: JSON, nodes: [JSON], _ name: String, user: JSON? = nil) throws {
  var state = try PushPull(decoding: message.span.bytes)
  #expect(state.header.isJoin == fields["Join"].bool, "\(name)")
  #expect(state.header.nodeCount == fields["Nodes"].integer, "\(name)")
  if let length = fields["UserStateLen"].integer { #expect(state.header.userStateLength == length, "\(name)") }
  #expect([UInt8](copying: state.userState).hex == (user ?? fields["user"]).string, "\(name)")
  var encoded: [UInt8] = []
  state.header.encode(into: &encoded)
  for expected in nodes {
    guard let node = try state.nextNode() else {
      Issue.record("\(name): a node is missing")
      return
    }
    func plain(_ key: String) -> String? { expected[key].string.map { $0.hasPrefix("hex:") ? String($0.dropFirst(4)) : $0 } }
    let meta: String? = if let meta = node.meta { [UInt8](copying: meta).hex } else { nil }
    #expect(node.address?.bytes.hex == plain("Addr"), "\(name)")
    #expect(Int(node.address?.port ?? 0) == expected["Port"].integer, "\(name)")
    #expect(Int(node.incarnation) == expected["Incarnation"].integer, "\(name)")
    #expect(meta == plain("Meta"), "\(name)")
    #expect(String(decoding: [UInt8](copying: node.name), as: UTF8.self) == plain("Name"), "\(name)")
    #expect(node.state == expected["State"].integer, "\(name)")
    #expect(node.versions?.bytes.hex == plain("Vsn"), "\(name)")
    node.encode(into: &encoded)
  }
  let isEnd = try state.nextNode() == nil
  #expect(isEnd, "\(name)")
  encoded.append(copying: state.userState)
  if !name.hasSuffix("@2.1.5") { #expect(encoded.hex == message.hex, "\(name)") }
}
