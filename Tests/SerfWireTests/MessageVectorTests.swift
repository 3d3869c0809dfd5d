import SerfPrimitives
import SerfWire
import Testing
import VectorSupport

/// Every message that the Go code produced decodes to the fields it was produced from, and encodes to the same bytes again.
@Suite struct MessageVectorTests {
  @Test("each message vector decodes to its fields and encodes to its bytes")
  func messages() throws {
    var counts: [MessageType: Int] = [:]
    for vector in try MemberlistVector.all("message") {
      let bytes = try #require(vector.bytes)
      let type = try #require(MessageType(rawValue: bytes[0]), "\(vector.name)")
      counts[type, default: 0] += 1
      guard let decoded = try decode(type, bytes.span.bytes.extracting(droppingFirst: 1)) else { continue }
      for (key, value) in vector.fields.object where key != "type" {
        #expect(decoded.fields[key] == value, "\(vector.name) \(key)")
      }
      #expect(decoded.encoded.hex == bytes.hex, "\(vector.name)")
    }
    // Compound and compressed messages are covered by the packet tests.
    #expect(
      counts == [
        .ping: 15, .indirectPing: 4, .ack: 6, .nack: 1, .error: 2, .suspect: 1, .alive: 6, .dead: 2, .user: 1, .compound: 1,
        .compressed: 4,
      ])
  }

  @Test("each header vector decodes to its fields; the unsigned form encodes to its bytes")
  func headers() throws {
    var encodedAlike = 0
    let vectors = try MemberlistVector.all("msgpack")
    #expect(vectors.count == 34)
    for vector in vectors {
      let bytes = try #require(vector.bytes)
      var reader = MessagePackReader(bytes.span.bytes)
      var encoded: [UInt8] = []
      if vector.fields["UserMsgLen"] != .null {
        let header = try UserMessageHeader(&reader)
        #expect(header.length == vector.fields["UserMsgLen"].integer, "\(vector.name)")
        header.encode(into: &encoded)
      } else {
        let header = try PushPullHeader(&reader)
        #expect(header.isJoin == vector.fields["Join"].bool, "\(vector.name)")
        #expect(header.nodeCount == vector.fields["Nodes"].integer, "\(vector.name)")
        #expect(header.userStateLength == vector.fields["UserStateLen"].integer, "\(vector.name)")
        header.encode(into: &encoded)
      }
      let atEnd = reader.isAtEnd
      #expect(atEnd, "\(vector.name)")
      // Our form is that of go-msgpack 0.5.x; 2.x writes positive numbers above 127 as signed (rule 4).
      if vector.name.hasSuffix("@2.1.5") {
        #expect(encoded.dropFirst() != bytes[...], "\(vector.name)")
      } else {
        #expect(Array(encoded.dropFirst()).hex == bytes.hex, "\(vector.name)")
        encodedAlike += 1
      }
    }
    #expect(encodedAlike == 20)
  }

  @Test("the encrypted vectors are left to the keyring's tests")
  func leftOut() throws {
    let encrypted = try MemberlistVector.all().filter { !$0.isPlain }
    #expect(encrypted.count == 135)
    #expect(Set(encrypted.map(\.kind)) == ["packet-encrypted", "udp-packet", "tcp-stream"])
  }

  @Test("each odd encoding is accepted as the more liberal of both Go codecs accepts it, and refused where both refuse")
  func tolerance() throws {
    let probes = try Vectors.file("memberlist.json")["decode_tolerance"].array
    #expect(probes.count == 44)
    var accepted = 0
    for probe in probes {
      let name = probe["name"].string ?? ""
      let bytes = try #require(probe["msgpack_hex"].hex)
      let answers = [probe["go_msgpack_0.5.5"].string ?? "", probe["go_msgpack_2.1.5"].string ?? ""]
      let expected = answers.first { $0.hasPrefix("ok ") }
      let result: String?
      do throws(WireError) { result = try goDescription(probe["struct"].string ?? "", bytes.span.bytes) } catch { result = nil }
      // Version bytes are six or none: three are of no use.
      let adjusted = expected?.replacing("Vsn:[1 5 2]", with: "Vsn:[]")
      #expect(result == adjusted.map { String($0.dropFirst(3)) }, "\(name)")
      if expected != nil { accepted += 1 }
    }
    #expect(accepted == 37)
  }
}

// MARK: Decoded messages in the form in which Go prints them

private func goDescription(_ structName: String, _ bytes: RawSpan) throws(WireError) -> String {
  switch structName {
  case "ping":
    let it = try Ping(decoding: bytes)
    return "&{SeqNo:\(it.sequenceNumber) Node:\(plain(it.node)) SourceAddr:\(list(it.source?.bytes)) "
      + "SourcePort:\(it.source?.port ?? 0) SourceNode:\(plain(it.sourceNode))}"
  case "indirectPingReq":
    let it = try IndirectPing(decoding: bytes)
    return "&{SeqNo:\(it.sequenceNumber) Target:\(list(it.target?.bytes)) Port:\(it.target?.port ?? 0) Node:\(plain(it.node)) "
      + "Nack:\(it.wantsNack) SourceAddr:\(list(it.source?.bytes)) SourcePort:\(it.source?.port ?? 0) SourceNode:\(plain(it.sourceNode))}"
  case "alive":
    let it = try Alive(decoding: bytes)
    return "&{Incarnation:\(it.incarnation) Node:\(plain(it.node)) Addr:\(list(it.address?.bytes)) Port:\(it.address?.port ?? 0) "
      + "Meta:\(list(it.meta)) Vsn:\(list(it.versions?.bytes))}"
  case "pushNodeState":
    var reader = MessagePackReader(bytes)
    let it = try PushPullNode(&reader)
    return "&{Name:\(plain(it.name)) Addr:\(list(it.address?.bytes)) Port:\(it.address?.port ?? 0) Meta:\(list(it.meta)) "
      + "Incarnation:\(it.incarnation) State:\(it.state) Vsn:\(list(it.versions?.bytes))}"
  case "pushPullHeader":
    var reader = MessagePackReader(bytes)
    let it = try PushPullHeader(&reader)
    return "&{Nodes:\(it.nodeCount) UserStateLen:\(it.userStateLength) Join:\(it.isJoin)}"
  case "compress":
    let it = try Compressed(decoding: bytes)
    return "&{Algo:\(it.algorithm) Buf:\(list(it.data))}"
  default:
    return "unknown struct \(structName)"
  }
}

private func plain(_ span: RawSpan) -> String { String(decoding: [UInt8](copying: span), as: UTF8.self) }
private func list(_ span: RawSpan?) -> String { if let span { list([UInt8](copying: span)) } else { "[]" } }
private func list(_ bytes: [UInt8]?) -> String { "[" + (bytes ?? []).map { String($0) }.joined(separator: " ") + "]" }
