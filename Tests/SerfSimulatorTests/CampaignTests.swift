import Foundation
import Memberlist
import SerfPrimitives
import SerfSimulator
import Testing

/// All faults together, from a seed: crashes, restarts, moves, pauses, leaves, partitions and loss. Afterwards all live members agree. News is passed on at
/// once with an even seed, and waits for the rounds of gossip with an odd one.
///
/// The environment chooses other seeds, for a long run:
/// ```
/// SERF_CAMPAIGN_START=900000 SERF_CAMPAIGN_SEEDS=2000 swift test -c release --no-parallel --filter CampaignTests
/// ```
@Suite struct CampaignTests {
  /// With the last six, a member was once seen alive at an address that it had left.
  static var seeds: [UInt64] {
    let environment = ProcessInfo.processInfo.environment
    guard let count = environment["SERF_CAMPAIGN_SEEDS"].flatMap({ UInt64($0) }) else {
      return Array(0..<10) + [900_029, 900_139, 900_192, 900_269, 900_349, 900_438]
    }
    let start = environment["SERF_CAMPAIGN_START"].flatMap { UInt64($0) } ?? 0
    return Array(start..<start + count)
  }

  @Test("after any mixture of faults the survivors agree", arguments: [false, true], CampaignTests.seeds)
  func campaign(provesNames: Bool, seed: UInt64) {
    var conditions = NetworkConditions()
    conditions.loss = 0.02
    conditions.duplication = 0.01
    let cluster = GossipCluster(
      seed: 100 + seed, .local, provesNames: provesNames, passesNewsOnAtOnce: seed.isMultiple(of: 2),
      conditions: conditions)
    let count = 8
    cluster.start(count)
    var random = SeededRandom(seed: seed)
    var current = Array(cluster.nodes)
    var isDown = Array(repeating: false, count: count)
    var isPaused = Array(repeating: false, count: count)
    var ports = Array(repeating: 7946 as UInt16, count: count)
    var faults = 0

    func restart(_ index: Int) {
      // It restarts elsewhere only if that is no conflict of names.
      if provesNames, random.chance(0.5) { ports[index] += 1 }
      current[index] = cluster.start(index: index, port: ports[index])
      isDown[index] = false
      isPaused[index] = false
      if let seedNode = (1..<count).map({ (index + $0) % count }).first(where: { !isDown[$0] && !isPaused[$0] }) {
        cluster.join(current[index], current[seedNode])
      }
    }

    for _ in 0..<150 {
      let index = random.below(count)
      switch random.below(8) {
      case 0 where !isDown[index] && isDown.filter({ $0 }).count < 3:
        cluster.network.crash(current[index], silently: random.chance(0.5))
        isDown[index] = true
        faults += 1
      case 1 where !isDown[index] && !isPaused[index] && isDown.filter({ $0 }).count < 3:
        cluster.network.with(current[index]) { member, now in member.membership.leave(timeout: .seconds(1), at: now) }
        cluster.network.run(for: .milliseconds(700))
        cluster.network.crash(current[index])
        isDown[index] = true
        faults += 1
      case 2, 3:
        if let down = isDown.firstIndex(of: true) { restart(down) }
      case 4 where !isDown[index] && isPaused.filter({ $0 }).count < 2:
        if isPaused[index] { cluster.network.resume(current[index]) } else { cluster.network.pause(current[index]) }
        isPaused[index].toggle()
        faults += 1
      case 5:
        let cut = 1 + random.below(count - 1)
        cluster.network.partition([Array(current[..<cut]), Array(current[cut...])])
        faults += 1
      case 6: cluster.network.heal()
      default:
        if !isDown[index], !isPaused[index] {
          _ = cluster.network.with(current[index]) { member, now in member.membership.updateMeta([UInt8(random.below(256))], at: now) }
        }
      }
      cluster.network.run(for: .milliseconds(200 + Int64(random.below(2_000))))
    }

    cluster.network.heal()
    for index in 0..<count {
      if isPaused[index], !isDown[index] { cluster.network.resume(current[index]) }
      if isDown[index] { restart(index) }
    }
    cluster.network.run(for: .seconds(40))
    // If a partition lasts longer than dead members are remembered, the layer above makes one side join the other.
    for index in 1..<count { cluster.join(current[index], current[0]) }
    func areAddressesRight() -> Bool {
      current.allSatisfy { node in ports.indices.allSatisfy { cluster.view(node, of: $0)?.address.port == ports[$0] } }
    }
    // Two probe intervals, and time for updates to spread.
    let limit = cluster.configuration.probe.interval * 2 + cluster.configuration.gossip.interval * 10
    #expect(cluster.network.run(within: limit) { areAddressesRight() }, "seed \(seed)")
    #expect(
      cluster.network.run(within: .seconds(60)) { cluster.agree(current, alive: 0..<count) && areAddressesRight() }, "seed \(seed)")
    #expect(faults > 30)
    cluster.network.run(for: .seconds(60))
    for node in current { #expect(cluster.network.read(node) { $0.membership.count } == count) }
    for node in current { #expect(cluster.network.read(node) { $0.membership.timerCount } < 500) }
  }
}
