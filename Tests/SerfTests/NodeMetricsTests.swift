import CoreMetrics
import Memberlist
import MemoryTransport
import Serf
import SerfCore
import SerfPrimitives
import SerfTestSupport
import Testing

/// What swift-metrics gets from a node.
@Suite struct NodeMetricsTests {
  private static func figures(_ change: (inout NodeStatistics, inout NodeCounters, inout MembershipCounters) -> Void) -> [SerfStatistics
    .Figure]
  {
    var (node, events, gossip) = (NodeStatistics(), NodeCounters(), MembershipCounters())
    change(&node, &events, &gossip)
    return SerfStatistics(
      node: node, events: events, gossip: gossip, transport: [], status: .alive, lateness: .zero, isEncrypted: false
    ).figures
  }

  @Test("a counter is incremented by what was added since the last export, and a gauge says what there is")
  func differences() {
    let recorder = MetricsRecorder()
    var metrics = NodeMetrics(node: "a", factory: recorder)
    metrics.export(
      Self.figures {
        $2.deaths = 5; $0.members = 3
      })
    #expect(recorder.total("memberlist.msg.dead") == 5 && recorder.gauge("serf.members") == 3)
    metrics.export(
      Self.figures {
        $2.deaths = 5; $0.members = 2
      })
    #expect(recorder.total("memberlist.msg.dead") == 5 && recorder.gauge("serf.members") == 2)
    metrics.export(Self.figures { $2.deaths = 12 })
    #expect(recorder.total("memberlist.msg.dead") == 12 && recorder.gauge("serf.members") == 0)
  }

  @Test("every figure has a metric under its name, with the node as its dimension")
  func all() {
    let recorder = MetricsRecorder()
    var metrics = NodeMetrics(node: "a", factory: recorder)
    let figures = Self.figures { _, _, _ in }
    metrics.export(figures)
    #expect(recorder.labels == figures.map(\.metric).sorted())
    for label in recorder.labels { #expect(recorder.dimensions(of: label) == ["node=a"]) }
  }

  @Test("the counters of a node exist before it starts, so that a backend has them from the first moment")
  func handles() {
    let recorder = MetricsRecorder()
    _ = NodeMetrics(node: "a", factory: recorder)
    #expect(recorder.total("serf.member.join") == 0 && recorder.total("serf.gossip.probes") == 0)
    #expect(recorder.times("serf.probe.round_trip") == [])
  }

  @Test("a transport's figures become metrics when they are first seen")
  func transport() {
    let recorder = MetricsRecorder()
    var metrics = NodeMetrics(node: "a", factory: recorder)
    func export(_ knocks: UInt64) {
      metrics.export(
        SerfStatistics(
          node: NodeStatistics(), events: NodeCounters(), gossip: MembershipCounters(), transport: [.init("knocks", knocks)],
          status: .alive, lateness: .zero, isEncrypted: false
        ).figures)
    }
    #expect(recorder.total("serf.transport.knocks") == nil)
    for knocks in [4, 9] as [UInt64] { export(knocks) }
    #expect(recorder.total("serf.transport.knocks") == 9)
  }
}

/// Which factory a node takes.
@Suite struct MetricsFactoryTests {
  private static func node(_ factory: (any MetricsFactory)? = nil) throws -> SerfNode {
    try SerfNode(transport: MemoryHub().transport(), configuration: SerfConfiguration(name: "a"), metricsFactory: factory)
  }

  @Test("the one of the task in which the node is made, before it starts")
  func ofTheTask() throws {
    let recorder = MetricsRecorder()
    let node = try withMetricsFactory(recorder) { try Self.node() }
    #expect(recorder.total("serf.member.join") == 0)
    withExtendedLifetime(node) {}
  }

  @Test("the one that is passed in, before that of the task")
  func passedIn() throws {
    let (ours, another) = (MetricsRecorder(), MetricsRecorder())
    let node = try withMetricsFactory(another) { try Self.node(ours) }
    #expect(ours.total("serf.member.join") == 0 && another.labels.isEmpty)
    withExtendedLifetime(node) {}
  }
}
