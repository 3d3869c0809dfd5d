import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import Testing

/// Two nodes with one name in a cluster without proven names, in virtual time.
@Suite("two nodes with one name in a cluster") struct NameVoteClusterTests {
  /// The status of a node, which may share its name.
  private func status(_ id: SimulatedNetwork<SimulatedNode>.NodeID, in cluster: SimulatedCluster) -> NodeStatus {
    cluster.network.read(id) { $0.core.status }
  }

  /// A second node with the name `name`, which has joined through `other`.
  private func addRival(
    _ name: NodeName, through other: NodeName, in cluster: SimulatedCluster
  ) throws -> (first: SimulatedNetwork<SimulatedNode>.NodeID, second: SimulatedNetwork<SimulatedNode>.NodeID) {
    let first = cluster[name]
    try cluster.start(name, atNewAddress: true)
    try cluster.join(name, to: other)
    return (first, cluster[name])
  }

  @Test(
    "the members' one stays, the other stops without a leave, and no other member changes state", arguments: 1...5 as ClosedRange<UInt64>)
  func minorityStops(seed: UInt64) throws {
    let cluster = SimulatedCluster(seed: seed)
    try cluster.start(joined: ["a", "b", "c"])
    let before = (["a", "b"] as [NodeName]).map { cluster.members(on: $0) }
    let (first, second) = try addRival("c", through: "a", in: cluster)
    try cluster.require(.seconds(30), "the newcomer stops") { self.status(second, in: cluster) == .shutDown }
    cluster.run(.seconds(60))
    #expect(status(first, in: cluster) == .alive)
    #expect((["a", "b"] as [NodeName]).map { cluster.members(on: $0) } == before)
    #expect(cluster.members(at: first).map(\.status) == [.alive, .alive, .alive])
    for name in ["a", "b"] as [NodeName] { #expect(cluster.history(of: "c", on: name) == "join") }
    var tallies: [NameTally] = []
    for (_, report) in cluster.network.reports(of: second) { if case .nameLost(_, let tally) = report { tallies.append(tally) } }
    #expect(tallies == [NameTally(answers: 2, forUs: 0)])
  }

  @Test("go on both if there is no third, because no member votes")
  func aloneTogether() throws {
    let cluster = SimulatedCluster(seed: 2)
    try cluster.start("c")
    let first = cluster["c"]
    try cluster.start("c", atNewAddress: true)
    let target = JoinTarget(cluster.network.address(of: first))
    try cluster.call("c") { (core, request, now) throws(SerfCoreError) in
      try core.join([target], ignoreOld: true, request: request, at: now)
    }
    cluster.run(.seconds(60))
    #expect(status(first, in: cluster) == .alive && status(cluster["c"], in: cluster) == .alive)
    let votes = [first, cluster["c"]].map { cluster.network.read($0) { $0.core.counters.nameVotes } }
    #expect(votes.reduce(0, +) > 0, "\(votes)")
  }

  @Test("go on both where the vote is switched off")
  func off() throws {
    var configuration = SerfCoreConfiguration.brisk
    configuration.resolvesNameConflicts = false
    let cluster = SimulatedCluster(seed: 3, configuration)
    try cluster.start(joined: ["a", "b", "c"])
    let (first, second) = try addRival("c", through: "a", in: cluster)
    cluster.run(.seconds(60))
    #expect(status(first, in: cluster) == .alive && status(second, in: cluster) == .alive)
  }

  @Test(
    "does not stop a node that came back at another address while its past is still remembered", arguments: 1...3 as ClosedRange<UInt64>)
  func past(seed: UInt64) throws {
    let cluster = SimulatedCluster(seed: seed)
    try cluster.start(joined: ["a", "b", "c"])
    cluster.network.crash(cluster["c"], silently: seed == 2)
    let (_, second) = try addRival("c", through: "a", in: cluster)
    try cluster.require(.seconds(180), "it is taken at its new address") {
      cluster.members(on: "b").contains { $0.name == "c" && $0.status == .alive && $0.address == cluster.network.address(of: second) }
    }
    #expect(status(second, in: cluster) == .alive)
  }

  @Test("do not vote where names are proven")
  func proven() throws {
    let cluster = SimulatedCluster(seed: 4, provesNames: true)
    try cluster.start(joined: ["a", "b", "c"])
    let first = cluster["c"]
    try cluster.start("c", atNewAddress: true)
    let target = JoinTarget(cluster.network.address(of: cluster["a"]))
    let request = try cluster.call("c") { (core, request, now) throws(SerfCoreError) in
      try core.join([target], ignoreOld: true, request: request, at: now)
    }
    try cluster.require(.seconds(10), "the join is answered") { cluster.reply("c", request) != nil }
    cluster.run(.seconds(30))
    for id in [first, cluster["c"], cluster["a"]] {
      #expect(cluster.network.read(id) { $0.core.counters.nameVotes } == 0)
      #expect(status(id, in: cluster) == .alive)
    }
  }
}
