import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import Testing

/// Queries in a cluster in virtual time, with names that are proven by connections, as over QUIC, and without, as over TCP and UDP.
@Suite("a query in a cluster") struct QueryClusterTests {
  private let names: [NodeName] = ["a", "b", "c", "d", "e"]

  private func options(_ change: (inout SerfQuery.Options) -> Void) -> SerfQuery.Options {
    var options = SerfQuery.Options()
    change(&options)
    return options
  }

  /// Lets time pass until the query has ended; every node answers each query that it is told of, once.
  private func answerAll(_ id: SerfQuery.ID, of asker: NodeName, in cluster: SimulatedCluster) throws -> QuerySummary {
    var answered: Set<NodeName> = []
    while cluster.summary(of: id, on: asker) == nil {
      for name in names where !answered.contains(name) && cluster.queries(on: name).contains(where: { $0.id == id }) {
        answered.insert(name)
        let query = try #require(cluster.queries(on: name).first { $0.id == id })
        try cluster.respond(name, to: query, Array(name.bytes))
      }
      cluster.run(.milliseconds(10))
    }
    return try #require(cluster.summary(of: id, on: asker))
  }

  @Test("is told to every node once, and ends as soon as all have answered", arguments: [false, true])
  func complete(provesNames: Bool) throws {
    let cluster = SimulatedCluster(seed: 3, provesNames: provesNames)
    try cluster.start(joined: names)
    let start = cluster.network.now
    let id = try cluster.query("b", "load", options { $0.timeout = .seconds(60) })
    let summary = try answerAll(id, of: "b", in: cluster)
    #expect(summary == QuerySummary(asked: 5, acknowledged: 0, answered: 5, isComplete: true))
    #expect(cluster.answers(to: id, on: "b").sorted() == names)
    #expect(cluster.network.now - start < .seconds(5))
    cluster.run(.seconds(5))
    for name in names { #expect(cluster.queries(on: name).count == 1, "at \(name)") }
  }

  @Test("with detours brings more answers where packets are lost", arguments: [false, true])
  func detours(provesNames: Bool) throws {
    var answers = [0, 0]
    for factor in [0, 2] {
      let cluster = SimulatedCluster(seed: 4, provesNames: provesNames)
      try cluster.start(joined: names)
      cluster.network.conditions.loss = 0.3
      for _ in 0..<20 {
        let id = try cluster.query("a", "load", options { ($0.relayFactor, $0.timeout) = (UInt8(factor), .seconds(3)) })
        answers[factor / 2] += try answerAll(id, of: "a", in: cluster).answered
      }
    }
    #expect(answers[1] > answers[0], "\(answers)")
    // Of 80 answers that cross the network 0.3 · 0.51² are lost, of those without detours 0.3.
    #expect(answers[1] >= 90, "\(answers)")
  }

  @Test("is asked and answered long after the rings of Lamport times have turned")
  func wrap() throws {
    let cluster = SimulatedCluster(seed: 5)
    try cluster.start(joined: ["a", "b"])
    for _ in 0..<1_100 {
      _ = try cluster.query("a", "load", options { $0.timeout = .milliseconds(200) })
      cluster.run(.milliseconds(100))
    }
    cluster.run(.seconds(2))
    #expect(cluster.queries(on: "a").count == 1_100)
    #expect(cluster.queries(on: "b").count == 1_100)
  }
}
