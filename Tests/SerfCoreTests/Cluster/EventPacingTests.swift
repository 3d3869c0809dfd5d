import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import Testing

/// A member that sends as many events as it can.
@Suite("events sent in a loop") struct EventPacingTests {
  private static let names: [NodeName] = ["a", "b", "c", "d", "e"]

  /// A cluster of five where the first has sent `count` events at once, and the requests.
  private func flood(_ count: Int, provesNames: Bool = false) throws -> (SimulatedCluster, [RequestID]) {
    let cluster = SimulatedCluster(seed: 5, provesNames: provesNames, .lan)
    try cluster.start(joined: Self.names)
    let requests = try (0..<count).map { number in
      try cluster.call("a") { (core, request, now) throws(SerfCoreError) in
        let isSent = try core.userEvent(
          name: Array("e\(number)".utf8), payload: [UInt8](repeating: 1, count: 32), coalesce: false, request: request, at: now)
        #expect(isSent == (number < 256))
      }
    }
    return (cluster, requests)
  }

  @Test(
    "wait while half as many as members remember are on their way; all arrive, once and in order at the sender", arguments: [false, true])
  func paced(provesNames: Bool) throws {
    let (cluster, requests) = try flood(3_000, provesNames: provesNames)
    #expect(cluster.statistics(of: "a").eventsUnsent == 3_000 - 256)
    #expect(requests.prefix(256).allSatisfy { cluster.reply("a", $0) == nil })
    // After the first 256, as many again in two rounds of gossip: 640 a second.
    cluster.run(.seconds(2))
    #expect((1_000...1_300).contains(3_000 - 256 - cluster.statistics(of: "a").eventsUnsent))
    cluster.run(.seconds(18))
    #expect(cluster.statistics(of: "a").eventsUnsent == 0)
    let replies = requests.dropFirst(256).map { cluster.reply("a", $0) }
    #expect(replies.allSatisfy { if case .done(isSpread: true)? = $0 { true } else { false } })
    let all = (0..<3_000).map { "e\($0)" }
    #expect(cluster.userEvents(on: "a") == all)
    for name in Self.names.dropFirst() {
      #expect(cluster.userEvents(on: name).sorted() == all.sorted())
    }
  }

  @Test("wait too if another member has just sent as many")
  func ofAllMembers() throws {
    let (cluster, _) = try flood(256)
    cluster.run(.milliseconds(100))
    #expect(cluster.userEvents(on: "b").count == 256)
    for number in 0..<256 {
      try cluster.call("b") { (core, request, now) throws(SerfCoreError) in
        try core.userEvent(name: Array("b\(number)".utf8), payload: [], coalesce: false, request: request, at: now)
      }
    }
    #expect((1...256).contains(cluster.statistics(of: "b").eventsUnsent))
    cluster.run(.seconds(2))
    #expect(cluster.statistics(of: "b").eventsUnsent == 0 && cluster.userEvents(on: "c").count == 512)
  }

  @Test("are refused when thousands wait, and answered when the node stops")
  func ends() throws {
    let (cluster, requests) = try flood(256 + 4_096)
    #expect(throws: SerfCoreError.tooManyEvents(limit: 4_096)) {
      try cluster.call("a") { (core, request, now) throws(SerfCoreError) in
        try core.userEvent(name: [1], payload: [], coalesce: false, request: request, at: now)
      }
    }
    cluster.stop("a")
    #expect(requests.suffix(1_000).allSatisfy { if case .shutDown? = cluster.reply("a", $0) { true } else { false } })
  }

  @Test("do not wait where there is no other member, or news is not passed on at once")
  func notPaced() throws {
    let alone = SimulatedCluster(.lan)
    try alone.start("a")
    let slow = SimulatedCluster(.lan)
    try slow.start("a") { $0.membership.gossip.forwardedBytesPerSecond = 0 }
    try slow.start("b")
    try slow.join("b", to: "a")
    for cluster in [alone, slow] {
      for number in 0..<1_000 {
        try cluster.call("a") { (core, request, now) throws(SerfCoreError) in
          #expect(try core.userEvent(name: Array("e\(number)".utf8), payload: [], coalesce: false, request: request, at: now))
        }
      }
      #expect(cluster.userEvents(on: "a").count == 1_000)
    }
  }
}
