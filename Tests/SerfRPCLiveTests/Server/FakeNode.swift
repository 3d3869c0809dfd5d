import Serf
import SerfAgent
import SerfClient
import SerfCore
import Synchronization

/// A node that is only a table: verbs act on the table, and subscribers see what a test posts.
final class FakeNode: AgentNode {
  struct State {
    var local: SerfMember
    /// All other members.
    var others: [SerfMember] = []
    /// The failures of the next verbs, by verb; verbs without an entry succeed.
    var failures: [String: any Error] = [:]
    var joinCount = 1
    /// What the next joins return before ``joinCount``.
    var joinCounts: [Int] = []
    var counters: [String: String] = [:]
    var coordinates: [NodeName: NodeCoordinate] = [:]
    /// What the next operations with keys come to.
    var keys = KeyReport(asking: [])
    /// Whether a join or a leave takes longer than any caller waits.
    var joinHangs = false
    var leaveHangs = false
    /// What members reply to the next queries.
    var replies: [AgentQueryReply] = []
    /// Whether queries go on after these replies.
    var queriesGoOn = false
    /// How many queries go on.
    var openQueries = 0
    /// The calls so far, as text.
    var calls: [String] = []
    /// Those that still read, or may.
    var subscribers: [Int: AsyncStream<SerfEvent>.Continuation] = [:]
    var lastSubscriber = 0
    /// How many events subscribers have taken.
    var taken = 0
  }

  let state: Mutex<State>

  init(_ local: SerfMember, others: [SerfMember] = []) { state = Mutex(State(local: local, others: others)) }

  /// Delivers an event to all subscribers so far.
  func post(_ event: SerfEvent) {
    for subscriber in state.withLock({ $0.subscribers }).values { subscriber.yield(event) }
  }

  var calls: [String] { state.withLock { $0.calls } }
  var subscriberCount: Int { state.withLock { $0.subscribers.count } }

  private func called<Value>(_ verb: String, _ words: String = "", _ body: (inout State) -> Value) throws -> Value {
    try state.withLock { state in
      state.calls.append(words.isEmpty ? verb : verb + " " + words)
      if let failure = state.failures[verb] { throw failure }
      return body(&state)
    }
  }

  func members() async throws -> [SerfMember] {
    try called("members") { state in (state.others + [state.local]).sorted { $0.name < $1.name } }
  }

  func localMember() async throws -> SerfMember { state.withLock { $0.local } }

  func join(_ addresses: [String], ignoreOld: Bool) async throws -> Int {
    let (count, hangs) = try called("join", addresses.joined(separator: ",") + (ignoreOld ? "" : " replay")) { state in
      (state.joinCounts.isEmpty ? state.joinCount : state.joinCounts.removeFirst(), state.joinHangs)
    }
    if hangs { await forever() }
    return count
  }

  func firstDialPause() async throws -> Duration { .zero }

  func keepSeeds(_ addresses: [String]) async {
    _ = try? called("keepSeeds", addresses.joined(separator: ",")) { _ in }
  }

  func leave() async throws {
    let hangs = try called("leave") { state in state.leaveHangs }
    if hangs { await forever() }
  }

  /// Waits until the task is cancelled.
  private func forever() async {
    for await _ in AsyncStream<Never>.makeStream().stream {}
  }

  func shutdown() async {
    for subscriber in state.withLock({ $0.subscribers }).values { subscriber.finish() }
  }

  func forceLeave(_ name: NodeName, prune: Bool) async throws {
    try called("forceLeave", name.description + (prune ? " prune" : "")) { _ in }
  }

  func setTags(_ tags: [String: String]) async throws {
    try called("setTags", tags.sorted { $0.key < $1.key }.map { $0.key + "=" + $0.value }.joined(separator: ",")) { state in
      state.local.tags = tags
    }
  }

  func updateTags(setting: [String: String], deleting: [String]) async throws {
    var tags = state.withLock { $0.local.tags }
    for key in deleting { tags[key] = nil }
    try await setTags(tags.merging(setting) { $1 })
  }

  func userEvent(_ name: String, payload: [UInt8], coalesce: Bool) async throws {
    try called("userEvent", "\(name) \(String(decoding: payload, as: UTF8.self)) \(coalesce)") { _ in }
  }

  func ask(
    _ name: String, payload: [UInt8], options: SerfQuery.Options
  ) async throws -> any AsyncSequence<AgentQueryReply, any Error> & Sendable {
    let words = "\(name) \(String(decoding: payload, as: UTF8.self)) \(options.wantsAcks) \(options.relayFactor)"
    let asked = options.filters.map { " \($0)" }.joined() + (options.timeout.map { " \($0)" } ?? "")
    let (replies, goOn) = try called("ask", words + asked) { state in
      if state.queriesGoOn { state.openQueries += 1 }
      return (state.replies, state.queriesGoOn)
    }
    let (stream, feed) = AsyncThrowingStream.makeStream(of: AgentQueryReply.self)
    for reply in replies { feed.yield(reply) }
    if goOn {
      feed.onTermination = { [weak self] _ in self?.state.withLock { $0.openQueries -= 1 } }
    } else {
      feed.finish()
    }
    return stream
  }

  func answer(_ query: SerfQuery, with payload: [UInt8]) async throws {
    try called("answer", "\(query.name) \(String(decoding: payload, as: UTF8.self))") { _ in }
  }

  func cachedCoordinate(of name: NodeName) async throws -> NodeCoordinate? {
    try called("cachedCoordinate", name.description) { $0.coordinates[name] }
  }

  func keyOperation(_ operation: KeyOperation) async throws -> (report: KeyReport, refusal: String?) {
    try called("keys", "\(operation.kind.rawValue) \(operation.key.count)") { state in (state.keys, nil) }
  }

  func subscription() -> any AsyncSequence<SerfEvent, Never> & Sendable {
    let (events, feed) = AsyncStream.makeStream(of: SerfEvent.self)
    let id = state.withLock { state in
      state.lastSubscriber += 1
      state.subscribers[state.lastSubscriber] = feed
      return state.lastSubscriber
    }
    feed.onTermination = { [weak self] _ in self?.state.withLock { $0.subscribers[id] = nil } }
    return events.map { [self] event in
      state.withLock { $0.taken += 1 }
      return event
    }
  }

  func sections() async throws -> [String: [String: String]] { ["serf": state.withLock { $0.counters }] }
}

extension SerfMember {
  /// A member on this machine as the captures know them.
  static func local(_ name: String, port: UInt16, tags: [String: String] = [:], status: MemberStatus = .alive) -> SerfMember {
    SerfMember(
      name: NodeName(name), address: NodeAddress(ipv4: 127, 0, 0, 1, port: port), tags: tags, status: status,
      versions: SerfMember.Versions())
  }
}
