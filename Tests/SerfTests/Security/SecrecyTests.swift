#if QUIC
  import Serf
  import SerfCore
  import SerfPrimitives
  import SerfTestSupport
  import Testing
  import Wiretap

  /// What an observer who records every datagram learns (`secure-transport.md` 1.3 and 1.8): which hosts communicate, and with which protocol.
  @Suite struct SecrecyTests {
    /// The texts that are sent in the cluster, each findable as bytes.
    private enum Said {
      static let names: [NodeName] = ["q7name1", "q7name2", "q7name3"]
      static let tags = ["q7tag": "q7value"]
      static let event = "q7event"
      static let payload = Array("q7payload".utf8)
      static let changedTags = ["q7tag": "q7other"]
      static let markers = ["q7name1", "q7name2", "q7name3", "q7tag", "q7value", "q7event", "q7payload", "q7other"]
    }

    @Test("over QUIC no name, tag, event or payload is on the wire, and no client names its server")
    func quic() async throws {
      let cluster = try VirtualCluster(seed: 21)
      var recorded: [[UInt8]] = []
      var hellos = ClientHellos()
      cluster.network.admits = { bytes, _, _ in
        recorded.append(bytes)
        hellos.add(bytes)
        return true
      }
      for name in Said.names {
        let node = try cluster.start(name) { $0.tags = Said.tags }
        if node !== cluster.nodes[0] { node.join(cluster.nodes[0].address) }
      }
      try #require(cluster.converge(on: Said.names, within: .seconds(15)))
      cluster.nodes[1].userEvent(Said.event, payload: Said.payload)
      cluster.nodes[2].driver.setTags(Said.changedTags) { _ in }
      cluster.network.advance(by: .seconds(20))

      // All of it did cross the network.
      for node in cluster.nodes {
        #expect(node.member(Said.names[2])?.tags == Said.changedTags)
        #expect(node.member(Said.names[1])?.tags == Said.tags)
        #expect(await node.takeEvents().contains { if case .user(let event) = $0 { event.name == Said.event } else { false } })
      }
      #expect(recorded.count > 100)
      for marker in Said.markers { #expect(!recorded.contains { $0.contains(marker) }, "\(marker)") }

      // Every dial was read as far as an observer can. The protocol is found, which shows that.
      #expect(hellos.complete.count >= 2)
      #expect(hellos.complete.allSatisfy { $0.applicationProtocols == ["serf/1"] })
      #expect(!hellos.complete.contains { $0.namesServer })
    }

    @Test("over an unencrypted transport the same texts are on the wire, and the search finds them")
    func clear() async throws {
      let hub = MemoryHub()
      var nodes: [SerfNode] = []
      for name in Said.names {
        let node = try SerfNode(SerfConfiguration.test(name, tags: Said.tags), transport: hub.transport())
        try await node.start()
        if let first = nodes.first { try await node.join([first.localAddress().description]) }
        nodes.append(node)
      }
      try await nodes[1].userEvent(Said.event, payload: Said.payload)
      try await nodes[2].setTags(Said.changedTags)
      for marker in Said.markers {
        try await eventually("\(marker) is recorded") { hub.recorded.contains { $0.contains(marker) } }
      }
      for node in nodes { await node.shutdown() }
    }
  }

  extension [UInt8] {
    /// Whether the bytes of `text` are somewhere in these.
    fileprivate func contains(_ text: String) -> Bool {
      let pattern = Array(text.utf8)
      guard let first = pattern.first, count >= pattern.count else { return false }
      return withUnsafeBufferPointer { bytes in
        (0...(bytes.count - pattern.count)).contains { start in
          bytes[start] == first && pattern.indices.allSatisfy { bytes[start + $0] == pattern[$0] }
        }
      }
    }
  }
#endif
