import SerfWire
import Testing
import VectorSupport

@Suite struct PacketWalkerTests {
  /// What a walk hands out, copied.
  struct Walk {
    var messages: [[UInt8]] = []
    var problems = 0
    var firstProblem: WireError?
  }

  static func walk(_ packet: [UInt8], budget: Int = PacketWalker.defaultBudget) -> Walk {
    var expansion = PacketWalker.Expansion()
    var result = Walk()
    var walker = PacketWalker(packet.span.bytes, using: &expansion, budget: budget)
    while let leaf = walker.next() { result.messages.append([UInt8](copying: leaf.message)) }
    (result.problems, result.firstProblem) = (walker.problemCount, walker.firstProblem)
    expansion = walker.finish()
    return result
  }

  @Test("each plain packet vector holds the messages it was made of")
  func vectors() throws {
    var counts: [String: Int] = [:]
    for vector in try MemberlistVector.all("udp-packet") where vector.isPlain {
      let packet = try #require(vector.bytes)
      let label = try LabelHeader(stripping: packet.span.bytes)
      let expectedLabel = Array((vector.fields["label"].string ?? "").utf8)
      let labelFits = label.label.equals(expectedLabel)
      #expect(labelFits, "\(vector.name)")
      let walk = Self.walk([UInt8](copying: label.rest))
      #expect(walk.problems == 0, "\(vector.name)")
      if let inner = vector.fields["inner"].hex {
        #expect(walk.messages == [inner], "\(vector.name)")
        counts["bytes", default: 0] += 1
      } else if vector.fields["parts"] != .null {
        try #require(walk.messages.count == 2, "\(vector.name)")
        let (first, second) = (walk.messages[0], walk.messages[1])
        let ping = try Ping(decoding: first.span.bytes.extracting(droppingFirst: 1))
        let suspect = try Suspect(decoding: second.span.bytes.extracting(droppingFirst: 1))
        let fits =
          ping.sequenceNumber == 42 && ping.node.equals("node-b") && suspect.incarnation == 7
          && suspect.node.equals("node-z") && suspect.from.equals("node-a")
        #expect(fits, "\(vector.name)")
        counts["piggyback", default: 0] += 1
      } else {
        let expected = capturedMessages(vector.fields)
        try #require(walk.messages.count == expected.count, "\(vector.name)")
        for (message, expected) in zip(walk.messages, expected) { try expectMessage(message, expected, vector.name) }
        counts["capture", default: 0] += 1
      }
    }
    #expect(counts == ["bytes": 10, "piggyback": 3, "capture": 21])
  }

  @Test("each packet of a live capture is understood and its messages encode to the same bytes")
  func capture() throws {
    let packets = try Vectors.file("captures/plain.json")["udp"].array
    var messages = 0
    for packet in packets {
      let bytes = try #require(packet["hex"].hex)
      let walk = Self.walk(bytes)
      #expect(walk.problems == 0)
      for message in walk.messages {
        let type = try #require(MessageType(rawValue: message[0]))
        let decoded = try decode(type, message.span.bytes.extracting(droppingFirst: 1))
        #expect(decoded?.encoded.hex == message.hex)
        messages += 1
      }
    }
    #expect(packets.count == 299)
    #expect(messages > packets.count)
  }

  @Test("each negative packet is dropped for its reason")
  func negative() throws {
    let packets = try Vectors.file("memberlist.json")["negative"].object
    let outcomes: [String: WireError?] = [
      "crc_mismatch": .badChecksum, "empty_packet": .empty, "label_truncated": .badLabel, "label_zero_len": .badLabel,
      "compound_short_lengths": .truncated, "compound_zero_parts": Optional.none, "compress_unknown_algo": .unknownAlgorithm,
      "udp_pushpull_type": .unexpectedType,
    ]
    for (name, outcome) in outcomes {
      let packet = try #require(packets[name]?["hex"].hex)
      let found: WireError?
      do throws(WireError) {
        let label = try LabelHeader(stripping: packet.span.bytes)
        let walk = Self.walk([UInt8](copying: label.rest))
        #expect(walk.messages.isEmpty, "\(name)")
        found = walk.firstProblem
      } catch { found = error }
      #expect(found == outcome, "\(name)")
    }
    // With no label configured the label is wrong; with label abc a second label remains, which is no message.
    let double = try #require(packets["double_label"]?["hex"].hex)
    let label = try LabelHeader(stripping: double.span.bytes)
    let isABC = label.label.equals("abc")
    #expect(isABC)
    #expect(Self.walk([UInt8](copying: label.rest)).firstProblem == .unexpectedType)
    #expect(packets.count == outcomes.count + 1 && packets.count == 9)
  }

