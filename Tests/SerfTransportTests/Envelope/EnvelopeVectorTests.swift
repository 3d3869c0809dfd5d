import Foundation
import SerfTransport
import SerfWire
import Testing
import VectorSupport

/// What Go agents send can be taken out of its envelope: every encrypted or labelled vector, and every capture.
@Suite("envelopes that Go made") struct EnvelopeVectorTests {
  @Test("each packet opens to the messages that its plain twin holds, or that its capture names")
  func packets() throws {
    var count = 0
    let vectors = try MemberlistVector.all("udp-packet")
    for vector in vectors where vector.isProtected {
      let bytes = try #require(vector.bytes)
      let messages = try opened(bytes, key: vector.key, label: vector.label)
      if let twin = vector.plainTwin(among: vectors) {
        #expect(messages == (try opened(#require(twin.bytes), key: nil, label: "")), "\(vector.name)")
      } else if let inner = vector.fields["inner"].string {
        #expect(messages.map(\.hex) == [inner], "\(vector.name)")
      } else {
        #expect(messages.compactMap { MessageType(rawValue: $0[0]) } == vector.fields.messageTypes, "\(vector.name)")
      }
      // Any other key or label opens nothing.
      #expect(throws: EnvelopeProblem.self, "\(vector.name)") {
        try opened(bytes, key: [UInt8](repeating: 7, count: 16), label: vector.label)
      }
      #expect(throws: EnvelopeProblem.self, "\(vector.name)") { try opened(bytes, key: vector.key, label: vector.label + "x") }
      count += 1
    }
    #expect(count == 73)
  }

  @Test("each sealed body opens to its plaintext, with the label authenticated")
  func sealedBodies() throws {
    let vectors = try MemberlistVector.all("packet-encrypted")
    for vector in vectors {
      let (sealed, label) = (try #require(vector.bytes), try #require(vector.fields["aad"].hex))
      let sealer = Sealer(Keyring(try SecretKey(bytes: #require(vector.fields["key"].hex))))
      var plain: [UInt8] = []
      try sealer.open(sealed.span.bytes, associated: label.span.bytes, into: &plain)
      #expect(plain.hex == vector.fields["plaintext"].string, "\(vector.name)")
      // The version byte alone is not authenticated: it says what to do with the padding.
      for position in sealed.indices.dropFirst() {
        var damaged = sealed
        damaged[position] ^= 1
        #expect(throws: Sealer.Failure.self, "\(vector.name) \(position)") {
          try sealer.open(damaged.span.bytes, associated: label.span.bytes, into: &plain)
        }
        #expect(throws: Sealer.Failure.self, "\(vector.name) cut to \(position)") {
          try sealer.open(sealed.span.bytes.extracting(0..<position), associated: label.span.bytes, into: &plain)
        }
      }
    }
    #expect(vectors.count == 12)
  }

  @Test("each stream, a byte at a time and without its end, is whole at its last byte, but not earlier")
  func streams() throws {
    var count = 0
    let vectors = try MemberlistVector.all("tcp-stream")
    for vector in vectors {
      let bytes = try #require(vector.bytes)
      let message = try openedStream(bytes, key: vector.key, label: vector.label, fromServer: vector.isFromServer, vector.name)
      if let twin = vector.plainTwin(among: vectors), !vector.name.contains("proto1") {
        #expect(message == twin.bytes, "\(vector.name)")
      } else {
        #expect(message.flatMap { MessageType(rawValue: $0[0]) } == vector.fields.streamType, "\(vector.name)")
      }
      count += 1
    }
    #expect(count == 71)
  }

  @Test(
    "a capture replays: every packet and every stream of it opens", arguments: [("plain", 299, 12), ("enc16", 43, 2), ("enc32", 37, 2)])
  func captures(name: String, packets: Int, streams: Int) throws {
    let capture = try Vectors.file("captures/\(name).json")
    let key: [UInt8]? = name == "plain" ? nil : [UInt8](0..<(name == "enc16" ? 16 : 32))
    for packet in capture["udp"].array {
      #expect(try !opened(#require(packet["hex"].hex), key: key, label: "").isEmpty)
    }
    // Some connections of the plain one were made to check whether the port is open.
    let spoken = capture["tcp"].array.filter { $0["hex"].string != "" }
    for stream in spoken {
      let isServer = stream["dir"].string != "client->server"
      #expect(try openedStream(#require(stream["hex"].hex), key: key, label: "", fromServer: isServer, name) != nil)
    }
    #expect(capture["udp"].array.count == packets)
    #expect(spoken.count == streams)
  }

  @Test("the capture of refusals replays: each request that Go refused is refused for the same cause, and each of Go's reasons is read")
  func refusals() throws {
    let (key, nobodys) = ([UInt8](0..<16), [UInt8](repeating: 7, count: 16))
    let refusals: [(key: [UInt8]?, EnvelopeProblem, reply: String?)] = [
      (nil, .noKeys, "encryption is not configured"), (key, .notEncrypted, "not encrypted"), (key, .notEncrypted, "not encrypted"),
      (key, .noKeyFits, "no installed keys could decrypt"), (key, .otherLabel, nil), (nil, .otherLabel, nil),
    ]
    let streams = try Vectors.file("captures/errs.json")["tcp"].array
    for (index, (key, problem, reply)) in refusals.enumerated() {
      let (request, answer) = (try #require(streams[2 * index]["hex"].hex), try #require(streams[2 * index + 1]["hex"].hex))
      let envelope = StreamEnvelope(try protection(key, ""), compression: nil)
      var opener = StreamOpener(asAcceptor: true, limits: StreamMessage.Limits())
      let outcomes = request.map { opener.receive([$0].span.bytes, envelope: envelope, using: Compressor()) }
      #expect(outcomes.first { $0 != .needsMore } == .unopened(problem), "\(index)")
      guard let reply else {
        #expect(answer.isEmpty, "\(index)")
        continue
      }
      let message = try #require(
        try openedStream(answer, key: key ?? nobodys, label: "", fromServer: true, "\(index)", verifies: key != nil))
      let error = try ErrorMessage(decoding: message.span.bytes.extracting(droppingFirst: 1))
      let text = String(decoding: [UInt8](copying: error.text), as: UTF8.self)
      #expect(text.contains(reply), "\(index): \(text)")
    }
    #expect(streams.count == 2 * refusals.count)
  }

  @Test("each negative packet stops at its envelope, or comes out of it and is dropped by the walker")
  func negative() throws {
    let packets = try Vectors.file("memberlist.json")["negative"].object
    // Algorithm 1, which Go does not know, is zstd for us.
    let isZstdHere = TransportCompression.zstd.isAvailable
    let cases: [(name: String, label: String, EnvelopeProblem?)] = [
      ("label_truncated", "", .otherLabel), ("label_zero_len", "", .otherLabel), ("double_label", "", .otherLabel),
      ("double_label", "abc", nil), ("crc_mismatch", "", nil), ("empty_packet", "", nil), ("compound_short_lengths", "", nil),
      ("compound_zero_parts", "", nil), ("compress_unknown_algo", "", isZstdHere ? .badCompression : nil), ("udp_pushpull_type", "", nil),
    ]
    for (name, label, problem) in cases {
      let packet = try #require(packets[name]?["hex"].hex)
      let envelope = PacketEnvelope(try protection(nil, label), compression: nil, compressor: Compressor())
      var found: EnvelopeProblem?
      var content: [UInt8]?
      do throws(EnvelopeProblem) {
        try envelope.open(packet.span.bytes) { content = [UInt8](copying: $0) }
      } catch { found = error }
      #expect(found == problem, "\(name)")
      let inner = problem == nil ? Array(packet.dropFirst(label.isEmpty ? 0 : 2 + label.utf8.count)) : nil
      #expect(content == inner, "\(name)")
      // With a key that is required nothing of it comes out at all.
      let sealed = PacketEnvelope(try protection([UInt8](0..<16), label), compression: nil, compressor: Compressor())
      #expect(throws: EnvelopeProblem.self, "\(name)") { try sealed.open(packet.span.bytes) { _ in Issue.record("\(name) came out") } }
    }
    #expect(Set(cases.map(\.name)) == Set(packets.keys) && packets.count == 9)
  }

  @Test("packets that follow each other are sealed as if each were the only one", arguments: [nil, 16])
  func inARow(keySize: UInt8?) throws {
    let key = keySize.map { [UInt8](0..<$0) }
    let (a, b) = ([UInt8](repeating: 7, count: 900), [UInt8](repeating: 7, count: 899) + [8])
    let noise = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 151 ^ $0 >> 3) }
    let packets: [(bytes: [UInt8], checksummed: Bool)] = [
      (a, true), (a, true), (a, false), (a, false), (b, false), (a, false), ([1, 2], false), (a, false), (a, true), (noise, true),
      (noise, true),
      (Array(a.dropLast()), true), ([], false),
    ]
    let envelope = PacketEnvelope(try protection(key, "x"), compression: .lzw, compressor: Compressor())
    for (index, packet) in packets.enumerated() {
      let alone = PacketEnvelope(try protection(key, "x"), compression: .lzw, compressor: Compressor())
      let contents = try [envelope, alone].map { envelope in
        var content: [UInt8]?
        var sealed: [UInt8] = []
        envelope.seal(packet.bytes.span.bytes, checksummed: packet.checksummed) { sealed = [UInt8](copying: $0) }
        try envelope.open(sealed.span.bytes) { content = [UInt8](copying: $0) }
        return content
      }
      #expect(contents[0] != nil && contents[0] == contents[1], "\(index)")
    }
  }

  // MARK: Opening

  private func opened(_ bytes: [UInt8], key: [UInt8]?, label: String) throws -> [[UInt8]] {
    let envelope = PacketEnvelope(try protection(key, label), compression: nil, compressor: Compressor())
    var messages: [[UInt8]] = []
    var problems = 0
    try envelope.open(bytes.span.bytes) { packet in
      var expansion = PacketWalker.Expansion()
      var walker = PacketWalker(packet, using: &expansion)
      while let leaf = walker.next() { messages.append([UInt8](copying: leaf.message)) }
      problems += walker.problemCount
    }
    try #require(problems == 0)
    return messages
  }

  private func openedStream(
    _ bytes: [UInt8], key: [UInt8]?, label: String, fromServer: Bool, _ name: String, verifies: Bool = true
  ) throws -> [UInt8]? {
    var settings = try protection(key, label)
    settings.verifiesIncoming = verifies
    let envelope = StreamEnvelope(settings, compression: nil)
    var opener = StreamOpener(asAcceptor: !fromServer, limits: StreamMessage.Limits())
    for (position, byte) in bytes.enumerated() {
      switch opener.receive([byte].span.bytes, envelope: envelope, using: Compressor()) {
      case .needsMore: continue
      case .complete(let message, let received):
        #expect(position == bytes.count - 1 && received == bytes.count, "\(name)")
        return message
      case .malformed:
        Issue.record("\(name): malformed at \(position)")
        return nil
      case .unopened(let problem):
        Issue.record("\(name): \(problem) at \(position)")
        return nil
      }
    }
    Issue.record("\(name): incomplete")
    return nil
  }
}

