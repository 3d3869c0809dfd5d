extension Scenario {
  static let takeovers = [
    takeover("takeover", "a Go agent bound to any address is killed and ours takes its name, address and port", from: .go, to: .ours),
    takeover(
      "takeover-back", "ours is killed, bound to any address, and a Go agent takes its name, address and port", from: .ours, to: .go),
  ]

  /// How operators change from one implementation to the other, and back. An agent that is bound to any address must advertise it in the same bytes,
  /// or the others report a conflict. A Go agent that takes over hears of the name's former life with other tags, and logs that it refutes that.
  private static func takeover(_ name: String, _ summary: String, from: Agent.Kind, to: Agent.Kind) -> Scenario {
    Scenario(name: name, summary: summary, tolerated: to == .go ? ["Refuting an alive"] : []) { stage in
      let six = try await Six.settled(on: stage, .any)
      let victim = from == .go ? six.go[1] : six.ours[1]
      let others = six.without([victim])
      var settings = victim.settings
      settings.kind = to
      settings.tags = ["life": "second"]
      settings.join = [six.go[0].settings.place.reach]
      let start = ContinuousClock.now
      await victim.kill()
      let heir = try await stage.start(settings)
      await stage.check("the heir is alive at all six", within: .seconds(5), since: start, at: others + [heir]) {
        try await listing(at: others + [heir], alive: others + [heir])
      }
      await stage.check("all lists are equal byte for byte", at: others + [heir]) { try await sameListing(at: others + [heir]) }
      try await stage.exchangeEvents(others + [heir])
    }
  }
}
