import Memberlist
import SerfPrimitives
import Testing
import VectorSupport

@Suite struct ScalingTests {
  @Test("transmissions: the table of the Go code")
  func transmissions() throws {
    let table = try Vectors.file("memberlist.json")["algorithm_tables"]["retransmit_limit_mult4"].object
    #expect(table.count == 12)
    for (nodes, limit) in table {
      #expect(TransmitLimit.transmissions(multiplier: 4, nodes: try #require(Int(nodes))) == limit.integer, "\(nodes) nodes")
    }
  }

  @Test("transmissions with a multiplier of 3", arguments: [(0, 0), (1, 3), (99, 6)])
  func transmissions(nodes: Int, limit: Int) { #expect(TransmitLimit.transmissions(multiplier: 3, nodes: nodes) == limit) }

  @Test(
    "a small cluster sends a broadcast at least four times for each of the first three other members",
    arguments: [(0, 0), (1, 4), (2, 4), (3, 8), (4, 12), (9, 12), (50, 12), (99, 12), (1000, 16)])
  func smallClusters(nodes: Int, limit: Int) { #expect(TransmitLimit.enough(multiplier: 4, nodes: nodes) == limit) }

  @Test("a smaller multiplier does not lower that", arguments: [(2, 4), (3, 8), (4, 12), (10_000, 12), (1_000_000, 14)])
  func smallMultiplier(nodes: Int, limit: Int) { #expect(TransmitLimit.enough(multiplier: 2, nodes: nodes) == limit) }

  @Test("push/pull intervals: the table of the Go code")
  func pushPull() throws {
    let table = try Vectors.file("memberlist.json")["algorithm_tables"]["push_pull_scale_30s_in_s"].object
    #expect(table.count == 10)
    for (nodes, seconds) in table {
      let interval = PushPullSchedule.interval(base: .seconds(30), nodes: try #require(Int(nodes)))
      #expect(interval == .seconds(try #require(seconds.integer)), "\(nodes) nodes")
    }
  }
}
