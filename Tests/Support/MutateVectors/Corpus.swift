import SerfCore
import SerfPrimitives
import SerfWire
import VectorSupport

/// Every byte string of the vectors and captures, of any kind: each decoder gets each of them.
func loadCorpus() throws -> [[UInt8]] {
  let memberlist = try Vectors.file("memberlist.json")
  let serf = try Vectors.file("serf.json")
  let capture = try Vectors.file("captures/plain.json")
  var corpus: [[UInt8]] = []
  for vector in memberlist["vectors"].object.values {
    corpus += [vector["hex"].hex, vector["fields"]["inner"].hex, vector["fields"]["plain"].hex].compactMap { $0 }
  }
  corpus += memberlist["negative"].object.values.compactMap { $0["hex"].hex }
  corpus += memberlist["decode_tolerance"].array.compactMap { $0["msgpack_hex"].hex }
  corpus += memberlist["lzw_edge"].array.compactMap { $0["hex"].hex }
  corpus += serf["messages"].array.flatMap { [$0["hex"].hex, $0["hex_msgpack_v2"].hex].compactMap { $0 } }
  corpus += serf["decode_tolerance"].array.compactMap { $0["hex"].hex }
  corpus += serf["live_gossip"]["packets"].array.flatMap {
    [$0["message"].hex, $0["packet"].hex, $0["serf_hex"].hex].compactMap { $0 }
  }
  corpus += serf["live_gossip"]["tcp"].array.flatMap { [$0["stream"].hex, $0["user_state_hex"].hex].compactMap { $0 } }
  corpus += capture["udp"].array.compactMap { $0["hex"].hex }
  corpus += capture["tcp"].array.compactMap { $0["hex"].hex }
  corpus += snapshots + userData
  // A fixed order, so that a run follows from its seed.
  return Set(corpus).filter { $0.count <= 4_096 }.sorted { $0.lexicographicallyPrecedes($1) }
}

/// What only our own programs send: a message to a node, an offer, a fetch, and a state of Serf with one of the program and an offer.
private var userData: [[UInt8]] {
  let payload: [UInt8] = Array("payload".utf8)
  var message: [UInt8] = []
  NodeMessage(payload: payload.span.bytes).encode(into: &message)
  let digest = SHA256.digest(of: payload.span.bytes)
  var event: [UInt8] = []
  UserEventMessage(time: 7, name: payload.span.bytes, payload: nil, coalesce: false).encode(into: &event)
  var offer: [UInt8] = []
  OfferMessage(digest: digest, size: payload.count, origin: payload.span.bytes, message: event.span.bytes).encode(into: &offer)
  var fetch: [UInt8] = []
  FetchMessage(digest: digest).encode(into: &fetch)
  var state: [UInt8] = []
  var writer = SerfPushPullWriter(taking: &state, eventTime: 7, slots: 0, hasOffers: true, hasUser: true)
  writer.clock(41, left: 1)
  writer.left(payload.span.bytes)
  writer.offers([offer])
  writer.queryClock(3, statuses: 1)
  writer.status(payload.span.bytes, 40)
  writer.user(payload.span.bytes)
  return [message, offer, fetch, writer.finish()]
}

/// Snapshot files: as a Go agent writes them, and as we do.
private var snapshots: [[UInt8]] {
  let go = """
    alive: d1 127.0.0.1:7946
    alive: a name [fe80::1]:7946
    coordinate: x
    # a comment
    # remembered: d2 127.0.0.1:7947
    not-alive: d1
    clock: 41
    event-clock: 7
    query-clock: 3
    leave
    clock: 42

    """
  var state = SnapshotState()
  for number in UInt8(1)...70 { state.members[NodeName("node-\(number)")] = NodeAddress(ipv4: 10, 0, 0, number, port: 7946) }
  for number in UInt8(71)...140 {
    state.remembered.remember(NodeName("node-\(number)"), at: NodeAddress(ipv4: 10, 0, 0, number, port: 7946))
  }
  (state.memberTime, state.eventTime, state.queryTime) = (41, 7, 3)
  var ours: [UInt8] = []
  state.encode(into: &ours)
  return [Array(go.utf8), ours]
}
