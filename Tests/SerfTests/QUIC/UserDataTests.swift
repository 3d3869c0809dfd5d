#if QUIC
  import Memberlist
  import Serf
  import SerfCore
  import SerfPrimitives
  import SerfTestSupport
  import SerfTransport
  import Synchronization
  import Testing

  /// The program's own data between whole nodes over QUIC, in virtual time.
  @Suite("The program's own data over QUIC") struct UserDataTests {
    /// What the delegates of a cluster got.
    private final class Inbox: Sendable {
      private let entries = Mutex<[String]>([])
      var all: [String] { entries.withLock { $0 } }
      func add(_ entry: String) { entries.withLock { $0.append(entry) } }

      func delegate(of name: NodeName) -> SerfClosureDelegate {
        SerfClosureDelegate()
          .onMessage { self.add("\(name) got \(String(decoding: $0, as: UTF8.self)) from \($1)") }
          .onUserState { state, member, _ in self.add("\(name) has \(String(decoding: state, as: UTF8.self)) of \(member)") }
      }
    }

    private static func state(_ node: VirtualNode, _ state: String) {
      node.driver.setUserState(Array(state.utf8)) { result in #expect(throws: Never.self) { try result.get() } }
    }

    /// Sends, and returns what comes of it once time has passed.
    private final class Outcome {
      var result: Result<Void, SerfError>?
      var code: SerfError.Code? { if case .failure(let error)? = result { error.code } else { nil } }
      var isDelivered: Bool { if case .success? = result { true } else { false } }
    }

    private static func send(_ from: VirtualNode, _ text: String, to name: NodeName) -> Outcome {
      let outcome = Outcome()
      from.driver.send(Array(text.utf8), to: name) { outcome.result = $0 }
      return outcome
    }

    private func cluster(seed: UInt64, _ names: [NodeName], _ inbox: Inbox, old: Set<NodeName> = []) throws -> EmbeddedCluster {
      let cluster = try EmbeddedCluster(seed: seed)
      for name in names {
        let node = try cluster.start(name, features: old.contains(name) ? .zstd : .ours) { configuration in
          configuration.delegate = inbox.delegate(of: name)
          configuration.pushPull.interval = .seconds(2)
        }
        if !old.contains(name) { Self.state(node, "s-\(name)") }
        if node !== cluster.nodes[0] { node.join(cluster.nodes[0].address) }
      }
      try #require(cluster.converge(on: names, within: .seconds(15)))
      return cluster
    }

    @Test(
      "every member's state reaches every other one, and a message reaches the one that it is for, whether there was a connection or not")
    func everybody() async throws {
      let inbox = Inbox()
      let names: [NodeName] = ["n1", "n2", "n3", "n4", "n5"]
      let cluster = try cluster(seed: 21, names, inbox)
      let outcomes = cluster.nodes.flatMap { node in names.filter { $0 != node.name }.map { Self.send(node, "hi", to: $0) } }
      #expect(cluster.network.advance(upTo: .seconds(10)) { outcomes.allSatisfy(\.isDelivered) })
      #expect(
        cluster.network.advance(upTo: .seconds(120)) { cluster.nodes.allSatisfy { $0.counter("user_states_received") > 25 } })
      #expect(cluster.nodes.map { $0.counter("node_messages_received") } == [4, 4, 4, 4, 4])
      #expect(cluster.nodes.map { $0.counter("delegate_calls_dropped") } == [0, 0, 0, 0, 0])
      try await eventually("the delegates have all of it") {
        let got = Set(inbox.all)
        return names.allSatisfy { name in
          names.filter { $0 != name }.allSatisfy {
            got.contains("\(name) has s-\($0) of \($0)") && got.contains("\(name) got hi from \($0)")
          }
        }
      }
    }

    @Test("a member of an older version is a full member, and is sent nothing that it does not know")
    func oldMember() async throws {
      let inbox = Inbox()
      let cluster = try cluster(seed: 22, ["n1", "n2", "old"], inbox, old: ["old"])
      let old = cluster.nodes[2]
      let outcomes = [Self.send(cluster.nodes[0], "hi", to: "old"), Self.send(cluster.nodes[1], "hi", to: "old")]
      old.userEvent("from-old")
      cluster.nodes[0].userEvent("from-new")
      cluster.network.advance(by: .seconds(60))
      #expect(outcomes.map(\.code) == [.unsupported, .unsupported])
      #expect(cluster.nodes.allSatisfy { $0.names(.alive) == ["n1", "n2", "old"] })
      #expect(old.counter("states_received") > 10)
      #expect(old.counter("user_states_received") == 0 && old.counter("node_messages_received") == 0)
      #expect(old.counter("messages_unknown") == 0 && old.counter("states_malformed") == 0)
      // The new ones exchange their states all the same.
      #expect(cluster.nodes[0].counter("user_states_received") > 0 && cluster.nodes[1].counter("user_states_received") > 0)
      for node in cluster.nodes {
        let users = await node.takeEvents().compactMap { if case .user(let event) = $0 { event.name } else { nil } }
        #expect(Set(users) == ["from-old", "from-new"], "\(node.name)")
      }
    }

    @Test("a slow filter, and a delegate that is far behind, are counted and logged, and the members see each other as without")
    func slowDelegate() throws {
      let gate = Gate()
      defer { gate.open() }
      let cluster = try EmbeddedCluster(seed: 24)
      let slow = try cluster.start("n1") { configuration in
        configuration.userData.delegateQueueLimit = 1
        configuration.delegate = SerfClosureDelegate()
          .onPing { _, _ in await gate.pass() }
          .acceptingMembers { _ in
            // It keeps the thread, as a look-up would.
            let end = ContinuousClock.now + .milliseconds(11)
            while ContinuousClock.now < end {}
            return true
          }
      }
      let other = try cluster.start("n2")
      other.join(slow.address)
      try #require(cluster.converge(on: ["n1", "n2"], within: .seconds(15)))
      cluster.network.advance(by: .seconds(20))
      #expect(cluster.nodes.allSatisfy { $0.names(.alive) == ["n1", "n2"] })
      #expect(slow.counter("delegate_filters_slow") > 0 && slow.lines.contains("the delegate's shouldAccept took"))
      #expect(slow.counter("delegate_calls_dropped") > 5 && slow.lines.contains("a call of pingCompleted was dropped"))
      #expect(slow.counter("delegate_calls_waiting") <= 1 && other.counter("delegate_calls_dropped") == 0)
    }

    @Test("a state and a message of the largest size arrive, and a refused join says whose delegate canceled it")
    func sizesAndRefusal() async throws {
      let sizes = Mutex<[Int]>([])
      let cluster = try EmbeddedCluster(seed: 23)
      let big = [UInt8](repeating: 7, count: 1 << 20)
      for name in ["n1", "n2"] as [NodeName] {
        let node = try cluster.start(name) { configuration in
          configuration.userData.messageSizeLimit = 1 << 20
          configuration.pushPull.interval = .seconds(2)
          configuration.delegate = SizeDelegate { size in sizes.withLock { $0.append(size) } }
        }
        node.driver.setUserState(big) { result in #expect(throws: Never.self) { try result.get() } }
      }
      cluster.nodes[1].join(cluster.nodes[0].address)
      try #require(cluster.converge(on: ["n1", "n2"], within: .seconds(15)))
      let outcome = Outcome()
      cluster.nodes[0].driver.send(big, to: "n2") { outcome.result = $0 }
      #expect(cluster.network.advance(upTo: .seconds(30)) { outcome.isDelivered })
      #expect(cluster.network.advance(upTo: .seconds(30)) { cluster.nodes.allSatisfy { $0.counter("user_states_received") > 0 } })

      let guest = try cluster.start("guest")
      var failure: JoinFailure?
      let seed = cluster.nodes[0].address
      guest.driver.join([.init(seed)], ignoreOld: true) { failure = (try? $0.get())?.first?.failure }
      #expect(cluster.network.advance(upTo: .seconds(15)) { failure != nil })
      guard case .remote(let reason)? = failure else {
        Issue.record("not refused by the other side: \(failure.debugDescription)")
        return
      }
      #expect(String(decoding: reason, as: UTF8.self).hasPrefix("merge canceled") && guest.names(.alive) == ["guest"])
      try await eventually("the delegates have all of it") { sizes.withLock { $0.count { $0 == 1 << 20 } } >= 3 }
    }
  }

  private struct SizeDelegate: SerfDelegate {
    let note: @Sendable (Int) -> Void

    func shouldMerge(_ members: [SerfMember]) -> Bool { !members.contains { $0.name == "guest" } }
    func userStateReceived(_ state: [UInt8], from member: NodeName, isJoin: Bool) async throws { note(state.count) }
    func messageReceived(_ message: [UInt8], from member: NodeName) async throws { note(message.count) }
  }
#endif
