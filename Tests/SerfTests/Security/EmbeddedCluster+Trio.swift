#if QUIC
  import Serf
  import SerfCore
  import SerfPrimitives
  import Testing

  extension EmbeddedCluster {
    static let trio: [NodeName] = ["n1", "n2", "n3"]

    /// Three nodes that know each other.
    static func trio(
      seed: UInt64, _ adjust: (inout SerfConfiguration) -> Void = { _ in }, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> EmbeddedCluster {
      let cluster = try EmbeddedCluster(seed: seed)
      for name in trio {
        let node = try cluster.start(name, adjust)
        if node !== cluster.nodes[0] { node.join(cluster.nodes[0].address) }
      }
      try #require(cluster.converge(on: trio, within: .seconds(15)), sourceLocation: sourceLocation)
      return cluster
    }

    /// Expects that each of the three is alive where it was, that none was called failed or left in the meantime, and that `marker` is nowhere.
    ///
    /// Consumes the events of the nodes.
    func expectUnharmed(without marker: String, sourceLocation: SourceLocation = #_sourceLocation) async {
      for node in nodes {
        for other in nodes {
          let member = node.member(other.name)
          #expect(member?.status == .alive, "\(other.name) at \(node.name)", sourceLocation: sourceLocation)
          #expect(member?.address == other.address, "\(other.name) at \(node.name)", sourceLocation: sourceLocation)
        }
        for member in node.driver.members {
          #expect(!"\(member.name) \(member.tags)".contains(marker), "at \(node.name)", sourceLocation: sourceLocation)
        }
        for event in await node.takeEvents() {
          switch event {
          case .member(let change):
            guard change.kind == .failed || change.kind == .leave || change.kind == .reap else { continue }
            #expect(
              !change.members.contains { Self.trio.contains($0.name) }, "\(change) at \(node.name)", sourceLocation: sourceLocation)
          case .user(let event): #expect(!event.name.contains(marker), "at \(node.name)", sourceLocation: sourceLocation)
          case .query(let query): #expect(!query.name.contains(marker), "at \(node.name)", sourceLocation: sourceLocation)
          }
        }
      }
    }
  }
#endif
