import Foundation
import SerfClient
import SerfPrimitives
import Synchronization

extension Scenario {
  static let rollingEncryption = Scenario(
    name: "rolling-encryption",
    summary: "3 members of Go's library and 3 of our agents go from the clear to a key, one restart at a time, while all send events"
  ) { stage in
    let start = ContinuousClock.now
    let cluster = try await RollingCluster(on: stage)
    let talk = Task { try await cluster.talk() }
    defer { talk.cancel() }
    for step in [EncryptionStep.reading, .encrypting, .complete] {
      for member in cluster.members { try await cluster.take(step, at: member) }
    }
    talk.cancel()
    // It ended by cancellation, or because a member could not send an event.
    if case .failure(let error) = await talk.result, !(error is CancellationError) { throw error }
    await cluster.finish(since: start)
  }
}

/// How far a member is on the way to encryption.
private enum EncryptionStep: String {
  /// No key.
  case clear
  /// It has the key, sends in clear text, and accepts both.
  case reading
  /// It encrypts, and accepts both.
  case encrypting
  /// It encrypts, and accepts nothing else.
  case complete

  var sealsOutgoing: Bool { self != .reading }
  var verifiesIncoming: Bool { self == .complete }
}

/// Three members of Go's library and three of our agents, each of which is restarted several times.
private final class RollingCluster: Sendable {
  let members: [RollingMember]
  private let stage: Stage
  /// The events that have been sent, in order.
  private let sent = Mutex<[String]>([])

  /// Starts all six in clear text, and waits until all list all.
  init(on stage: Stage) async throws {
    self.stage = stage
    let key = randomKey(bits: 256)
    members = (1...3).flatMap { number in
      [Agent.Kind.go, .ours].map { kind in
        RollingMember("\(kind.rawValue)\(number)", kind, key: key, place: stage.place(.ipv4), on: stage)
      }
    }
    for (index, member) in members.enumerated() { try await member.start(.clear, join: Array(members[..<index])) }
    await stage.check("six alive in the clear at all six") { try await self.allAlive() }
  }

  /// Lets every member that is up send four events a second, until the task is cancelled.
  func talk() async throws {
    var round = 0
    while true {
      round += 1
      for member in members {
        let name = "\(member.label)-\(round)"
        if try await member.send(name) { sent.withLock { $0.append(name) } }
      }
      try await Task.sleep(for: .milliseconds(250))
    }
  }

  /// Restarts `member` with the settings of `step`, and waits until all know it and all that was sent.
  func take(_ step: EncryptionStep, at member: RollingMember) async throws {
    try await member.stop()
    try await member.start(step, join: members.filter { $0 !== member })
    await stage.check("\(member.label) \(step.rawValue): alive at all six", at: agents) { try await self.allAlive() }
    let names = sent.withLock { $0 }
    // Go's library sends an event four times. Among six members that may miss one until the next push/pull, which comes within half a minute.
    await stage.check("\(member.label) \(step.rawValue): the \(names.count) events so far at all six", within: .seconds(60), at: agents) {
      try self.missing(names)
    }
  }

  /// Checks what must hold for the whole time.
  func finish(since start: ContinuousClock.Instant) async {
    let names = sent.withLock { $0 }
    await stage.check("all \(names.count) events at all six, none twice in one life", at: agents) {
      try self.missing(names) ?? self.doubled(names)
    }
    await stage.check("none of ours was seen to fail", within: .zero) { try self.failure() }
    await stage.check("ours refused nothing", within: .seconds(1)) { try await self.refusal() }
    let received = members.map { member in "\(member.label) \((try? member.received(names)) ?? 0)" }.joined(separator: ", ")
    stage.report.note(
      "\(names.count) events sent in \((.now - start).inSeconds), \(members.map(\.restarts).reduce(0, +)) restarts; received: \(received)")
  }

  private var agents: [Agent] { members.compactMap(\.agent) }

  private func allAlive() async throws -> String? {
    let expected = Set(members.map(\.label))
    for member in members {
      let alive = try await member.alive()
      if alive != expected { return "\(member.label) lists \(alive.sorted().joined(separator: " ")) as alive" }
    }
    return nil
  }

  private func missing(_ names: [String]) throws -> String? {
    for member in members {
      let received = try member.events()
      let missing = names.filter { received[$0] == nil }
      if let first = missing.first { return "\(member.label) has not seen \(missing.count) events, \(first) the first" }
    }
    return nil
  }

  private func doubled(_ names: [String]) throws -> String? {
    for member in members {
      let received = try member.events()
      if let name = names.first(where: { received[$0, default: 0] > 1 }) { return "\(member.label) saw \(name) more than once in one life" }
    }
    return nil
  }

  /// Members of Go's library are left out: they send the intent of a leave four times, which may miss one of six members (`memberlist.md` 4.11).
  private func failure() throws -> String? {
    for member in members {
      let failed = try member.failed().filter { $0.hasPrefix(Agent.Kind.ours.rawValue) }
      if !failed.isEmpty { return "\(member.label) saw fail: \(failed.joined(separator: " "))" }
    }
    return nil
  }

  private func refusal() async throws -> String? {
    for member in members {
      let refused = try await member.refused()
      if !refused.isEmpty { return "\(member.label) counted \(refused.joined(separator: ", "))" }
    }
    return nil
  }
}

