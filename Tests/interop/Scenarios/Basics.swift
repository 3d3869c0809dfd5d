import SerfClient

extension Scenario {
  static let basics = [
    basic("basic-ipv4", "3 + 3 agents on IPv4", .ipv4),
    basic("basic-ipv6", "3 + 3 agents on IPv6", .ipv6),
    basic("basic-any", "3 + 3 agents, one of each kind bound to any address", .any),
  ]

  private static func basic(_ name: String, _ summary: String, _ network: Six.Network) -> Scenario {
    Scenario(name: name, summary: summary) { stage in
      let six = try await Six.settled(on: stage, network)
      try await stage.everyday(six)
    }
  }
}

extension Stage {
  /// What every healthy cluster does: pass events both ways, accept a change of tags, and agree on its members to the byte.
  func everyday(_ six: Six, _ others: [Agent] = []) async throws {
    let all = six.all + others
    try await exchangeEvents(all)
    let changed = ["life": "changed", "empty": ""]
    for agent in [six.go[2], six.ours[2]] { try await agent.client.updateTags(setting: changed) }
    // The full tags change as well, because only they have the greatest length.
    let replaced = ["0": "w", "2": "w"]
    for agent in [six.go[1], six.ours[1]] { try await agent.client.updateTags(setting: replaced, deleting: ["1"]) }
    let tags = ["go3": changed, "ours3": changed, "go2": replaced, "ours2": replaced]
    await check("changed tags at all \(all.count)", at: all) { try await listing(at: all, alive: all, tags: tags) }
    await check("the lists of Go's agents are equal byte for byte", at: six.go) {
      try await sameListing(at: all.filter { $0.settings.kind == .go })
    }
    await check("the lists of our agents are equal byte for byte", at: six.ours) {
      try await sameListing(at: all.filter { $0.settings.kind == .ours })
    }
    await check("the lists of both kinds are equal byte for byte", at: [six.go[0], six.ours[0]]) { try await sameListing(at: all) }
  }

  /// Every agent sends a user event, and every agent sees all of them, once.
  func exchangeEvents(_ agents: [Agent], round: String = "event") async throws {
    var watches: [EventWatch] = []
    for agent in agents { watches.append(try await EventWatch(agent)) }
    for kind in [Agent.Kind.go, .ours] {
      let senders = agents.filter { $0.settings.kind == kind }
      let start = ContinuousClock.now
      for (index, sender) in senders.enumerated() {
        // One as long as Go's agents allow by default: name and payload have 512 bytes with their encoding.
        let payload = [UInt8](repeating: 0xfe, count: index == 0 ? 400 : index)
        try await sender.client.userEvent("\(round)-\(sender.label)", payload: payload, coalesce: false)
      }
      let names = senders.map { "\(round)-\($0.label)" }
      await check("\(senders.count) events from \(kind == .go ? "Go's agents" : "ours") at all \(agents.count)", since: start, at: agents) {
        [watches] in
        EventWatch.missing(names, at: watches)
      }
    }
  }
}
