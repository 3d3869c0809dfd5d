import Foundation
import Memberlist
import SerfTransport
import Testing
import VectorSupport

/// What Go agents put on the wire comes out of its envelope: every encrypted or labelled vector, and every capture.
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

  @Test("each stream, a byte at a time and without its end, is whole at its last byte and not before")
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

  @Test("a capture replays: every packet and every stream of it opens", arguments: [("enc16", 43, 2), ("enc32", 37, 2)])
  func captures(name: String, packets: Int, streams: Int) throws {
    let capture = try Vectors.file("captures/\(name).json")
    let key = [UInt8](0..<(name == "enc16" ? 16 : 32))
    for packet in capture["udp"].array {
      #expect(try !opened(#require(packet["hex"].hex), key: key, label: "").isEmpty)
    }
    for stream in capture["tcp"].array {
      let isServer = stream["dir"].string != "client->server"
      #expect(try openedStream(#require(stream["hex"].hex), key: key, label: "", fromServer: isServer, name) != nil)
    }
    #expect(capture["udp"].array.count == packets)
    #expect(capture["tcp"].array.count == streams)
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

  private func openedStream(_ bytes: [UInt8], key: [UInt8]?, label: String, fromServer: Bool, _ name: String) throws -> [UInt8]? {
    let envelope = StreamEnvelope(try protection(key, label), compression: nil)
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

  /// The same message without key, label and compression, for vectors that were made in all combinations.
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