/// One member through its lives: Go's library, or our agent.
private final class RollingMember: Sendable {
  private enum Life {
    case go(GoMember)
    case ours(EventWatch)
  }

  private struct State {
    var lives: [Life] = []
    /// False from the moment a restart begins until the member has joined again.
    var isUp = false
    /// Whether an event is on its way to the member.
    var isSending = false
    /// What our agents refused in lives that have ended.
    var refused: [String] = []
  }

  let label: String
  let place: Agent.Place
  private let kind: Agent.Kind
  private let key: String
  private let stage: Stage
  private let state = Mutex(State())

  init(_ label: String, _ kind: Agent.Kind, key: String, place: Agent.Place, on stage: Stage) {
    (self.label, self.kind, self.key, self.place, self.stage) = (label, kind, key, place, stage)
  }

  private var lives: [Life] { state.withLock { $0.lives } }

  /// Our agent in its current life; nil for Go's.
  var agent: Agent? {
    guard case .ours(let watch) = lives.last else { return nil }
    return watch.agent
  }

  var restarts: Int { lives.count - 1 }

  // MARK: Lives

  func start(_ step: EncryptionStep, join others: [RollingMember]) async throws {
    let addresses = others.map(\.place.reach)
    // With `--kinds go` Go's library plays our part too, because Go's agent cannot.
    let life: Life =
      stage.surroundings.isGo(kind) ? .go(try await startGo(step, addresses)) : .ours(try await startOurs(step, addresses))
    state.withLock { state in
      state.lives.append(life)
      state.isUp = true
    }
  }

  private func startGo(_ step: EncryptionStep, _ addresses: [String]) async throws -> GoMember {
    let settings = GoMember.Settings(
      label: label, place: place, key: step == .clear ? nil : key, sealsOutgoing: step.sealsOutgoing,
      verifiesIncoming: step.verifiesIncoming,
      join: addresses)
    return try await stage.start(settings)
  }

  private func startOurs(_ step: EncryptionStep, _ addresses: [String]) async throws -> EventWatch {
    var settings = Agent.Settings(label: label, kind: .ours, name: label, place: place)
    if step != .clear {
      let file = stage.directory.appendingPathComponent("\(label).keyring")
      try JSONEncoder().encode([key]).write(to: file, options: .atomic)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
      settings.ourFlags = ["-keyring-file", file.path]
      if !step.sealsOutgoing { settings.ourFlags.append("-encrypt-verify-outgoing=false") }
      if !step.verifiesIncoming { settings.ourFlags.append("-encrypt-verify-incoming=false") }
    }
    // It joins after its events are watched: those from before the join come with the join.
    let watch = try await EventWatch(try await stage.start(settings))
    if !addresses.isEmpty { try await watch.agent.client.join(addresses, replay: true) }
    return watch
  }

  /// Lets it leave, and waits for its end.
  func stop() async throws {
    let refused = try await self.refused()
    state.withLock { state in
      state.isUp = false
      state.refused = refused
    }
    while state.withLock({ $0.isSending }) { await rest(.milliseconds(5)) }
    switch lives.last {
    case .go(let member): try await member.leave()
    case .ours(let watch): try await watch.agent.leave()
    case nil: break
    }
  }

  // MARK: Sending

  /// Sends an event; false while it is being restarted.
  func send(_ name: String) async throws -> Bool {
    let life = state.withLock { state in
      state.isSending = state.isUp
      return state.isUp ? state.lives.last : nil
    }
    guard let life else { return false }
    defer { state.withLock { $0.isSending = false } }
    switch life {
    case .go(let member): try member.send(name)
    case .ours(let watch): try await watch.agent.client.userEvent(name, coalesce: false)
    }
    return true
  }

  // MARK: Observing

  /// The names of those that it lists as alive.
  func alive() async throws -> Set<String> {
    switch lives.last {
    case .go(let member): try await member.alive()
    case .ours(let watch): Set(try await watch.agent.client.members().filter { $0.status == "alive" }.map(\.name.description))
    case nil: []
    }
  }

  /// How often each event arrived in the life in which it arrived most often: a member that comes back gets earlier events again.
  func events() throws -> [String: Int] {
    try lives.reduce(into: [:]) { events, life in
      let counts =
        switch life {
        case .go(let member): try member.events()
        case .ours(let watch): watch.counts
        }
      events.merge(counts, uniquingKeysWith: max)
    }
  }

  func received(_ names: [String]) throws -> Int {
    let events = try events()
    return names.count { events[$0] != nil }
  }

  /// The names of members that it has seen fail.
  func failed() throws -> [String] {
    try lives.flatMap { life in
      switch life {
      case .go(let member): try member.failed()
      case .ours(let watch):
        watch.agent.program.output.matches(of: /EventMemberFailed: (\S+)/).map { String($0.1) }
      }
    }
  }

  /// Counters of what our agent refused in any of its lives; Go's log shows that for Go's members.
  func refused() async throws -> [String] {
    let (life, before) = state.withLock { ($0.isUp ? $0.lives.last : nil, $0.refused) }
    guard case .ours(let watch) = life else { return before }
    let counters = try await watch.agent.client.stats().sections["transport"] ?? [:]
    return before + counters.filter { $0.key.contains("refused") && $0.value != "0" }.map { "\($0.key) \($0.value)" }.sorted()
  }
}
