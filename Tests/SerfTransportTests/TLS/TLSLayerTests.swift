#if TLS
  import SerfPrimitives
  import SerfTestSupport
  import SerfTransport
  import Testing

  /// What a `TLSTransport` does beyond the contract of `StreamLayer`.
  @Suite(.serialized) struct TLSLayerTests {
    private let hub = MemoryHub()

    private func counter(_ name: String, of end: TestEnd) async throws -> UInt64? {
      try await end.call { layer, _ in layer.counters.first { $0.name == name }?.value }
    }

    @Test("another cluster of the same authority with the same key is kept out, packets and streams")
    func otherCluster() async throws {
      let a = try await TestEnd.bind(.tls(cluster: "default"), "a", on: hub)
      let b = try await TestEnd.bind(.tls(cluster: "other"), "b", on: hub)
      try await b.send([8, 1, 2, 3], to: a.destination)
      try await eventually("the packet is dropped") { try await counter("packets_refused_label", of: a) == 1 }
      try await b.open(StreamID(2), to: a.destination)
      try await b.waits(for: "the refusal") { $0.failed[StreamID(2)] == .identityMismatch }
      #expect(try await a.read { $0.packets.isEmpty && $0.accepted.isEmpty && $0.failed.isEmpty })
      for end in [a, b] { try await end.shutdown() }
    }

    @Test("a name that the address does not prove is a failure of its own, and the acceptor never hears of the stream")
    func wrongName() async throws {
      let a = try await TestEnd.bind(.tls(cluster: "default"), "a", on: hub)
      let b = try await TestEnd.bind(.tls(cluster: "default"), "b", on: hub)
      try await b.open(StreamID(2), to: .member("c", a.address))
      try await b.waits(for: "the refusal") { $0.failed[StreamID(2)] == .identityMismatch }
      try await b.open(StreamID(4), to: .anyMember(b.address))
      try await b.waits(for: "the refusal of itself") { $0.failed[StreamID(4)] == .identityMismatch }
      #expect(try await a.read { $0.accepted.isEmpty && $0.failed.isEmpty })
      try await eventually("nothing is left") { try await counter("connections", of: a) == 0 }
      for end in [a, b] { try await end.shutdown() }
    }
  }
#endif
