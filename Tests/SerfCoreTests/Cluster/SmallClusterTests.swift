import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import Testing

/// Clusters so small that a round or two of gossip reaches all, in a network that loses nothing. Push/pull is off: gossip alone carries the news.
@Suite("a cluster of a few members") struct SmallClusterTests {
  enum Profile: CaseIterable {
    case local, lan

    var configuration: SerfCoreConfiguration {
      var configuration = self == .local ? SerfCoreConfiguration.local : .lan
      configuration.membership.pushPull.interval = .seconds(100_000)
      return configuration
    }
  }

  private func names(_ size: Int) -> [NodeName] { Array(["a", "b", "c", "d", "e"][..<size]) }

  @Test("hears every event within two seconds", arguments: [2, 3, 4, 5], Profile.allCases)
  func events(size: Int, profile: Profile) throws {
    let cluster = SimulatedCluster(seed: 40, profile.configuration)
    let names = names(size)
    try cluster.start(joined: names)
    let events = (0..<2_000).map { "\($0)" }
    for (index, event) in events.enumerated() {
      try cluster.userEvent(names[index % size], event)
      // This is no multiple of any interval, so the events fall into every phase of gossip and probes.
      cluster.run(.milliseconds(137))
    }
    cluster.run(.seconds(2))
    for name in names { #expect(Set(events).subtracting(cluster.userEvents(on: name)) == [], "at \(name)") }
  }

  @Test("sees each leave as a leave", arguments: [2, 3, 4, 5], Profile.allCases)
  func leaves(size: Int, profile: Profile) throws {
    for seed in 1...100 as ClosedRange<UInt64> {
      let cluster = SimulatedCluster(seed: seed, profile.configuration)
      let names = names(size)
      try cluster.start(joined: names)
      cluster.run(.milliseconds(1_000 + 37 * Int(seed)))
      let leaver = names[Int(seed) % size]
      try cluster.leave(leaver)
      cluster.stop(leaver)
      for name in names where name != leaver { #expect(cluster.history(of: leaver, on: name) == "join leave", "at \(name), seed \(seed)") }
    }
  }
}
