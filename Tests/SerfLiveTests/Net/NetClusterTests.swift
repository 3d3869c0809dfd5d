import Logging
import Serf
import SerfTestSupport
import SerfTransport
import Synchronization
import Testing

/// Nodes over TCP and UDP on real sockets.
@Suite(.serialized) struct NetClusterTests {
  typealias Adjustment = @Sendable (inout NetTransport.Settings) throws -> Void

  private func node(
    _ name: NodeName, log: LineRecorder = LineRecorder(), allow: [String] = [], _ adjust: Adjustment = { _ in }
  ) async throws -> SerfNode {
    var settings = NetTransport.Settings()
    try adjust(&settings)
    var configuration = SerfConfiguration.test(name)
    configuration.allowedNetworks = AllowedNetworks(try allow.map { try #require(CIDRBlock(parsing: $0)) })
    let transport = NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0), settings: settings)
    let node = try SerfNode(transport: transport, configuration: configuration, logger: Logger(label: "serf") { _ in log.handler })
    try await node.start()
    return node
  }

  private func see(_ nodes: [SerfNode], sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let names = nodes.map(\.name).sorted()
    for node in nodes {
      try await eventually("\(node.name) sees \(names)", sourceLocation: sourceLocation) {
        Set(names).isSubset(of: try await node.members().filter { $0.status == .alive }.map(\.name))
      }
    }
  }

  private func shutDown(_ nodes: [SerfNode]) async { for node in nodes { await node.shutdown() } }

  private static let key = Result { try SecretKey(bytes: [UInt8](repeating: 5, count: 24)) }

  static let alike: [(String, Adjustment)] = [
    ("as they come", { _ in }), ("with a key", { $0.keyring = Keyring(try key.get()) }), ("with a label", { $0.label = "blue" }),
    (
      "with both, and zstd",
      {
        $0.label = "blue"; $0.keyring = Keyring(try key.get()); $0.compression = TransportCompression.zstd.isAvailable ? .zstd : nil
      }
    ),
    ("uncompressed", { $0.compression = nil }),
  ]

