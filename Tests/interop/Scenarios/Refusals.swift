import SerfClient

extension Scenario {
  /// Strangers try to join a small Go cluster, and it tries to join them: our log says why that fails, and Go's agents carry on.
  static let refusals = Scenario(
    name: "refusals", summary: "another label, another key, no key, a forbidden network: refused with a reason, and Go stays healthy",
    tolerated: ["Decrypt packet", "not supported", "Failed to decode", "truncated", "unknown type"]
  ) { stage in
    let key = randomKey(bits: 256)
    let clear = try await stage.pair("clear", flags: [])
    let secret = try await stage.pair("secret", flags: ["-encrypt", key])
    let cases = [
      Refusal(label: "labelled", what: "a label against none", to: clear, flags: [], ourFlags: ["-label", "blue"], words: ["label"]),
      Refusal(
        label: "other-key", what: "one key against another", to: secret, flags: ["-encrypt", randomKey(bits: 256)],
        words: ["decrypt", "key"]),
      Refusal(label: "with-key", what: "a key against none", to: clear, flags: ["-encrypt", key], words: ["encrypt", "decrypt", "key"]),
      Refusal(label: "no-key", what: "no key against one", to: secret, flags: [], words: ["encrypt", "key"]),
      Refusal(
        label: "walled", what: "a network that is not allowed", to: clear, flags: [], ourFlags: ["-allow", "10.1.3.0/24"], words: ["allow"],
        isElsewhere: true),
    ]
    for refusal in cases { try await stage.play(refusal) }
    try await stage.admits(clear)
  }
}

/// A pair of agents that must not come together.
private struct Refusal: Sendable {
  let label: String
  let what: String
  let to: [Agent]
  let flags: [String]
  var ourFlags: [String] = []
  /// Our log names one of these.
  let words: [String]
  /// Whether ours is in another network than Go's.
  var isElsewhere = false
}

extension Stage {
  fileprivate func pair(_ label: String, flags: [String]) async throws -> [Agent] {
    var agents: [Agent] = []
    for number in 1...2 {
      var settings = Agent.Settings(label: "\(label)\(number)", kind: .go, name: "\(label)\(number)", place: place(.ipv4))
      settings.flags = flags
      settings.join = agents.first.map { [$0.settings.place.reach] } ?? []
      agents.append(try await start(settings))
    }
    let pair = agents
    await check("\(label): two Go agents in a cluster", at: pair) { try await listing(at: pair, alive: pair) }
    return pair
  }

  fileprivate func play(_ refusal: Refusal) async throws {
    guard refusal.ourFlags.isEmpty || surroundings.kinds == .mixed else {
      return report.skipped(refusal.what, "Go has no \(refusal.ourFlags[0])")
    }
    var settings = Agent.Settings(label: refusal.label, kind: .ours, name: refusal.label, place: place(.ipv4))
    (settings.flags, settings.ourFlags) = (refusal.flags, refusal.ourFlags)
    if refusal.isElsewhere { settings.place.host = surroundings.otherAddress }
    let stranger = try await start(settings)
    await refuses(refusal.what, from: refusal.to[0], to: stranger)
    await check("\(refusal.what): our log says why it refused Go", within: .seconds(5), at: [stranger]) {
      reason(refusal.words, in: stranger)
    }
    await refuses(refusal.what, from: stranger, to: refusal.to[1])
    await rest(.seconds(2))
    try await healthy(refusal.to, "\(refusal.what)", stranger)
    await stranger.kill()
  }

  /// A join that must fail.
  private func refuses(_ what: String, from: Agent, to: Agent) async {
    let outcome: String?
    do {
      let count = try await limited(to: .seconds(30)) { try await from.client.join([to.settings.place.reach]) }
      outcome = "it reached \(count)"
    } catch let error as TimedOut {
      outcome = "\(error)"
    } catch {
      outcome = nil
    }
    await check("\(what): \(from.isGo ? "Go" : "ours") cannot join \(to.label)", within: .zero, at: [from, to]) { outcome }
  }

  /// Go's agents list themselves only, answer, and pass events.
  private func healthy(_ agents: [Agent], _ what: String, _ stranger: Agent) async throws {
    await check("\(what): Go's agents list only themselves, the stranger only itself", within: .seconds(5), at: agents + [stranger]) {
      if let difference = try await listing(at: agents, alive: agents) { return difference }
      for agent in agents where try await agent.client.members().contains(where: { $0.name == stranger.name }) {
        return "\(agent.label) lists \(stranger.label)"
      }
      return try await listing(at: [stranger], alive: [stranger])
    }
    try await exchangeEvents(agents, round: stranger.label)
  }

  /// The same check lets in a member inside the allowed network.
  fileprivate func admits(_ agents: [Agent]) async throws {
    let what = "an allowed network is let in"
    guard surroundings.kinds == .mixed else { return report.skipped(what, "Go has no -allow") }
    var settings = Agent.Settings(label: "allowed", kind: .ours, name: "allowed", place: place(.ipv4))
    settings.ourFlags = ["-allow", "10.1.2.0/24", "-allow", "\(surroundings.address)/24"]
    settings.join = [agents[0].settings.place.reach]
    let all = try await agents + [start(settings)]
    await check(what, at: all) { try await listing(at: all, alive: all) }
  }
}

/// Nil if a line of the log of `agent`, from a warning up or about a failed join, has one of `words`.
private func reason(_ words: [String], in agent: Agent) -> String? {
  let lines = agent.program.output.split(separator: "\n").filter { $0.contains("[WARN]") || $0.contains("[ERR]") }
  return lines.contains { line in words.contains { line.lowercased().contains($0) } } ? nil : "no warning has one of \(words)"
}
