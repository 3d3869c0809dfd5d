import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import Testing

/// Whole runs of a small cluster, in virtual time, over a network that behaves like the QUIC transport.
@Suite("a cluster over time")
struct EnduranceTests {
  let names: [NodeName] = ["a", "b", "c", "d", "e"]

  @Test("started under loss loses no member and no event at 20 events a second", arguments: [0.01, 0.05], [1, 2, 3] as [UInt64])
  func eventsUnderLoss(loss: Double, seed: UInt64) throws {
    var configuration = SerfCoreConfiguration.lan
    configuration.userEvents.bufferSize = 4_096
    let cluster = SimulatedCluster(seed: seed, provesNames: true, configuration)
    cluster.network.conditions.loss = loss
    try cluster.start(joined: names)
    for index in 0..<1_200 {
      try cluster.userEvent(names[index % names.count], "e" + String(index))
      cluster.run(.milliseconds(50))
    }
    let expected = (0..<1_200).map { "e" + String($0) }.sorted()
    try cluster.require(.seconds(45), "every event is everywhere") {
      names.allSatisfy { cluster.userEvents(on: $0).count == expected.count }
    }
    for name in names {
      #expect(cluster.userEvents(on: name).sorted() == expected)
      for other in names { #expect(cluster.history(of: other, on: name) == "join") }
    }
  }

  @Test("cut off one by one comes together again", arguments: [1, 2, 3] as [UInt64])
  func totalLoss(seed: UInt64) throws {
    var configuration = SerfCoreConfiguration.lan
    configuration.reconnecting.interval = .seconds(5)
    let cluster = SimulatedCluster(seed: seed, provesNames: true, configuration)
    try cluster.start(joined: names)
    cluster.network.partition([["a"], names.filter { $0 != "a" }].map { $0.map { cluster[$0] } })
    try cluster.require(.seconds(120), "both sides see the others failed") {
      cluster.status(of: "a", on: "e") == .failed && cluster.alive(on: "a") == ["a"]
    }
    cluster.run(.seconds(40))
    cluster.network.heal()
    try cluster.require(.seconds(30), "everybody is alive everywhere") { names.allSatisfy { cluster.alive(on: $0) == names } }
  }

  @Test("takes back a member that is killed and started again twenty times", arguments: [false, true], [1, 2, 3] as [UInt64])
  func restarts(atNewAddress: Bool, seed: UInt64) throws {
    let cluster = SimulatedCluster(seed: seed, provesNames: true, .lan)
    try cluster.start(joined: names)
    for round in 0..<20 {
      cluster.network.crash(cluster["c"])
      cluster.run(.milliseconds(300))
      try cluster.start("c", atNewAddress: atNewAddress)
      try cluster.join("c", to: "a")
      let address = cluster.network.address(of: cluster["c"])
      try cluster.require(.seconds(atNewAddress ? 10 : 5), "c is alive at its address in round \(round)") {
        names.allSatisfy { name in
          cluster.members(on: name).contains { $0.name == "c" && $0.status == .alive && $0.address == address }
        }
      }
    }
    cluster.run(.seconds(30))
    for name in names { #expect(cluster.alive(on: name) == names) }
  }

  @Test("of fifty members finds itself and comes to rest")
  func fifty() throws {
    let cluster = SimulatedCluster(provesNames: true, .lan)
    let names = (0..<50).map { NodeName("n" + ($0 < 10 ? "0" : "") + String($0)) }
    for name in names { try cluster.start(name) }
    for name in names.dropFirst() { try cluster.join(name, to: names[0]) }
    try cluster.require(.seconds(15), "all see all") { names.allSatisfy { cluster.alive(on: $0) == names } }
    cluster.run(.seconds(60))
    for name in names {
      #expect(cluster.statistics(of: name).intentQueue == 0)
      #expect(cluster.network.read(cluster[name]) { $0.core.membership.counters.suspicions } == 0)
    }
  }
}
