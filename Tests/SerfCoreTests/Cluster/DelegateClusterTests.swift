import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import Synchronization
import Testing

@Suite("Delegates in a cluster", .serialized)
struct DelegateClusterTests {
  /// Who was asked about whom.
  private final class Asked: Sendable {
    private let names = Mutex<[[NodeName]]>([])
    var all: [[NodeName]] { names.withLock { $0 } }
    func refuse(_ members: [SerfMember]) -> Bool {
      names.withLock { $0.append(members.map(\.name).sorted()) }
      return false
    }
  }

  private func join(_ cluster: SimulatedCluster) throws -> JoinFailure? {
    let target = JoinTarget(cluster.network.address(of: cluster["b"]))
    let request = try cluster.call("a") { (core, request, now) throws(SerfCoreError) in
      try core.join([target], ignoreOld: true, request: request, at: now)
    }
    try cluster.require(.seconds(15), "the join is answered") { cluster.reply("a", request) != nil }
    guard case .joined(let results)? = cluster.reply("a", request) else { throw SimulatedCluster.NoReply() }
    #expect(results.count == 1)
    return results.first?.failure
  }

  @Test(
    "a merge filter at either end cancels a join: it fails, and the one that refuses never takes up the other", arguments: [false, true])
  func cancelsJoin(provesNames: Bool) throws {
    for refuser in ["a", "b"] as [NodeName] {
      let cluster = SimulatedCluster(provesNames: provesNames)
      let asked = Asked()
      for name in ["a", "b"] as [NodeName] {
        try cluster.start(name) {
          guard name == refuser else { return }
          $0.mergeFilter = { asked.refuse($0) }
          $0.aliveFilter = { asked.refuse([$0]) }
        }
      }
      let failure = try join(cluster)
      // The one that joins refuses by itself, or is told.
      #expect(failure == (refuser == "a" ? .filtered : .contact(.refused)))
      // The one that is joined has taken up the other before it answers.
      #expect(asked.all == [refuser == "a" ? ["a", "b"] : ["a"]])
      // Not even later, when the other one, which has taken up the one that joins, gossips to it.
      cluster.run(.seconds(30))
      #expect(cluster.alive(on: refuser) == [refuser])
      if refuser == "b" { #expect(cluster.alive(on: "a") == ["a"] && asked.all.count == 1) }
    }
  }

  @Test("a filter for members keeps a node out although the cluster has it, and the rest of the cluster is as without")
  func keepsOut() throws {
    let cluster = SimulatedCluster()
    try cluster.start("a") { $0.aliveFilter = { $0.tags["role"] != "guest" } }
    try cluster.start("b")
    try cluster.start("c", tags: ["role": "guest"])
    try cluster.join("b", to: "a")
    try cluster.join("c", to: "b")
    try cluster.require(.seconds(20), "b sees all") { cluster.alive(on: "b") == ["a", "b", "c"] }
    cluster.run(.seconds(20))
    #expect(cluster.alive(on: "a") == ["a", "b"])
  }

  @Test("a member's own reconnect timeout makes it reaped soon after it has failed, and the others are remembered")
  func reconnectTimeout() throws {
    let cluster = SimulatedCluster()
    try cluster.start("a") { $0.hasDelegate = true }
    for name in ["b", "c"] as [NodeName] {
      try cluster.start(name)
      try cluster.join(name, to: "a")
    }
    try cluster.require(.seconds(20), "all see each other") { cluster.alive(on: "a") == ["a", "b", "c"] }
    cluster.kill("b")
    cluster.kill("c")
    var asked: Set<NodeName> = []
    try cluster.require(.seconds(120), "the delegate is asked about both") {
      for (_, report) in cluster.network.reports(of: cluster["a"]) {
        if case .delegate(.reconnectTimeout(let member, _)) = report { asked.insert(member.name) }
      }
      return asked == ["b", "c"]
    }
    cluster.network.with(cluster["a"]) { machine, _ in machine.core.reconnectTimeoutAnswered("b", .milliseconds(1)) }
    try cluster.require(.seconds(10), "b is reaped") { cluster.history(of: "b", on: "a") == "join failed reap" }
    cluster.run(.seconds(60))
    #expect(cluster.status(of: "c", on: "a") == .failed)
  }
}
