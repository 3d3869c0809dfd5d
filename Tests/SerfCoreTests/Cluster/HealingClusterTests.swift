import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import Testing

/// Clusters that come apart for longer than their members remember each other, in virtual time.
@Suite("a cluster that has come apart")
struct HealingClusterTests {
  private static let left: [NodeName] = ["a", "b", "c"]
  private static let right: [NodeName] = ["d", "e", "f", "g"]
  private static let interval = Duration.seconds(5)

  private func cluster(_ seed: UInt64, provesNames: Bool) -> SimulatedCluster {
    var configuration = SerfCoreConfiguration.brisk
    configuration.reaping.failedTimeout = .seconds(30)
    configuration.reconnecting.interval = Self.interval
    return SimulatedCluster(seed: seed, provesNames: provesNames, configuration)
  }

  private func part(_ cluster: SimulatedCluster) { cluster.network.partition([Self.left, Self.right].map { $0.map { cluster[$0] } }) }

  private func knowsOnlyItself(_ cluster: SimulatedCluster) -> Bool {
    [Self.left, Self.right].allSatisfy { half in half.allSatisfy { cluster.members(on: $0).map(\.name) == half } }
  }

  private func isWhole(_ cluster: SimulatedCluster) -> Bool {
    (Self.left + Self.right).allSatisfy { cluster.alive(on: $0) == Self.left + Self.right }
  }

  @Test(
    "is one again within two reconnect intervals, although both parts had forgotten each other, by members alone",
    arguments: [false, true], 1...3 as ClosedRange<UInt64>)
  func heals(provesNames: Bool, seed: UInt64) throws {
    let cluster = cluster(seed, provesNames: provesNames)
    try cluster.start(joined: Self.left + Self.right)
    part(cluster)
    try cluster.require(.seconds(120), "each part knows only itself") { knowsOnlyItself(cluster) }
    cluster.run(.seconds(100))
    // What one part has sent meanwhile reaches the other with the first exchange, and nothing comes twice.
    try cluster.userEvent("a", "meanwhile")
    cluster.run(.seconds(5))
    let clock = cluster.statistics(of: "a").memberTime
    cluster.network.heal()
    try cluster.require(Self.interval * 2, "all see all") { isWhole(cluster) }
    #expect(cluster.statistics(of: "a").memberTime == clock, "no join intent")
    #expect((Self.left + Self.right).contains { cluster.network.read(cluster[$0]) { $0.core.counters.clusterHeals } > 0 })
    cluster.run(.seconds(60))
    for name in Self.left + Self.right {
      #expect(cluster.userEvents(on: name) == ["meanwhile"])
      #expect(cluster.statistics(of: name).remembered == 0)
    }
  }

  @Test("is one again by its seeds, where all nodes have restarted meanwhile and remember nothing", arguments: [false, true])
  func heals(bySeeds provesNames: Bool) throws {
    let cluster = cluster(4, provesNames: provesNames)
    try cluster.start(joined: Self.left + Self.right)
    part(cluster)
    for name in Self.left + Self.right { cluster.stop(name) }
    for name in Self.left + Self.right { try cluster.start(name) }
    part(cluster)
    for half in [Self.left, Self.right] {
      for name in half.dropFirst() { try cluster.join(name, to: half[0]) }
    }
    let seeds = ["a", "d"].map { JoinTarget(cluster.network.address(of: cluster[$0])) }
    for name in Self.left + Self.right {
      cluster.network.with(cluster[name]) { machine, _ in
        machine.seeds = seeds
        machine.core.keepSeeds(seeds.count)
      }
    }
    cluster.run(.seconds(60))
    #expect(knowsOnlyItself(cluster) && Self.left.allSatisfy { cluster.statistics(of: $0).remembered == 0 })
    cluster.network.heal()
    try cluster.require(Self.interval * 2, "all see all") { isWhole(cluster) }
    // All is well now: no seed is dialled.
    func dials() -> UInt64 { (Self.left + Self.right).reduce(0) { $0 + cluster.network.read(cluster[$1]) { $0.core.counters.seedDials } } }
    cluster.run(Self.interval)
    let before = dials()
    cluster.run(.seconds(100))
    #expect(dials() == before)
  }

  @Test("finds the rest by the snapshot of a member that was restarted when no other was there any more", arguments: [false, true])
  func snapshot(provesNames: Bool) throws {
    let cluster = cluster(5, provesNames: provesNames)
    for name in Self.right { cluster.disks[name] = SimulatedDisk() }
    try cluster.start(joined: Self.left + Self.right)
    part(cluster)
    try cluster.require(.seconds(120), "each part knows only itself") { knowsOnlyItself(cluster) }
    for name in Self.left { cluster.stop(name) }
    for name in Self.right { cluster.stop(name) }
    for name in Self.left + Self.right { try cluster.start(name) }
    part(cluster)
    for name in Self.left.dropFirst() { try cluster.join(name, to: "a") }
    cluster.run(.seconds(60))
    #expect(knowsOnlyItself(cluster) && Self.left.allSatisfy { cluster.statistics(of: $0).remembered == 0 })
    cluster.network.heal()
    try cluster.require(Self.interval * 2, "all see all") { isWhole(cluster) }
  }

  @Test("does not take in another cluster at an address that one of its members had", arguments: [false, true], [false, true])
  func reused(provesNames: Bool, isForgotten: Bool) throws {
    let cluster = cluster(6, provesNames: provesNames)
    try cluster.start(joined: ["a", "b"])
    try cluster.start(joined: ["x", "y"])
    cluster.stop("b")
    try cluster.require(.seconds(30), "it has failed") { cluster.status(of: "b", on: "a") == .failed }
    // Members gossip to one that has just failed, wherever it was; no name is asked for there.
    cluster.run(.seconds(16))
    if isForgotten { try cluster.require(.seconds(60), "it is forgotten") { cluster.status(of: "b", on: "a") == nil } }
    try cluster.start("z", atAddressOf: "b")
    try cluster.join("z", to: "x")
    cluster.run(isForgotten ? .seconds(60) : .seconds(12))
    #expect(cluster.status(of: "b", on: "a") == (isForgotten ? nil : .failed))
    #expect(cluster.alive(on: "a") == ["a"])
    for name: NodeName in ["x", "y", "z"] { #expect(cluster.members(on: name).map(\.name) == ["x", "y", "z"]) }
    #expect(cluster.network.read(cluster["a"]) { $0.core.counters.addressesReused } > 0)
  }
}