  @Test("the whole parts before a truncation are still handed out")
  func truncatedCompound() {
    let walk = Self.walk([7, 3, 0, 2, 0, 9, 0, 1, 8, 65, 8, 66])
    #expect(walk.messages == [[8, 65]])
    #expect(walk.problems == 1 && walk.firstProblem == .truncated)
  }

  @Test("a bad part does not hide the good ones")
  func badPart() {
    let walk = Self.walk([7, 4, 0, 2, 0, 0, 0, 1, 0, 2, 8, 65, 6, 8, 66])
    #expect(walk.messages == [[8, 65], [8, 66]])
    #expect(walk.problems == 2 && walk.firstProblem == .empty)
  }

  @Test("compounds nest three deep and no deeper")
  func depth() {
    var packet: [UInt8] = [8, 65]
    for depth in 1...4 {
      packet = [7, 1, 0, UInt8(packet.count)] + packet
      let walk = Self.walk(packet)
      #expect(walk.messages == (depth <= 3 ? [[8, 65]] : []))
      #expect(walk.firstProblem == (depth <= 3 ? nil : .tooDeep))
    }
  }

  @Test("a compound inside a compression inside a compound is walked to its end, and the outer one after it")
  func mixed() {
    var codec = LZWCodec()
    var compressed: [UInt8] = []
    let inner: [UInt8] = [7, 2, 0, 2, 0, 2, 8, 65, 8, 66]
    codec.compress(inner.span.bytes, into: &compressed, onlyIfSmaller: false)
    let packet = [7, 2, 0, UInt8(compressed.count), 0, 2] + compressed + [8, 67]
    #expect(Self.walk(packet).messages == [[8, 65], [8, 66], [8, 67]])
  }

  @Test("a compression inside a compression is expanded")
  func twice() {
    var codec = LZWCodec()
    var packet: [UInt8] = [8, 65, 65, 65]
    for _ in 0..<3 {
      var compressed: [UInt8] = []
      codec.compress(packet.span.bytes, into: &compressed, onlyIfSmaller: false)
      packet = compressed
    }
    #expect(Self.walk(packet).messages == [[8, 65, 65, 65]])
  }

  @Test("the expansion budget holds for all parts of a packet together")
  func budget() {
    var codec = LZWCodec()
    var compressed: [UInt8] = []
    codec.compress(([8] + [UInt8](repeating: 0, count: 59_999)).span.bytes, into: &compressed, onlyIfSmaller: true)
    let length = [UInt8(compressed.count >> 8), UInt8(compressed.count & 0xff)]
    let packet = [7, 3] + length + length + length + compressed + compressed + compressed
    let walk = Self.walk(packet)
    #expect(walk.messages.count == 2)
    #expect(walk.problems == 1 && walk.firstProblem == .tooLarge)
    #expect(Self.walk(packet, budget: 180_000).messages.count == 3)
  }

  @Test("CRC-32 of the check string")
  func checksum() {
    #expect(CRC32.checksum(Array("123456789".utf8).span.bytes) == 0xcbf4_3926)
    #expect(CRC32.checksum(RawSpan()) == 0)
  }

  @Test("a checksummed packet is read back")
  func checksumHeader() {
    let message: [UInt8] = [8, 1, 2, 3]
    var packet: [UInt8] = []
    CRC32.encodeHeader(for: message.span.bytes, into: &packet)
    #expect(Self.walk(packet + message).messages == [message])
  }
}

extension MemberlistVector {
  /// Whether the bytes are in clear text; the encrypted ones are tested where the keyring is.
  var isPlain: Bool { fields["key"].string == nil && fields["encver"] == .null }
}

private func capturedMessages(_ fields: JSON) -> [(String, JSON)] {
  if fields["inner"] != .null { return capturedMessages(fields["inner"]) }
  let compound = fields["compound"].array
  if !compound.isEmpty { return compound.flatMap(capturedMessages) }
  return fields.object.map { ($0.key, $0.value) }
}

private func expectMessage(_ message: [UInt8], _ expected: (name: String, fields: JSON), _ vector: String) throws {
  let types: [String: MessageType] = [
    "ping": .ping, "indirectPing": .indirectPing, "ack": .ack, "nack": .nack, "suspect": .suspect, "alive": .alive, "dead": .dead,
    "user": .user,
  ]
  let type = try #require(types[expected.name], "\(vector) \(expected.name)")
  #expect(message[0] == type.rawValue)
  let decoded = try #require(try decode(type, message.span.bytes.extracting(droppingFirst: 1)))
  #expect(decoded.encoded.hex == message.hex, "\(vector)")
  let fields = type == .user ? ["payload": expected.fields] : expected.fields.object
  for (key, value) in fields {
    let plain = value.string.map { JSON.string($0.hasPrefix("hex:") ? String($0.dropFirst(4)) : $0) } ?? value
    #expect(decoded.fields[key] == plain, "\(vector) \(key)")
  }
}