func protection(_ key: [UInt8]?, _ label: String) throws -> WireProtection {
  var protection = WireProtection()
  protection.label = Array(label.utf8)
  protection.keyring = try key.map { Keyring(try SecretKey(bytes: $0)) }
  return protection
}

extension MemberlistVector {
  fileprivate var key: [UInt8]? { fields["key"].hex }
  fileprivate var label: String { fields["label"].string ?? fields["aad_label"].string ?? "" }
  fileprivate var isProtected: Bool { key != nil || !label.isEmpty }
  fileprivate var isFromServer: Bool { name.hasSuffix("_server") || name.hasPrefix("cap_tcp_error_response") }

  /// The same message without key, label and compression, for vectors that exist in all combinations.
  fileprivate func plainTwin(among vectors: [MemberlistVector]) -> MemberlistVector? {
    guard !name.hasPrefix("cap_"), let end = name.range(of: "_key") else { return nil }
    let twin = name[..<end.lowerBound] + "_key0_labelnone_compfalse_proto2"
    return vectors.first { $0.name == twin }
  }
}

extension JSON {
  /// The types of the messages in a packet, as the reference decoder names them.
  fileprivate var messageTypes: [MessageType] {
    if !self["compound"].array.isEmpty { return self["compound"].array.flatMap(\.messageTypes) }
    if self["inner"] != .null { return self["inner"].messageTypes }
    return object.keys.compactMap { Self.types[$0] }
  }

  fileprivate var streamType: MessageType? {
    if let type = self["type"].integer { return UInt8(exactly: type).flatMap { MessageType(rawValue: $0) } }
    if self["pushPull"] != .null { return .pushPull }
    return object.keys.compactMap { Self.types[$0] }.first
  }

  private static let types: [String: MessageType] = [
    "ping": .ping, "indirectPing": .indirectPing, "ack": .ack, "suspect": .suspect, "alive": .alive, "dead": .dead, "user": .user,
    "nack": .nack, "err": .error,
  ]
}
