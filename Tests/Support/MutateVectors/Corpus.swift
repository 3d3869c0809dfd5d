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
  // A fixed order, so that a run follows from its seed.
  return Set(corpus).filter { $0.count <= 4_096 }.sorted { $0.lexicographicallyPrecedes($1) }
}
