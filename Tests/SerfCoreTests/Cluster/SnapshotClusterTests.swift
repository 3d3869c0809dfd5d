import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import Testing

/// Nodes that are restarted from their snapshots, in virtual time, with names that are proven and names that are not.
@Suite("a node that is restarted from its snapshot")
struct SnapshotClusterTests {
  private func cluster(_ provesNames: Bool, rejoins: Bool = false, keeping names: NodeName...) throws -> SimulatedCluster {
    var configuration = SerfCoreConfiguration.brisk
    configuration.snapshot.rejoinAfterLeave = rejoins
    let cluster = SimulatedCluster(seed: 5, provesNames: provesNames, configuration)
    for name in names { cluster.disks[name] = SimulatedDisk() }
    try cluster.start(joined: ["a", "b", "c"])
    return cluster
  }

  @Test("after a crash finds the cluster by itself, and is not told again what it knew", arguments: [false, true])
  func crash(provesNames: Bool) throws {
    let cluster = try cluster(provesNames, keeping: "c")
    try cluster.userEvent("a", "before")
    let query = try cluster.query("a", "before")
    try cluster.require(.seconds(5), "c has both") {
      cluster.userEvents(on: "c") == ["before"] && cluster.queries(on: "c").map(\.id) == [query]
    }
    cluster.run(.milliseconds(500))
    cluster.kill("c")
    try cluster.require(.seconds(20), "it has failed") { cluster.status(of: "c", on: "a") == .failed }
    // Nobody reconnects from the other side.
    try cluster.call("a") { (core, request, now) throws(SerfCoreError) in try core.forceLeave("c", prune: true, request: request, at: now) }
    try cluster.require(.seconds(5), "it is forgotten") { ["a", "b"].allSatisfy { cluster.status(of: "c", on: $0) == nil } }
    try cluster.userEvent("b", "meanwhile")
    let clock = cluster.statistics(of: "a").memberTime
    try cluster.start("c")
    try cluster.require(.seconds(10), "all are alive") {
      ["a", "b", "c"].allSatisfy { cluster.alive(on: $0) == ["a", "b", "c"] }
    }
    try cluster.userEvent("a", "after")
    try cluster.require(.seconds(5), "events arrive") { cluster.userEvents(on: "c").contains("after") }
    #expect(cluster.userEvents(on: "c") == ["meanwhile", "after"])
    #expect(cluster.queries(on: "c").isEmpty)
    // Its clock went on: what it says is newer than what was said about it.
    #expect(cluster.statistics(of: "c").memberTime >= clock - 1)
  }

  @Test("after a leave stays alone, unless it is told to rejoin", arguments: [false, true])
  func leave(rejoins: Bool) throws {
    let cluster = try cluster(true, rejoins: rejoins, keeping: "c")
    try cluster.userEvent("a", "before")
    try cluster.require(.seconds(5), "c has it") { cluster.userEvents(on: "c") == ["before"] }
    cluster.run(.milliseconds(500))
    try cluster.leave("c")
    cluster.stop("c")
    try cluster.require(.seconds(20), "it has left") { cluster.status(of: "c", on: "a") == .left }
    try cluster.start("c")
    if rejoins {
      try cluster.require(.seconds(10), "it is back") { cluster.alive(on: "a") == ["a", "b", "c"] && cluster.alive(on: "c").count == 3 }
    } else {
      cluster.run(.seconds(30))
      #expect(cluster.alive(on: "c") == ["c"] && cluster.status(of: "c", on: "a") == .left)
    }
    #expect(cluster.userEvents(on: "c").isEmpty)
  }

  @Test("loses at most the last half second when it is killed")
  func killed() throws {
    let cluster = try cluster(false, keeping: "c")
    let disk = try #require(cluster.disks["c"])
    func recorded() -> LamportTime { RestoredState(reading: disk.file ?? [], rejoinAfterLeave: false).state.eventTime ?? 0 }
    var seen: [(at: Instant, time: LamportTime)] = []
    for _ in 0..<200 {
      cluster.run(.milliseconds(37))
      try cluster.userEvent("c", "e")
      seen.append((cluster.network.now, cluster.statistics(of: "c").eventTime - 1))
      // If it were killed now, the file would have what was there half a second ago.
      let old = seen.last { cluster.network.now - $0.at >= .milliseconds(500) }?.time ?? 0
      #expect(recorded() >= old)
    }
    cluster.stop("c")
    #expect(recorded() == seen.last?.time)
  }

  @Test("together with all others finds them again, although none is there at first")
  func allRestart() throws {
    let cluster = try cluster(true, keeping: "a", "b", "c")
    cluster.run(.milliseconds(500))
    for name: NodeName in ["a", "b", "c"] { cluster.kill(name) }
    cluster.run(.seconds(5))
    for name: NodeName in ["a", "b", "c"] {
      try cluster.start(name)
      cluster.run(.seconds(1))
    }
    try cluster.require(.seconds(60), "all are alive") { ["a", "b", "c"].allSatisfy { cluster.alive(on: $0) == ["a", "b", "c"] } }
  }
}
