import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import Testing

/// Where names are proven, a join under a name that another process has (`secure-transport.md` 1.6).
@Suite("a join under a name that is in use")
struct NameInUseTests {
  @Test("fails with that reason, whichever member is asked", arguments: ["a", "b", "c"] as [NodeName])
  func duplicate(asked: NodeName) throws {
    let cluster = SimulatedCluster(seed: 3, provesNames: true)
    try cluster.start(joined: ["a", "b", "c", "d"])
    let target = JoinTarget(cluster.network.address(of: cluster[asked]))
    try cluster.start("d", atNewAddress: true)
    let request = try cluster.call("d") { (core, request, now) throws(SerfCoreError) in
      try core.join([target], ignoreOld: true, request: request, at: now)
    }
    try cluster.require(.seconds(2), "the join is answered") { cluster.reply("d", request) != nil }
    guard case .joined(let results) = cluster.reply("d", request) else { throw SimulatedCluster.NoReply() }
    #expect(results.map(\.failure) == [.nameInUse])
    #expect(cluster.status(of: "d", on: "a") == .alive)
  }

  @Test("succeeds when the other process is gone, although the cluster still sees it alive")
  func moved() throws {
    let cluster = SimulatedCluster(seed: 4, provesNames: true)
    try cluster.start(joined: ["a", "b", "c"])
    cluster.network.crash(cluster["c"])
    #expect(cluster.status(of: "c", on: "a") == .alive)
    try cluster.start("c", atNewAddress: true)
    try cluster.join("c", to: "a")
    try cluster.require(.seconds(10), "all see it at its new address") {
      cluster.members(on: "b").first { $0.name == "c" }?.address == cluster.network.address(of: cluster["c"])
    }
  }

  @Test("of a name that is new, or at the address that the cluster knows, is answered without a wait")
  func undisputed() throws {
    let cluster = SimulatedCluster(seed: 5, provesNames: true)
    try cluster.start(joined: ["a", "b"])
    cluster.network.crash(cluster["b"])
    for name in ["b", "c"] as [NodeName] {
      try cluster.start(name)
      let target = JoinTarget(cluster.network.address(of: cluster["a"]))
      let request = try cluster.call(name) { (core, request, now) throws(SerfCoreError) in
        try core.join([target], ignoreOld: true, request: request, at: now)
      }
      try cluster.require(cluster.configuration.membership.probe.timeout, "the join is answered") { cluster.reply(name, request) != nil }
    }
  }
}