  @Test("an address with a name is joined only where a node of that name answers", arguments: [0, 3])
  func named(index: Int) async throws {
    let adjust = Self.alike[index].1
    let nodes = [try await node("a", adjust), try await node("b", adjust)]
    let address = try await nodes[0].localAddress().description
    let error = await #expect(throws: SerfError.self) { try await nodes[1].join(["c/" + address]) }
    #expect(error?.attempts.map(\.reason) == [.otherName])
    #expect(error?.description.contains("no node of that name answers there") == true, "\(String(describing: error))")
    // Neither has merged what the other knows.
    for node in nodes { #expect(try await node.members().count == 1) }
    #expect(try await nodes[1].join(["a/" + address]) == 1)
    try await see(nodes)
    await shutDown(nodes)
  }

  @Test("nodes with the same settings find each other, hear events and see a leave", arguments: alike.indices)
  func together(index: Int) async throws {
    let adjust = Self.alike[index].1
    let nodes = [try await node("a", adjust), try await node("b", adjust), try await node("c", adjust)]
    let events = nodes[2].events()
    for joiner in nodes.dropFirst() { #expect(try await joiner.join([nodes[0].localAddress().description]) == 1) }
    try await see(nodes)
    try await nodes[1].userEvent("deploy", payload: [UInt8](repeating: 7, count: 300))
    for await case .user(let event) in events {
      #expect(event.name == "deploy" && event.payload.count == 300)
      break
    }
    try await nodes[1].leave()
    try await eventually("b has left") { try await nodes[0].members().first { $0.name == "b" }?.status == .left }
    await shutDown(nodes)
  }

  static let unlike: [(String, Adjustment, Adjustment, String)] = [
    ("another key", { $0.keyring = Keyring(try key.get()) }, { $0.keyring = Keyring(.generate()) }, "exchanges_refused_key"),
    ("clear to a key", { $0.keyring = Keyring(try key.get()) }, { _ in }, "exchanges_refused_not_encrypted"),
    ("a key to clear", { _ in }, { $0.keyring = Keyring(.generate()) }, "exchanges_refused_encrypted"),
    ("another label", { $0.label = "blue" }, { $0.label = "red" }, "exchanges_refused_label"),
    ("a label to none", { _ in }, { $0.label = "red" }, "exchanges_refused_label"),
    ("none to a label", { $0.label = "blue" }, { _ in }, "exchanges_refused_label"),
    (
      "another label, same key",
      {
        $0.label = "blue"; $0.keyring = Keyring(try key.get())
      }, { $0.keyring = Keyring(try key.get()) }, "exchanges_refused_label"
    ),
  ]

  @Test(
    "a stranger is refused with a counter and a line in the log, the joiner hears why, and the cluster is not affected",
    arguments: unlike.indices)
  func strangers(index: Int) async throws {
    let (what, ours, theirs, counter) = Self.unlike[index]
    let log = LineRecorder()
    let nodes = [try await node("a", log: log, ours), try await node("b", ours)]
    try await nodes[1].join([nodes[0].localAddress().description])
    try await see(nodes)
    let stranger = try await node("x", theirs)
    await #expect("\(what)") { try await stranger.join([nodes[0].localAddress().description]) } throws: { error in
      // The settings to compare with the other side, if that gives no reason.
      (error as? SerfError)?.code == .joinFailed && "\(error)".contains("label") && "\(error)".contains("key")
    }
    #expect(try await #require(nodes[0].statistics()[counter]) >= 1, "\(what)")
    #expect(log.lines.contains { $0.contains("gave up a request from 127.0.0.1") }, "\(what): \(log.lines)")
    try await see(nodes)
    #expect(try await stranger.members().count == 1)
    await shutDown(nodes + [stranger])
  }

  @Test("a peer outside the allowed networks is refused before any of its bytes is read")
  func networks() async throws {
    let log = LineRecorder()
    let guarded = try await node("a", log: log, allow: ["10.0.0.0/8"])
    let outsider = try await node("x")
    await #expect(throws: SerfError.self) { try await outsider.join([guarded.localAddress().description]) }
    let statistics = try await guarded.statistics()
    let refused = try #require(statistics["refused_network"])
    #expect(refused >= 1)
    #expect(statistics["packets_received"] == refused - 1)
    #expect(log.lines.contains { $0.contains("SerfConfiguration.allowedNetworks") })
    await #expect { try await guarded.join([outsider.localAddress().description]) } throws: {
      "\($0)".contains("SerfConfiguration.allowedNetworks")
    }
    #expect(try await guarded.members().map(\.name) == ["a"])
    #expect(try await outsider.members().map(\.name) == ["x"])
    let open = try await node("b", allow: ["127.0.0.0/8"])
    #expect(try await outsider.join([open.localAddress().description]) == 1)
    try await see([open, outsider])
    await shutDown([guarded, outsider, open])
  }

  @Test("a running cluster changes to encryption and to another key, member by member, and no member is lost")
  func transition() async throws {
    let old = Keyring(try Self.key.get())
    func settings(_ keyring: Keyring?, seals: Bool, verifies: Bool) -> Adjustment {
      { settings in
        settings.keyring = keyring
        settings.sealsOutgoing = seals
        settings.verifiesIncoming = verifies
      }
    }
    // Before: a node without a key, and one that reads both and does not encrypt yet.
    let clear = try await node("a")
    let reader = try await node("b", settings(old, seals: false, verifies: false))
    #expect(try await reader.join([clear.localAddress().description]) == 1)
    try await see([clear, reader])
    // On the way: a node that encrypts already, and still reads both.
    let sealing = try await node("c", settings(old, seals: true, verifies: false))
    #expect(try await sealing.join([reader.localAddress().description]) == 1)
    try await see([reader, sealing])
    // In the end: a node that accepts nothing else any more.
    let strict = try await node("d", settings(old, seals: true, verifies: true))
    #expect(try await sealing.join([strict.localAddress().description]) == 1)
    try await see([sealing, strict])
    await shutDown([clear, reader])
    // The ring is live, and these nodes share it.
    let new = SecretKey.generate()
    old.install(new)
    try old.use(new)
    try old.remove(Self.key.get())
    let late = try await node("e", settings(Keyring(new), seals: true, verifies: true))
    #expect(try await late.join([strict.localAddress().description]) == 1)
    try await see([sealing, strict, late])
    await shutDown([sealing, strict, late])
  }

