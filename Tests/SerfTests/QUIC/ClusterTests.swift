#if QUIC
  import Memberlist
  import Serf
  import SerfCore
  import SerfPrimitives
  import SerfTestSupport
  import Testing

  /// Whole nodes over QUIC on a virtual network: the normal life of a cluster.
  @Suite struct ClusterTests {
    private let names: [NodeName] = ["n1", "n2", "n3", "n4", "n5"]

    private func cluster(seed: UInt64) throws -> EmbeddedCluster {
      let cluster = try EmbeddedCluster(seed: seed)
      for name in names {
        let node = try cluster.start(name)
        if node !== cluster.nodes[0] { node.join(cluster.nodes[0].address) }
      }
      try #require(cluster.converge(on: names, within: .seconds(15)))
      return cluster
    }

    @Test("five nodes find each other over QUIC, and an event reaches all of them once")
    func findEachOther() async throws {
      let cluster = try cluster(seed: 1)
      cluster.nodes[3].userEvent("deploy", payload: Array("v1".utf8))
      cluster.network.advance(by: .seconds(3))
      for node in cluster.nodes {
        let events = await node.takeEvents()
        let users = events.compactMap { if case .user(let event) = $0 { event.name } else { nil } }
        #expect(users == ["deploy"], "\(node.name)")
        #expect(!events.contains { if case .member(let change) = $0 { change.kind == .failed } else { false } })
      }
    }

    @Test("dead members cost a join one dial's time in all, and the living one is reported at once")
    func joinAmongTheDead() throws {
      let cluster = try EmbeddedCluster(seed: 4)
      let (live, joiner) = (try cluster.start("n1"), try cluster.start("n2"))
      let dead = (1...3).map { NodeAddress(ipv4: 127, 0, 0, 9, port: 7000 + $0) }
      let targets = ([dead[0], live.address, dead[1], dead[2]] + dead).map { JoinTarget($0) }
      var answers: [JoinAnswer] = []
      var results: [JoinResult] = []
      joiner.driver.join(targets, ignoreOld: true, progress: { answers.append($0) }) { results = (try? $0.get()) ?? [] }
      #expect(cluster.network.advance(upTo: .milliseconds(500)) { !answers.isEmpty })
      #expect(answers.map(\.targets) == [[1]] && answers.allSatisfy { $0.failure == nil })
      #expect(results.isEmpty)
      #expect(cluster.network.advance(upTo: .milliseconds(5500)) { !results.isEmpty })
      #expect(results.map { $0.failure == nil } == [false, true, false, false, false, false, false])
      #expect(answers.map(\.targets).sorted { $0[0] < $1[0] } == [[0, 4], [1], [2, 5], [3, 6]])
    }

    @Test("a node that joins itself is told so, and its log blames no member")
    func joinItself() throws {
      let cluster = try EmbeddedCluster(seed: 5)
      let node = try cluster.start("n1")
      let outcome = node.join(node.address)
      #expect(cluster.network.advance(upTo: .seconds(1)) { outcome.failures != nil })
      #expect(outcome.failures?.count == 1 && outcome.failures?.first?.contains("ourselves") == true)
      #expect(!node.lines.contains("turned away") && !node.lines.contains("cannot reach a member at"))
      #expect(node.counter("certificates_refused") == 0)
    }

    @Test("a crashed member is failed everywhere, one that leaves is left everywhere")
    func crashAndLeave() throws {
      let cluster = try cluster(seed: 2)
      cluster.kill(cluster.nodes[4])
      #expect(cluster.network.advance(upTo: .seconds(40)) { cluster.nodes.allSatisfy { $0.names(.failed) == ["n5"] } })
      cluster.nodes[3].driver.leave { _ in }
      #expect(cluster.network.advance(upTo: .seconds(20)) { cluster.nodes.prefix(3).allSatisfy { $0.names(.left) == ["n4"] } })
    }

    @Test(
      "the farewell of a node that stops at once goes out before its connections close: it has left, and has not failed",
      arguments: [true, false], 0..<3)
    func farewell(isSaid: Bool, seed: Int) throws {
      let cluster = try cluster(seed: UInt64(10 + seed))
      let leaver = cluster.nodes[2 * seed]
      let others = cluster.nodes.filter { $0 !== leaver }
      // What is sent first arrives first.
      cluster.network.jitter = .zero
      _ = leaver.driver.shutdown(saysFarewell: isSaid)
      #expect(cluster.network.advance(upTo: .seconds(40)) { others.allSatisfy { $0.names(isSaid ? .left : .failed) == [leaver.name] } })
      if isSaid { for node in others { #expect(!node.lines.contains("EventMemberFailed"), "at \(node.name)") } }
    }

    /// In the seconds after a join a push/pull in progress can carry the time of the leave before the leave itself arrives.
    @Test("a member that leaves has left, and has not failed, at any moment", arguments: 0..<250)
    func leaveAtAnyMoment(seed: Int) throws {
      let cluster = try EmbeddedCluster(seed: UInt64(seed))
      let stays = try cluster.start("n1", profile: .local)
      let leaves = try cluster.start("n2", profile: .local)
      leaves.join(stays.address)
      #expect(cluster.converge(on: ["n1", "n2"], within: .seconds(15)))
      cluster.network.advance(by: .milliseconds(seed * 37 % 7000))
      if seed % 3 == 0 {
        stays.userEvent("x")
        cluster.network.advance(by: .milliseconds(seed % 300))
      }
      if seed % 4 == 0 {
        stays.driver.setTags(["x": "1"]) { _ in }
        cluster.network.advance(by: .milliseconds(seed % 1100))
      }
      var hasLeft = false
      leaves.driver.leave { _ in hasLeft = true }
      #expect(cluster.network.advance(upTo: .seconds(20)) { hasLeft })
      _ = leaves.driver.shutdown()
      cluster.network.advance(by: .seconds(15))
      #expect(stays.names(.left) == ["n2"])
      #expect(!stays.lines.contains("EventMemberFailed"))
    }

    @Test("the same seed gives the same events at the same times, and the same figures")
    func deterministicMembership() async throws {
      let first = try await journal(seed: 3)
      #expect(first.events.count > 30 && first.figures.count > 100)
      let second = try await journal(seed: 3)
      #expect(second.events == first.events)
      #expect(second.figures == first.figures)
      let other = try await journal(seed: 4)
      #expect(other.events != first.events)
    }

    /// What five nodes see in ten seconds, two user events and the failure of one among it: each event with its time, and each node's figures at the
    /// end.
    private func journal(seed: UInt64) async throws -> (events: [String], figures: [String]) {
      let cluster = try EmbeddedCluster(seed: seed)
      for name in names { try cluster.start(name).join(cluster.nodes[0].address) }
      var events: [String] = []
      for step in 0..<400 {
        if step == 100 { cluster.nodes[3].userEvent("deploy") }
        if step == 140 { cluster.nodes[1].userEvent("restart") }
        if step == 160 { cluster.nodes[4].vanish() }
        cluster.network.advance(by: .milliseconds(25))
        for node in cluster.nodes {
          for event in await node.takeEvents() { events.append("\(step * 25) ms \(node.name) \(event)") }
        }
      }
      let figures = cluster.nodes.flatMap { node in
        node.driver.statistics.figures.map { "\(node.name) \($0.section).\($0.key) \($0.value)" }
      }
      return (events, figures)
    }
  }
#endif
