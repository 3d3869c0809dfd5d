import Logging
import Serf
import SerfTestSupport
import Synchronization
import Testing

/// A cluster over TCP and UDP that changes from clear text to a key and back while it runs, on real sockets.
@Suite(.serialized) struct RollingEncryptionTests {
  /// How far a node is on the way.
  enum Step: String {
    /// No key.
    case clear
    /// A ring without keys, to which a key is added later, without a restart.
    case empty
    /// It has the key, sends in clear text, and accepts both.
    case reading
    /// It encrypts, and accepts both.
    case encrypting
    /// It encrypts, and accepts nothing else.
    case complete

    func settings(_ key: SecretKey) -> NetTransport.Settings {
      var settings = NetTransport.Settings()
      switch self {
      case .clear: return settings
      case .empty: settings.keyring = Keyring()
      case .reading, .encrypting, .complete: settings.keyring = Keyring(key)
      }
      settings.sealsOutgoing = self == .encrypting || self == .complete
      settings.verifiesIncoming = self == .complete
      return settings
    }
  }

  @Test(
    "a cluster takes each step at one node after another, forward and back, and loses no event and no member",
    .timeLimit(.minutes(3)), arguments: [[Step.reading, .encrypting, .complete, .encrypting, .reading, .clear], [.empty, .encrypting]])
  func rolling(steps: [Step]) async throws {
    let key = SecretKey.generate()
    let nodes = ["a", "b", "c"].map { RollingNode($0) }
    for node in nodes { try await node.start(Step.clear.settings(key), join: nodes) }
    for step in steps {
      for node in nodes {
        try await node.stop()
        // These are sent while it is away; it hears of them when it comes back.
        for other in nodes where other !== node { try await other.sendEvent() }
        try await node.start(step.settings(key), join: nodes)
        // Sent while some nodes have taken the step and others have not.
        for sender in nodes { try await sender.sendEvent() }
        let sent = nodes.flatMap(\.sent)
        for receiver in nodes {
          let moment = "at \(receiver.name) after \(node.name) became \(step)"
          try await eventually("all events are \(moment)") { Set(sent).isSubset(of: receiver.received) }
          try #require(Set(sent).subtracting(receiver.received) == [], "\(moment)")
          try await eventually("all are alive \(moment)") {
            try await receiver.members().filter { $0.status == .alive }.map(\.name).sorted() == ["a", "b", "c"]
          }
        }
      }
      // A ring without keys gets the key while the node runs; only then can others begin to encrypt.
      if step == .empty { for node in nodes { node.keyring?.install(key) } }
      let isEncrypted = step == .encrypting || step == .complete
      for node in nodes { #expect(try await node.statistics().isEncrypted == isEncrypted, "\(node.name) \(step)") }
    }
    for node in nodes {
      try await node.stop()
      #expect(node.failures == [], "\(node.name) logged: \(node.log.lines.joined(separator: "\n"))")
      #expect(node.refused == [], "\(node.name)")
    }
    #expect(nodes.flatMap(\.sent).count == 3 * 5 * steps.count)
  }

  @Test("a node that requires encryption before the others encrypt is refused, and both sides are told the right order")
  func wrongOrder() async throws {
    let key = SecretKey.generate()
    let member = RollingNode("a")
    try await member.start(Step.reading.settings(key), join: [])
    let hasty = RollingNode("b")
    await #expect {
      try await hasty.start(Step.complete.settings(key), join: [member])
    } throws: { error in
      "\(error)".contains("not encrypted as ours is") && "\(error)".contains("NetTransport.Settings.verifiesIncoming stays false until")
    }
    // In the other direction: what the member sends is not accepted either.
    await #expect { try await member.join(hasty) } throws: { "\($0)".contains("it answered: encryption is required") }
    try await eventually("its log says so") {
      hasty.log.contains("not encrypted", "NetTransport.Settings.verifiesIncoming stays false until")
    }
    for node in [member, hasty] { await node.end() }
  }