  @Test("a node that gets no reason is told its own settings, to compare")
  func agreement() async throws {
    let member = try await node("a") { $0.label = "blue" }
    let address = try await member.localAddress().description
    let cases: [(Adjustment, [String])] = [
      ({ $0.label = "red" }, ["label (NetTransport.Settings.label; here 'red')", "no key"]),
      ({ _ in }, ["label (NetTransport.Settings.label; here none)"]),
      ({ $0.keyring = Keyring(.generate()) }, ["here none", "Settings.keyring; here 1 key)"]),
    ]
    for (index, (adjust, words)) in cases.enumerated() {
      let stranger = try await node(NodeName("x\(index)"), adjust)
      await #expect { try await stranger.join([address]) } throws: { error in words.allSatisfy { "\(error)".contains($0) } }
      await stranger.shutdown()
    }
    await member.shutdown()
  }

  @Test("members that do not answer are asked side by side, and each is reported as it answers")
  func sideBySide() async throws {
    let live = try await node("a")
    let joiner = try await node("b")
    let address = try await live.localAddress().description
    let deaf = [try await DeafPort.open(), try await DeafPort.open(), try await DeafPort.open()]
    let reports = Mutex<[String]>([])
    let addresses = deaf.map(\.address.description)
    async let count = joiner.join(addresses + [address] + addresses) { report in
      reports.withLock { $0.append("\(report.address) \(report.reason == nil)") }
    }
    // This is long before the first of them is given up.
    try await eventually("all are dialled, once, and the one that answers is told of", within: .seconds(8)) {
      deaf.allSatisfy { $0.count == 1 } && reports.withLock { $0 } == ["\(address) true"]
    }
    for port in deaf { port.close() }
    #expect(try await count == 1)
    #expect(reports.withLock { $0.count } == 7)
    await shutDown([live, joiner])
  }

  @Test("a member that comes back elsewhere after a crash is told which member has its name, for how long, and what to do")
  func moved() async throws {
    let member = try await node("a")
    let address = try await member.localAddress().description
    let first = try await node("b")
    let old = try await first.localAddress()
    #expect(try await first.join([address]) == 1)
    try await see([member, first])
    await first.shutdown()
    let log = LineRecorder()
    let second = try await node("b", log: log)
    #expect(try await second.join([address]) == 1)
    let words = [
      "other members have \(old) as the address of our name", "within a minute or two", "wait", "the node leave before it moves",
    ]
    try await eventually("it is told") { log.lines.contains { line in words.allSatisfy { line.contains($0) } } }
    await shutDown([member, second])
  }

  @Test("a port in use is refused with what to do, and free again after a shutdown")
  func ports() async throws {
    let first = try await node("a")
    let address = try await first.localAddress()
    let second = try SerfNode(transport: NetTransport(bind: address), configuration: SerfConfiguration(name: "b"))
    await #expect { try await second.start() } throws: { "\($0)".contains("the port is in use") }
    await first.shutdown()
    let third = try SerfNode(transport: NetTransport(bind: address), configuration: SerfConfiguration(name: "c"))
    try await third.start()
    await third.shutdown()
  }
}
