import Memberlist
import Serf
import SerfCore
import SerfTransport
import Testing

/// The list of figures is complete and unambiguous.
@Suite struct FigureTests {
  private static func statistics(
    events: NodeCounters = NodeCounters(), subscriptions: SubscriptionStatistics = .init(),
    gossip: MembershipCounters = MembershipCounters(), transport: [TransportFigure] = [], lateness: Duration = .zero
  ) throws -> SerfStatistics {
    let core = try NodeCore(.lan, name: "a", address: NodeAddress(ipv4: 127, 0, 0, 1, port: 7946), seed: 1)
    return SerfStatistics(
      node: core.statistics, events: events, subscriptions: subscriptions, gossip: gossip, transport: transport, status: .alive,
      lateness: lateness, isEncrypted: false)
  }

  /// The counters with the values 1, 2, 3 and so on, in the order of their declaration, and how many there are.
  private static func numbered<Counters>(_ counters: Counters) -> (Counters, UInt64) {
    var counters = counters
    let count = MemoryLayout<Counters>.size / MemoryLayout<UInt64>.size
    withUnsafeMutableBytes(of: &counters) { bytes in
      for index in 0..<count { bytes.storeBytes(of: UInt64(index + 1), toByteOffset: index * 8, as: UInt64.self) }
    }
    return (counters, UInt64(count))
  }

  @Test("every counter of the gossip layer is in the list, exactly once")
  func gossip() throws {
    let (counters, count) = Self.numbered(MembershipCounters())
    let figures = try Self.statistics(gossip: counters).figures
    let values = figures.filter { $0.section == "gossip" || $0.key == "suspicions" }.map(\.value)
    #expect(values.sorted() == Array(1...count))
    #expect(figures.filter { $0.section == "gossip" }.allSatisfy { $0.kind == .counter })
  }

  @Test("every counter of the core is in the list, exactly once")
  func events() throws {
    let (counters, count) = Self.numbered(NodeCounters())
    let figures = try Self.statistics(events: counters).figures.filter {
      $0.section == "events" && !$0.metric.hasPrefix("serf.subscriptions") && !$0.metric.hasPrefix("serf.delegate")
        || $0.key == "coordinate_resets"
    }
    #expect(figures.map(\.value).sorted() == Array(1...count))
    #expect(figures.allSatisfy { $0.kind == .counter })
  }

  @Test("what the delegate was called for is in the list, and what waits for it is a gauge")
  func delegate() throws {
    var figures = DelegateCaller.Figures()
    (figures.calls, figures.waiting, figures.dropped, figures.failed, figures.slowFilters) = (1, 2, 3, 4, 5)
    let core = try NodeCore(.lan, name: "a", address: NodeAddress(ipv4: 127, 0, 0, 1, port: 7946), seed: 1)
    let shown = SerfStatistics(
      node: core.statistics, events: NodeCounters(), delegate: figures, gossip: MembershipCounters(), transport: [], status: .alive,
      lateness: .zero, isEncrypted: false
    ).figures.filter { $0.metric.hasPrefix("serf.delegate.") }
    #expect(
      shown.map(\.key) == [
        "delegate_calls", "delegate_calls_waiting", "delegate_calls_dropped", "delegate_calls_failed", "delegate_filters_slow",
      ])
    #expect(shown.map(\.value) == [1, 2, 3, 4, 5])
    #expect(shown.filter { $0.kind == .gauge }.map(\.metric) == ["serf.delegate.calls_waiting"])
  }

  @Test("readers of the events are gauges, and what they lost is a counter")
  func subscriptions() throws {
    let statistics = try Self.statistics(
      subscriptions: SubscriptionStatistics(subscriptions: 2, eventsWaiting: 30, eventsDropped: 400))
    let figures = statistics.figures.filter { $0.metric.hasPrefix("serf.subscriptions") }
    #expect(figures.allSatisfy { $0.section == "events" })
    #expect(figures.map(\.key) == ["subscriptions", "events_waiting", "events_dropped"])
    #expect(figures.map(\.kind) == [.gauge, .gauge, .counter])
    #expect(figures.map(\.value) == [2, 30, 400])
  }

  @Test("what exists in Go Serf has its key in the section serf, and its metric")
  func go() throws {
    let figures = try Self.statistics().figures
    let keys = figures.filter { $0.section == "serf" }.map(\.key)
    #expect(
      Set(keys).isSuperset(of: [
        "members", "failed", "left", "health_score", "member_time", "event_time", "query_time", "intent_queue", "event_queue",
        "query_queue", "coordinate_resets",
      ]))
    #expect(
      Set(figures.map(\.metric)).isSuperset(of: [
        "serf.member.join", "serf.member.left", "serf.member.failed", "serf.member.update", "serf.member.flap", "serf.events",
        "serf.queries", "serf.coordinate.rejected", "serf.queue.Intent", "serf.queue.Event", "serf.queue.Query", "memberlist.health.score",
        "memberlist.msg.suspect",
        "memberlist.msg.dead",
      ]))
  }

  @Test("no key and no metric is used twice, and each consists of words")
  func unambiguous() throws {
    let figures = try Self.statistics(transport: ExchangeCounters().figures).figures
    #expect(Set(figures.map(\.key)).count == figures.count)
    #expect(Set(figures.map(\.metric)).count == figures.count)
    for figure in figures {
      #expect(figure.key.wholeMatch(of: /[a-z]+(_[a-z]+)*/) != nil, "\(figure.key)")
      #expect(figure.metric.wholeMatch(of: /(serf|memberlist)(\.[A-Za-z]+(_[a-z]+)*)+/) != nil, "\(figure.metric)")
    }
  }

  @Test("a figure of a transport keeps its name and kind; a name that is taken is left out")
  func transport() throws {
    let own: [TransportFigure] = [.init("probes", 7), .init("doors", 2, kind: .gauge), .init("doors", 3), .init("knocks", 4)]
    let statistics = try Self.statistics(transport: own)
    #expect(statistics["probes"] == 0 && statistics["doors"] == 2 && statistics["knocks"] == 4 && statistics["windows"] == nil)
    let ours = statistics.figures.filter { $0.section == "transport" }
    #expect(ours.map(\.key) == ["doors", "knocks"])
    #expect(ours.map(\.kind) == [.gauge, .counter])
    #expect(ours.map(\.metric) == ["serf.transport.doors", "serf.transport.knocks"])
  }

  @Test("lateness is printed in whole milliseconds")
  func lateness() throws {
    #expect(try Self.statistics(lateness: .microseconds(2_900))["lateness_ms"] == 2)
  }
}