  @Test("a node that encrypts before the others have the key is refused, and both sides are told the right order")
  func tooEarly() async throws {
    let key = SecretKey.generate()
    for step in [Step.clear, .empty] {
      let member = RollingNode("a")
      try await member.start(step.settings(key), join: [])
      let hasty = RollingNode("b")
      await #expect {
        try await hasty.start(Step.encrypting.settings(key), join: [member])
      } throws: { "\($0)".contains("it answered: the message is encrypted, and encryption is not configured") }
      try await eventually("its log says so with \(step)") {
        member.log.contains("NetTransport.Settings.sealsOutgoing stays false until all members have it")
      }
      for node in [member, hasty] { await node.end() }
    }
  }

  @Test(
    "an empty keyring is refused with either switch on, and the text says what to do",
    arguments: [(true, true), (true, false), (false, true)])
  func emptyKeyring(seals: Bool, verifies: Bool) async throws {
    var settings = NetTransport.Settings()
    settings.keyring = Keyring()
    settings.sealsOutgoing = seals
    settings.verifiesIncoming = verifies
    let transport = NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0), settings: settings)
    let node = try SerfNode(transport: transport, configuration: .test("a"))
    await #expect { try await node.start() } throws: { error in
      ["the keyring is empty", "serf keygen", "NetTransport.Settings.verifiesIncoming=false"].allSatisfy("\(error)".contains)
    }
  }
}

/// One node through its restarts, at one address.
private final class RollingNode: Sendable {
  private struct State {
    var node: SerfNode?
    var keyring: Keyring?
    var address: NodeAddress?
    var sent: [String] = []
    var received: Set<String> = []
    var failures: [String] = []
    var refused: [String] = []
  }

  let name: NodeName
  let log = LineRecorder()
  private let state = Mutex(State())

  init(_ name: NodeName) { self.name = name }

  /// The ring of its current life.
  var keyring: Keyring? { state.withLock { $0.keyring } }
  /// The events that it sent.
  var sent: [String] { state.withLock { $0.sent } }
  /// The events that it received, over all its lives.
  var received: Set<String> { state.withLock { $0.received } }
  /// The members that it has seen fail.
  var failures: [String] { state.withLock { $0.failures } }
  /// What it refused, over all its lives.
  var refused: [String] { state.withLock { $0.refused } }

  // MARK: Lives

  func start(_ settings: NetTransport.Settings, join others: [RollingNode]) async throws {
    let bind = state.withLock { $0.address } ?? NodeAddress(ipv4: 127, 0, 0, 1, port: 0)
    let node = try SerfNode(
      transport: NetTransport(bind: bind, settings: settings), configuration: .test(name),
      logger: Logger(label: "serf") { [log] _ in log.handler })
    let events = node.events()
    // While the port was free, a connection of another test may have got it from the kernel.
    try await eventually("the port is free again") {
      do { try await node.start() } catch let error as SerfError where error.code == .bind { return false }
      return true
    }
    let address = try await node.localAddress()
    state.withLock { state in
      state.node = node
      state.keyring = settings.keyring
      state.address = address
    }
    Task { for await event in events { self.took(event) } }
    // Events that were sent while it was away are wanted too.
    let contacts = others.filter { $0 !== self }.compactMap(\.address)
    if !contacts.isEmpty { #expect(try await node.join(contacts.map(\.description), ignoreOld: false) == contacts.count) }
  }

  /// Leaves, and ends.
  func stop() async throws {
    let node = try node
    let refusals = try await node.statistics().figures.filter { $0.section == "transport" && $0.key.contains("refused") }
    let refused = refusals.filter { $0.value > 0 }.map { "\($0.key) \($0.value)" }
    state.withLock { $0.refused += refused }
    try await node.leave()
    await end()
  }

  func end() async {
    let node = state.withLock { state in
      defer { state.node = nil }
      return state.node
    }
    await node?.shutdown()
  }

  // MARK: Commands

  func join(_ other: RollingNode) async throws { try await node.join([#require(other.address).description]) }

  func sendEvent() async throws {
    let event = state.withLock { state in
      state.sent.append("\(name)-\(state.sent.count)")
      return state.sent[state.sent.count - 1]
    }
    try await node.userEvent(event, coalesce: false)
  }

  // MARK: Observing

  func members() async throws -> [SerfMember] { try await node.members() }

  func statistics() async throws -> SerfStatistics { try await node.statistics() }

  private var address: NodeAddress? { state.withLock { $0.address } }

  private var node: SerfNode {
    get throws { try #require(state.withLock { $0.node }) }
  }

  private func took(_ event: SerfEvent) {
    state.withLock { state in
      switch event {
      case .user(let event): state.received.insert(event.name)
      case .member(let event) where event.kind == .failed: state.failures += event.members.map { "\($0.name)" }
      case .member, .query: break
      }
    }
  }
}
