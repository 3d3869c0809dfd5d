#if QUIC
  import Serf
  import SerfCore
  import SerfPrimitives
  import SerfTestSupport
  import Testing

  /// Whole nodes over QUIC on a virtual network, which coalesce as agents do.
  @Suite("Over QUIC, nodes that coalesce events") struct CoalescingTests {
    private let names: [NodeName] = ["n1", "n2", "n3", "n4", "n5"]

    @Test("hear of members that come together at once in the list and the log, and as one event a little later")
    func together() async throws {
      let cluster = try EmbeddedCluster(seed: 6)
      func start(_ name: NodeName) throws -> VirtualNode {
        try cluster.start(name) { ($0.coalescing.members, $0.coalescing.userEvents) = (.agent, .agent) }
      }
      let first = try start("n1")
      cluster.network.advance(by: .seconds(5))
      #expect(await first.takeEvents().count == 1)
      for name in names.dropFirst() { try start(name).join(first.address) }
      #expect(cluster.network.advance(upTo: .seconds(2)) { first.names(.alive) == names })
      #expect(names.allSatisfy { first.lines.contains("EventMemberJoin: \($0)") })
      #expect(await first.takeEvents().isEmpty, "quiet for less than a second")
      cluster.network.advance(by: .seconds(5))
      let joined = await first.takeEvents().compactMap { if case .member(let event) = $0 { event } else { nil as MemberEvent? } }
      #expect(joined.map(\.kind) == [.join] && joined.first?.members.map(\.name).sorted() == Array(names.dropFirst()))
      for payload in [1, 2, 3] as [UInt8] { first.driver.userEvent(Array("deploy".utf8), payload: [payload], coalesce: true) { _ in } }
      first.userEvent("now")
      cluster.network.advance(by: .seconds(6))
      for node in cluster.nodes {
        let events = await node.takeEvents().compactMap { if case .user(let event) = $0 { event } else { nil as UserEvent? } }
        #expect(events.map { "\($0.name) \(Array($0.payload))" } == ["now []", "deploy [3]"], "\(node.name)")
      }
    }
  }
#endif
