import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import Testing

/// Many events and queries at once, in virtual time.
@Suite("a cluster under load") struct MessageRateTests {
  private let names: [NodeName] = ["a", "b", "c", "d", "e"]
  /// Two seconds, because a debug build takes seconds for each of them. Both rings turn once, and queues that grew with time would show it.
  private let seconds = 2
  private static let perSecond = (events: 1_000, queries: 500)

  /// Room for all that is said in a second, and gossip that carries each message as often as five members need it.
  private static var configuration: SerfCoreConfiguration {
    var configuration = SerfCoreConfiguration.lan
    configuration.userEvents.bufferSize = perSecond.events
    configuration.queries.bufferSize = perSecond.queries
    configuration.membership.gossip.interval = .milliseconds(2)
    return configuration
  }

  @Test("of 1,000 events and 500 queries a second from one member delivers each event once, and each query is answered once, at 2 % loss")
  func rates() throws {
    let cluster = SimulatedCluster(seed: 8, provesNames: true, Self.configuration)
    try cluster.start(joined: names)
    cluster.network.conditions.loss = 0.02
    var cursors = [NodeName: Int](uniqueKeysWithValues: names.map { ($0, cluster.network.reports(of: cluster[$0]).count) })
    /// Every member answers what it was asked since the last time.
    func answer() throws {
      for name in names.dropFirst() {
        let reports = cluster.network.reports(of: cluster[name])
        for (_, report) in reports[(cursors[name] ?? 0)...] {
          if case .event(.query(let query)) = report { try cluster.respond(name, to: query, Array(name.bytes)) }
        }
        cursors[name] = reports.count
      }
    }
    var asked: [SerfQuery.ID: NodeName] = [:]
    /// The most that waited at any member, in each second.
    var peaks: [(queued: Int, open: Int)] = []
    for second in 0..<seconds {
      peaks.append((0, 0))
      for step in 0..<Self.perSecond.queries {
        let number = second * Self.perSecond.queries + step
        for event in [2 * number, 2 * number + 1] { try cluster.userEvent("a", "e" + String(event)) }
        let member = names[1 + number % 4]
        var options = SerfQuery.Options()
        (options.filters, options.relayFactor, options.timeout) = ([.members([member])], 3, .seconds(5))
        asked[try cluster.query("a", "load", options)] = member
        cluster.run(.milliseconds(2))
        try answer()
        guard step % 50 == 0 else { continue }
        for name in names {
          let now = cluster.statistics(of: name)
          peaks[second].queued = max(peaks[second].queued, now.eventQueue + now.queryQueue)
          peaks[second].open = max(peaks[second].open, now.openQueries)
        }
      }
    }
    for _ in 0..<100 {
      cluster.run(.milliseconds(20))
      try answer()
    }
    let expected = Set((0..<(seconds * Self.perSecond.events)).map { "e" + String($0) })
    for name in names {
      let heard = cluster.userEvents(on: name)
      #expect(heard.count == expected.count && Set(heard) == expected, "\(heard.count) at \(name)")
      let queries = cluster.queries(on: name).map(\.id)
      #expect(queries.count == Set(queries).count && queries.allSatisfy { asked[$0] == name }, "at \(name)")
      #expect(cluster.history(of: name, on: "a") == "join")
    }
    var answers: [SerfQuery.ID: [NodeName]] = [:]
    var complete = 0
    for (_, report) in cluster.network.reports(of: cluster["a"]) {
      switch report {
      case .queryAnswered(let id, let answer): answers[id, default: []].append(answer.from)
      case .queryEnded(_, let summary): complete += summary.isComplete ? 1 : 0
      default: break
      }
    }
    #expect(asked.count == seconds * Self.perSecond.queries && answers == asked.mapValues { [$0] })
    #expect(complete == asked.count)
    // What waits is what is on its way, in the last second no more than in the first.
    #expect(peaks.allSatisfy { $0.queued < 100 && $0.open < 20 }, "\(peaks)")
    for name in names {
      let rest = cluster.statistics(of: name)
      #expect((rest.eventQueue, rest.queryQueue, rest.openQueries) == (0, 0, 0), "at \(name)")
    }
  }
}
