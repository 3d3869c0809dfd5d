import SerfCore
import SerfPrimitives
import SerfWire
import Testing
import VectorSupport

/// Every Serf message that the Go code produced, or that live agents sent, decodes to its fields and encodes to the same bytes again.
@Suite struct SerfMessageVectorTests {
  private static let key = "HvY8ubRZMgafUOWvrOadwOckVa1wN3QWAo46FVKbVN8="

  /// The fields of the vectors by name, from their notes; text is text, `raw` is hexadecimal.
  private static let fields: [String: JSON] = [
    "leave": ["LTime": 5, "Node": "node-a", "Prune": false],
    "leave-prune": ["LTime": 300, "Node": "node-a", "Prune": true],
    "join": ["LTime": 7, "Node": "node-b"],
    "join-bigltime": ["LTime": 4_294_967_297, "Node": .string(String(repeating: "n", count: 40))],
    "pushpull-min": [
      "EventLTime": 1, "Events": [], "LTime": 1, "LeftMembers": [], "QueryLTime": 1, "StatusLTimes": ["node-a": 0],
    ],
    "pushpull-nilslices": [
      "EventLTime": 0, "Events": [], "LTime": 1, "LeftMembers": [], "QueryLTime": 0, "StatusLTimes": [:],
    ],
    "userevent": ["LTime": 3, "Name": "deploy", "Payload": "abc", "CC": true],
    "userevent-nilpayload": ["LTime": 3, "Name": "deploy", "Payload": nil, "CC": false],
    "userevent-emptypayload": ["LTime": 3, "Name": "deploy", "Payload": "", "CC": false],
    "query": [
      "Addr": ["raw": "7f000001"], "Filters": nil, "Flags": 0, "ID": 0x1234_5678, "LTime": 9, "Name": "load", "Payload": "p",
      "Port": 7946, "RelayFactor": 0, "SourceNode": "node-a", "Timeout": 15_000_000_000,
    ],
    "query-ack-filters-relay": [
      "Addr": ["raw": "00000000000000000000ffff7f000001"],
      "Filters": [["raw": "0092a66e6f64652d61a66e6f64652d62"], ["raw": "0182a445787072a45e776562a3546167a4726f6c65"]],
      "Flags": 1, "ID": 1, "LTime": 9, "Name": "load", "Payload": nil, "Port": 80, "RelayFactor": 3, "SourceNode": "node-a",
      "Timeout": 3_200_000_000,
    ],
    "query-nobroadcast": [
      "Addr": ["raw": "fe800000000000000000000000000001"], "Filters": nil, "Flags": 3, "ID": 1, "LTime": 9, "Name": "q",
      "Payload": nil, "Port": 7946, "RelayFactor": 0, "SourceNode": "n", "Timeout": 1_000_000_000,
    ],
    "queryresponse": ["Flags": 0, "From": "node-b", "ID": 0x1234_5678, "LTime": 9, "Payload": "ok\n"],
    "queryresponse-ack": ["Flags": 1, "From": "node-b", "ID": 0x1234_5678, "LTime": 9, "Payload": nil],
    "conflictresponse": [
      "Addr": ["raw": "7f000001"], "Name": "node-a", "Port": 7946, "Status": 1, "DelegateCur": 5, "DelegateMax": 5,
      "DelegateMin": 2, "ProtocolCur": 2, "ProtocolMax": 5, "ProtocolMin": 1, "Tags": ["role": "web"],
    ],
    "conflictresponse-unknown": nil,
    "keyrequest": ["Key": ["raw": "000102030405060708090a0b0c0d0e0f"]],
    "keyrequest-empty": ["Key": ""],
    "keyresponse-ok": ["Keys": nil, "Message": "", "PrimaryKey": "", "Result": true],
    "keyresponse-err": [
      "Keys": nil, "Message": "No keyring to modify (encryption not enabled)", "PrimaryKey": "", "Result": false,
    ],
    "keyresponse-list": ["Keys": [.string(key)], "Message": "", "PrimaryKey": .string(key), "Result": true],
    "relay": [
      "DestAddr": ["IP": ["raw": "7f000001"], "Port": 7946, "Zone": ""], "DestName": "node-a",
      "message": ["raw": "0585a5466c61677301a446726f6da66e6f64652d62a24944ce12345678a54c54696d6509a75061796c6f6164c0"],
    ],
  ]

