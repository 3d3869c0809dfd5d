import Memberlist
import SerfPrimitives
import SerfSimulator
import SerfWire
import Testing

/// Packets that call one member suspect, dead and alive at any incarnation (`secure-transport.md` 1.9).
@Suite struct IncarnationAttackTests {
  @Test(
    "no 1,000 packets keep a living member out for longer than a suspicion, or a killed one in", arguments: [false, true],
    0..<8 as Range<UInt64>)
  func attack(provesNames: Bool, seed: UInt64) {
    let cluster = GossipCluster(seed: 300 + seed, .local, provesNames: provesNames)
    cluster.start(5)
    cluster.network.run(for: .seconds(10))
    var random = SeededRandom(seed: seed)
    let victim = cluster.nodes[2]
    // Where names are proven, the liar is a member.
    let liar = Peer(address: GossipCluster.address(4), provenName: provesNames ? GossipCluster.name(4) : nil)
    for _ in 0..<1_000 {
      let packet = Self.packet(about: GossipCluster.name(2), at: GossipCluster.address(2), &random)
      cluster.network.with(cluster.nodes[random.below(5)]) { member, now in
        member.membership.receive(packet.span.bytes, from: liar, at: now)
      }
      if random.chance(0.1) { cluster.network.run(for: .milliseconds(Int64(random.below(20)))) }
    }
    // The longest suspicion of five members is 18 s.
    let isBackInTime = cluster.network.run(within: .seconds(18)) { cluster.agree(cluster.nodes, alive: 0..<5) }
    #expect(isBackInTime)
    cluster.network.run(for: .seconds(40))
    let staysAlive = cluster.agree(cluster.nodes, alive: 0..<5)
    #expect(staysAlive)

    cluster.network.crash(victim)
    let others = cluster.nodes.filter { $0 != victim }
    func isGone() -> Bool { others.allSatisfy { node in cluster.view(node, of: 2).map { !$0.state.isLive } ?? true } }
    let isFoundDead = cluster.network.run(within: .seconds(40)) { isGone() }
    #expect(isFoundDead)
    cluster.network.run(for: .seconds(1))
    let staysDead = isGone()
    #expect(staysDead)

    let again = cluster.start(index: 2)
    cluster.join(again, cluster.nodes[0])
    let hasReturned = cluster.network.run(within: .seconds(18)) { cluster.agree(others + [again], alive: 0..<5) }
    #expect(hasReturned)
  }

  private static func packet(about name: NodeName, at address: NodeAddress, _ random: inout SeededRandom) -> [UInt8] {
    let limit = UInt32.max - (1 << 20) + 1
    let incarnation: UInt32 =
      switch random.below(5) {
      case 0: UInt32(random.below(20))
      case 1: limit - 2 + UInt32(random.below(5))
      case 2: .max - UInt32(random.below(3))
      case 3: .max
      default: UInt32(truncatingIfNeeded: random.next())
      }
    let node = name.bytes
    let accuser = random.chance(0.3) ? node : NodeName("node-\(random.below(5))").bytes
    let meta = [UInt8(random.below(3))]
    var bytes: [UInt8] = []
    switch random.below(3) {
    case 0: Suspect(incarnation: incarnation, node: node.span.bytes, from: accuser.span.bytes).encode(into: &bytes)
    case 1: Dead(incarnation: incarnation, node: node.span.bytes, from: accuser.span.bytes).encode(into: &bytes)
    default:
      Alive(incarnation: incarnation, node: node.span.bytes, address: address, meta: meta.span.bytes, versions: .current)
        .encode(into: &bytes)
    }
    return bytes
  }
}
