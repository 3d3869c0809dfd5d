import SerfClient
import SerfPrimitives

extension Scenario {
  /// A mixed cluster that lives for a while: an event a second from one of its agents, and every ten seconds an agent more or one less.
  static func soak(minutes: Int, seed: UInt64) -> Scenario {
    Scenario(name: "soak", summary: "\(minutes) minutes of events, joins and leaves (seed \(seed))") { stage in
      let six = try await Six.settled(on: stage)
      var soak = try await Soak(stage, six, seed: seed)
      try await soak.run(for: .seconds(60 * minutes))
      await soak.inspect()
    }
  }
}

/// The course of a soak: the events sent, and the agents that come and go.
private struct Soak {
  private let stage: Stage
  private let six: Six
  private var random: SeededRandom
  private let watches: [EventWatch]
  private var sent: [String] = []
  private var guest: Agent?
  private var guests = 0

  init(_ stage: Stage, _ six: Six, seed: UInt64) async throws {
    (self.stage, self.six) = (stage, six)
    random = SeededRandom(seed: seed)
    var watches: [EventWatch] = []
    for agent in six.all { watches.append(try await EventWatch(agent)) }
    self.watches = watches
  }

  mutating func run(for duration: Duration) async throws {
    let start = ContinuousClock.now
    var second = 0
    while .now < start + duration {
      try await sendEvent()
      if second % 10 == 5 { try await changeGuest() }
      if second % 60 == 59 { report(second + 1) }
      second += 1
      // Counted from the start, so that the time of the steps does not add up.
      await rest(start + .seconds(second) - .now)
    }
  }

  private mutating func sendEvent() async throws {
    let sender = six.all[random.below(six.all.count)]
    let name = "soak-\(sent.count)"
    let payload = [UInt8](repeating: 0x5a, count: random.below(300))
    try await limited(to: .seconds(10)) { try await sender.client.userEvent(name, payload: payload, coalesce: false) }
    sent.append(name)
  }

  /// The seventh agent leaves; or if there is none, another one comes, of the other kind than the last one.
  private mutating func changeGuest() async throws {
    if let leaver = guest {
      guest = nil
      return try await leaver.leave()
    }
    let kind: Agent.Kind = guests % 2 == 0 ? .go : .ours
    let label = "guest-\(guests)"
    guests += 1
    var settings = Agent.Settings(label: label, kind: kind, name: label, place: stage.place(.ipv4))
    settings.tags = ["visit": "\(guests)"]
    settings.join = [six.all[random.below(six.all.count)].settings.place.reach]
    guest = try await stage.start(settings)
  }

  private func report(_ seconds: Int) {
    // The newest events are still on their way.
    let old = sent.dropLast(40)
    let missing = watches.map { watch in "\(watch.agent.label) \(old.count { watch.count($0) != 1 })" }
    stage.report.note(
      "\(seconds / 60) min: \(sent.count) events, \(guests) guests; older events not seen exactly once: \(missing.joined(separator: ", "))"
    )
  }

  /// What must hold at the end. An event that gossip missed somewhere comes by push/pull, every 30 seconds with a random member.
  func inspect() async {
    let all = six.all + (guest.map { [$0] } ?? [])
    await stage.check("the same \(all.count) alive at all", within: .seconds(30), at: all) { try await listing(at: all, alive: all) }
    await stage.check("\(sent.count) events at all six, each once", within: .seconds(180), at: []) { [sent, watches] in
      EventWatch.missing(sent, at: watches)
    }
  }
}