  @Test("each message vector decodes to its fields in both integer forms and encodes to its bytes")
  func messages() throws {
    let vectors = try Vectors.file("serf.json")["messages"].array
    #expect(vectors.count == 27)
    var decodedCount = 0
    var encodedCount = 0
    for vector in vectors {
      let name = try #require(vector["name"].string)
      guard let fields = Self.fields[name] else { continue }
      let bytes = try #require(vector["hex"].hex)
      for form in [bytes, vector["hex_msgpack_v2"].hex ?? bytes] {
        let decoded = try decodeSerfMessage(form.span.bytes)
        #expect(decoded.fields == inHex(fields), "\(name)")
        // Our form is that of go-msgpack 0.5.x, whichever was received.
        if let encoded = decoded.encoded { #expect(encoded.hex == bytes.hex, "\(name)") }
      }
      decodedCount += 1
      if try decodeSerfMessage(bytes.span.bytes).encoded != nil { encodedCount += 1 }
    }
    // The others are a filter, three metas and a coordinate, below.
    #expect(decodedCount == 22 && decodedCount == Self.fields.count)
    #expect(encodedCount == 20)
  }

  private func vector(_ name: String, _ form: String = "hex") throws -> [UInt8] {
    try #require(Vectors.file("serf.json")["messages"].array.first { $0["name"].string == name }?[form].hex)
  }

  @Test("the filter vectors")
  func filters() throws {
    let bytes = try vector("filter-tag")
    let filter = try QueryFilterView(decoding: bytes.span.bytes)
    let isRead = filter.kind == .tag && filter.tag.equals("role") && filter.expression.equals("^web")
    #expect(isRead)
    let tag = QueryFilter.tag(name: Array("role".utf8), expression: Array("^web".utf8))
    #expect(tag.encoded.hex == bytes.hex)
    let query = try vector("query-ack-filters-relay")
    let message = try QueryMessage(decoding: query.span.bytes.extracting(droppingFirst: 1))
    let encoded = QueryFilter.encode([.nodes(["node-a", "node-b"]), tag])
    #expect([UInt8](copying: message.filters).hex == encoded.hex)
    var list = try QueryFilterList(message.filters)
    guard let first = try list.next() else {
      Issue.record("no filter")
      return
    }
    let nodes = try QueryFilterView(decoding: first)
    let namesFit =
      nodes.kind == .nodes && nodes.names.contains(Array("node-b".utf8).span.bytes)
      && !nodes.names.contains(Array("node-c".utf8).span.bytes)
    #expect(namesFit)
  }

  @Test("filters that no member understands throw", arguments: ["", "02", "00", "0192a1", "01c3", "00a0"])
  func badFilters(hex: String) throws {
    let bytes = try #require([UInt8](hex: hex))
    do throws(WireError) {
      _ = try QueryFilterView(decoding: bytes.span.bytes)
      Issue.record("decoded \(hex)")
    } catch {}
  }

  @Test("the metas decode to tags, and tags encode to them")
  func metas() throws {
    let long = ["k": String(repeating: "v", count: 40)]
    for (meta, tags) in [
      (try vector("tags-nil"), [:]), (try vector("tags-nil", "hex_msgpack_v2"), [:]), (try vector("tags-long"), long),
      (try vector("tags-proto2"), ["role": "web"]),
    ] {
      let (decoded, isSound) = TagMap.decode(meta: meta.span.bytes)
      #expect(decoded == tags && isSound)
    }
    #expect(TagMap.encode(meta: [:]) == (try vector("tags-nil")))
    #expect(TagMap.encode(meta: long) == (try vector("tags-long")))
    #expect(TagMap.encode(meta: ["role": "web", "idx": "1"]).hex == "ff82a3696478a131a4726f6c65a3776562")
    #expect(TagMap.decode(meta: nil).tags == ["role": ""])
    // What was read before the break is kept.
    let (tags, isSound) = TagMap.decode(meta: ([0xff, 0x82, 0xa1, 0x61, 0xa1, 0x62, 0xa1] as [UInt8]).span.bytes)
    #expect(tags == ["a": "b"] && !isSound)
  }

  @Test("the coordinate vector")
  func coordinate() throws {
    let bytes = try vector("pingack-2")
    let message = try CoordinateMessage(decoding: bytes.span.bytes)
    let coordinate = message.coordinate
    let expected: [Double] = [1, -2, 0.5, 0, 0, 0, 0, 0.25]
    #expect(expected.indices.allSatisfy { coordinate.vector[$0] == expected[$0] })
    #expect(coordinate.error == 0.75 && coordinate.adjustment == -0.001 && coordinate.height == 0.002)
    var encoded: [UInt8] = []
    message.encode(into: &encoded)
    #expect(encoded.hex == bytes.hex)
  }

  @Test("a coordinate of another version or dimension is refused", arguments: ["", "00", "0180", "0181a356656391cb3ff0000000000000"])
  func badCoordinates(hex: String) throws {
    let bytes = try #require([UInt8](hex: hex))
    do throws(WireError) {
      _ = try CoordinateMessage(decoding: bytes.span.bytes)
      Issue.record("decoded \(hex)")
    } catch {}
  }

  @Test("each odd encoding is accepted as the more liberal of both Go codecs accepts it, and refused where both refuse")
  func tolerance() throws {
    let probes = try Vectors.file("serf.json")["decode_tolerance"].array
    #expect(probes.count == 20)
    var accepted = 0
    for probe in probes {
      let bytes = try #require(probe["hex"].hex)
      let answers = [probe["v0_5_5"], probe["v2_1_5"]]
      let expected = answers.first { $0["accepted"].bool == true }?["result"].string
      let result: String?
      do throws(WireError) {
        let it = try UserEventMessage(decoding: bytes.span.bytes)
        let payload: [UInt8]? = if let payload = it.payload { [UInt8](copying: payload) } else { nil }
        result =
          "err=<nil> LTime=\(it.time) Name=\"\(String(decoding: [UInt8](copying: it.name), as: UTF8.self))\" "
          + "Payload=\(payload?.hex ?? "") nil=\(payload == nil) CC=\(it.coalesce)"
      } catch { result = nil }
      #expect(result == expected, "\(probe["name"].string ?? "")")
      if expected != nil { accepted += 1 }
    }
    #expect(accepted == 15)
  }

  @Test("each message of a live cluster decodes to its fields and encodes to its bytes")
  func liveGossip() throws {
    let packets = try Vectors.file("serf.json")["live_gossip"]["packets"].array
    #expect(packets.count == 50)
    var counts: [SerfMessageType: Int] = [:]
    var coordinates = 0
    var metas = 0
    for packet in packets {
      let message = try #require(packet["message"].hex)
      let decoded = packet["decoded"]
      if let bytes = packet["serf_hex"].hex {
        #expect(message == [MessageType.user.rawValue] + bytes)
        let it = try decodeSerfMessage(bytes.span.bytes)
        #expect(it.encoded?.hex == bytes.hex)
        var fields = it.fields.object
        let inner = fields.removeValue(forKey: "message")
        #expect(JSON.object(fields) == inHex(decoded))
        if let inner = inner?.hex {
          #expect(try decodeSerfMessage(inner.span.bytes).fields == inHex(packet["inner_decoded"]))
        }
        counts[try #require(SerfMessageType(rawValue: bytes[0])), default: 0] += 1
      } else if packet["memberlist_type"].string == "ack" {
        let ack = try Ack(decoding: message.span.bytes.extracting(droppingFirst: 1))
        guard let payload = ack.payload else { continue }
        var encoded: [UInt8] = []
        try CoordinateMessage(decoding: payload).encode(into: &encoded)
        #expect([UInt8](copying: payload).hex == encoded.hex)
        coordinates += 1
      } else if packet["memberlist_type"].string == "alive" {
        let alive = try Alive(decoding: message.span.bytes.extracting(droppingFirst: 1))
        #expect(TagMap.decode(meta: alive.meta).isSound)
        metas += 1
      }
    }
    #expect(counts == [.queryResponse: 14, .query: 8, .join: 4, .userEvent: 4, .relay: 4, .leave: 2])
    #expect(coordinates == 7 && metas == 6)
  }

  @Test("each state of a live push/pull decodes to its fields")
  func liveStates() throws {
    let streams = try Vectors.file("serf.json")["live_gossip"]["tcp"].array
    var states = 0
    for stream in streams {
      guard let bytes = stream["user_state_hex"].hex else { continue }
      let decoded = try decodeSerfMessage(bytes.span.bytes).fields
      var expected = stream["user_state"].object
      let slots = expected["Events"]?["non_nil"].object.sorted { Int($0.key) ?? 0 < Int($1.key) ?? 0 }.map(\.value)
      expected["Events"] = .array(slots ?? [])
      #expect(decoded == inHex(.object(expected)))
      states += 1
    }
    #expect(states == 4)
  }
}
