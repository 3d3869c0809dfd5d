#if QUIC
  import Serf
  import SerfCore
  import SerfPrimitives
  import SerfTestSupport
  import Testing
  import Wiretap

  /// What an observer who records every datagram learns (`secure-transport.md` 1.3 and 1.8): which hosts communicate, and with which protocol.
  @Suite struct SecrecyTests {
    @Test("over QUIC no name, tag, event or payload is on the wire, and no client names its server")
    func quic() async throws {
      let cluster = try EmbeddedCluster(seed: 21)
      var recorded: [[UInt8]] = []
      var hellos = ClientHellos()
      cluster.network.admits = { bytes, _, _ in
        recorded.append(bytes)
        hellos.add(bytes)
        return true
      }
      for name in MarkedTexts.names {
        let node = try cluster.start(name) { $0.tags = MarkedTexts.tags }
        if node !== cluster.nodes[0] { node.join(cluster.nodes[0].address) }
      }
      try #require(cluster.converge(on: MarkedTexts.names, within: .seconds(15)))
      cluster.nodes[1].userEvent(MarkedTexts.event, payload: MarkedTexts.payload)
      cluster.nodes[2].driver.setTags(MarkedTexts.changedTags) { _ in }
      cluster.network.advance(by: .seconds(20))

      // All of it did cross the network.
      for node in cluster.nodes {
        #expect(node.member(MarkedTexts.names[2])?.tags == MarkedTexts.changedTags)
        #expect(node.member(MarkedTexts.names[1])?.tags == MarkedTexts.tags)
        #expect(await node.takeEvents().contains { if case .user(let event) = $0 { event.name == MarkedTexts.event } else { false } })
      }
      #expect(recorded.count > 100)
      for marker in MarkedTexts.markers { #expect(!recorded.contains { $0.contains(marker) }, "\(marker)") }

      // Every dial was read as far as an observer can. The protocol is found, which shows that.
      #expect(hellos.complete.count >= 2)
      #expect(hellos.complete.allSatisfy { $0.applicationProtocols == ["serf/1"] })
      #expect(!hellos.complete.contains { $0.namesServer })
    }
  }
#endif
