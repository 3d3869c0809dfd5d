import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import Testing
import Wiretap

/// Many events and queries at once, in virtual time.
@Suite("a cluster under load") struct MessageRateTests {
  private static let names: [NodeName] = ["a", "b", "c", "d", "e"]

  /// Room for all that is said in a second, and gossip that carries each message as often as five members need it.
  private static var configuration: SerfCoreConfiguration {
    var configuration = SerfCoreConfiguration.lan
    configuration.userEvents.bufferSize = perSecond.events
    configuration.queries.bufferSize = perSecond.queries
    configuration.membership.gossip.interval = .milliseconds(2)
    return configuration
  }
  private static let perSecond = (events: 1_000, queries: 500)
  private static let seconds = 10
  /// What memory may grow by: bytes.
  private static let growthLimit = 32 << 20

  /// What the members were told, in counts: a test that keeps it all grows more than the nodes do.
  private struct Ledger {
    /// A query, and what became of it.
    struct Asked {
      let member: Int
      var deliveries = 0
      var answers = 0
      var isComplete = false
      var isRight: Bool { (deliveries, answers, isComplete) == (1, 1, true) }
    }

    /// By member and event, how often it was delivered.
    var events: [[UInt8]]
    var queries: [SerfQuery.ID: Asked] = [:]
    /// What should not have happened.
    var surprises: [String] = []

    mutating func note(_ report: NodeOutput, at member: Int) {
      switch report {
      case .event(.user(let event)):
        guard let number = Int(event.name.dropFirst()) else { return surprises.append("\(event.name) at \(names[member])") }
        events[member][number] += 1
      case .event(.query(let query)):
        if queries[query.id]?.member != member { surprises.append("query \(query.id) at \(names[member])") }
        queries[query.id]?.deliveries += 1
      case .queryAnswered(let id, let answer):
        if queries[id].map({ names[$0.member] }) != answer.from { surprises.append("an answer of \(answer.from) to \(id)") }
        queries[id]?.answers += 1
      case .queryEnded(let id, let summary): queries[id]?.isComplete = summary.isComplete
      case .event(.member(let event)): surprises.append("\(event.kind) at \(names[member])")
      default: break
      }
    }
  }

  @Test(
    "of 1,000 events and 500 queries a second from one member delivers each event once, answers each query once, and does not grow, at 2 % loss"
  )
  func rates() async {
    // In a process of its own: other suites of this one allocate meanwhile.
    await #expect(processExitsWith: .success) { try MessageRateTests.load() }
  }

  private static func load() throws {
    let cluster = SimulatedCluster(seed: 8, provesNames: true, configuration)
    try cluster.start(joined: names)
    cluster.network.conditions.loss = 0.02
    for name in names { _ = cluster.network.takeReports(of: cluster[name]) }
    var told = Ledger(events: names.map { _ in [UInt8](repeating: 0, count: seconds * perSecond.events) })
    told.queries.reserveCapacity(seconds * perSecond.queries)
    /// Takes note of what happened since the last time. Every member answers what it was asked.
    func settle() throws {
      for (member, name) in names.enumerated() {
        for (_, report) in cluster.network.takeReports(of: cluster[name]) {
          told.note(report, at: member)
          if case .event(.query(let query)) = report { try cluster.respond(name, to: query, Array(name.bytes)) }
        }
      }
    }
    let before = allocatedBytes()
    /// The most that waited at any member, and what memory had grown by at its end, in each second.
    var course: [(queued: Int, open: Int, growth: Int)] = []
    for second in 0..<seconds {
      course.append((0, 0, 0))
      for step in 0..<perSecond.queries {
        let number = second * perSecond.queries + step
        for event in [2 * number, 2 * number + 1] { try cluster.userEvent("a", "e" + String(event)) }
        let member = 1 + number % 4
        var options = SerfQuery.Options()
        (options.filters, options.relayFactor, options.timeout) = ([.members([names[member]])], 3, .seconds(5))
        told.queries[try cluster.query("a", "load", options)] = Ledger.Asked(member: member)
        cluster.run(.milliseconds(2))
        try settle()
        guard step % 50 == 0 else { continue }
        for name in names {
          let now = cluster.statistics(of: name)
          course[second].queued = max(course[second].queued, now.eventQueue + now.queryQueue)
          course[second].open = max(course[second].open, now.openQueries)
        }
      }
      if let before { course[second].growth = (allocatedBytes() ?? 0) - before }
    }
    for _ in 0..<100 {
      cluster.run(.milliseconds(20))
      try settle()
    }
    for (name, events) in zip(names, told.events) {
      #expect(events.allSatisfy { $0 == 1 }, "at \(name) \(events.count { $0 == 0 }) missing, \(events.count { $0 > 1 }) repeated")
    }
    #expect(told.queries.count == seconds * perSecond.queries && told.queries.values.allSatisfy(\.isRight))
    #expect(told.surprises.isEmpty)
    // What waits is what is on its way, in the last second no more than in the first.
    #expect(course.allSatisfy { $0.queued < 100 && $0.open < 20 && $0.growth < growthLimit }, "\(course)")
    // Both rings are full after two seconds.
    #expect(course[seconds - 1].growth < course[1].growth + 1 << 20, "\(course)")
    for name in names {
      let rest = cluster.statistics(of: name)
      #expect((rest.eventQueue, rest.queryQueue, rest.openQueries) == (0, 0, 0), "at \(name)")
      #expect(cluster.alive(on: name) == names)
    }
  }

  @Test("of more events than members remember delivers the newest once, counts what was dropped, says so, and goes on")
  func beyondTheBuffer() throws {
    var configuration = SerfCoreConfiguration.lan
    configuration.userEvents.bufferSize = 64
    // In rounds alone, so that an event takes longer than 64 others.
    configuration.membership.gossip.forwardedBytesPerSecond = 0
    let cluster = SimulatedCluster(seed: 9, provesNames: true, configuration)
    try cluster.start(joined: Self.names)
    let sent = (0..<1_000).map { "e" + String($0) }
    for event in sent {
      try cluster.userEvent("a", event)
      cluster.run(.milliseconds(1))
    }
    cluster.run(.seconds(30))
    #expect(cluster.userEvents(on: "a") == sent)
    for name in Self.names.dropFirst() {
      let heard = cluster.userEvents(on: name)
      let counters = cluster.network.read(cluster[name]) { $0.core.counters }
      #expect(heard.count < sent.count && Set(heard).count == heard.count && Set(heard).isSubset(of: sent) && heard.contains("e999"))
      // Each one that is missing arrived, and perhaps several times.
      #expect(counters.eventsTooOld >= sent.count - heard.count, "\(heard.count) at \(name), \(counters.eventsTooOld) too old")
      let saysSo = cluster.network.reports(of: cluster[name]).contains {
        if case .diagnostic(.limitReached(.eventsOnTheWay)) = $0.report { true } else { false }
      }
      #expect(saysSo, "at \(name)")
    }
    try cluster.userEvent("a", "after")
    try cluster.require(.seconds(5), "what comes later is heard everywhere") {
      Self.names.allSatisfy { cluster.userEvents(on: $0).last == "after" && cluster.alive(on: $0) == Self.names }
    }
  }
}
