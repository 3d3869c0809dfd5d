import Foundation
import SerfClient
import SerfPrimitives

extension Scenario {
  static let moves = [killOtherPortSoon, killOtherPortLate]

  /// memberlist takes a new address for a known name only of a member that has left, or that is dead and forgotten (`memberlist.md` 4.9).
  private static let killOtherPortSoon = Scenario(
    name: "kill-other-port-soon", summary: "one of each kind is killed and comes back on another port within 30 s: a name conflict",
    tolerated: ["Conflicting address", "Name conflict"]
  ) { stage in
    let six = try await Six.settled(on: stage)
    let victims = [six.go[1], six.ours[1]]
    let rest = six.without(victims)
    let start = ContinuousClock.now
    await stage.kill(victims)
    for victim in victims {
      await stage.check("\(victim.label) failed at the other four", within: .seconds(25), since: start, at: rest) {
        try await listing(at: rest, victim, is: "failed")
      }
    }
    // Through both of our agents, because it is random which members gossip alone would tell of it.
    let observers = rest.filter { $0.settings.kind == .ours }
    let reborn = try await stage.secondLives(victims, through: [six.ours[0], six.go[0]], and: observers, elsewhere: true)
    for agent in reborn {
      // Go's agents say it too, if they hear of it.
      for observer in observers {
        await stage.check("\(observer.label) reports the name conflict of \(agent.label)", at: [observer]) {
          conflictLines(about: agent, at: observer).isEmpty ? "no line of its log has \"claim\" and the name" : nil
        }
      }
    }
    await interopSettle()
    for victim in victims {
      await stage.check("\(victim.label) has not moved at the other four", within: .seconds(1), at: rest) {
        try await moved(victim, at: rest)
      }
    }
    for observer in rest {
      let counts = reborn.map { "\(conflictLines(about: $0, at: observer).count) about \($0.label)" }
      stage.report.note("\(observer.label) has conflict lines: \(counts.joined(separator: ", "))")
    }
    if let line = observers.flatMap({ conflictLines(about: reborn[0], at: $0) }).first {
      stage.report.note("one of them: \(line)")
    }
  }

  private static let killOtherPortLate = Scenario(
    name: "kill-other-port-late", summary: "one of each kind is killed and comes back on another port after 120 s: accepted"
  ) { stage in
    let six = try await Six.settled(on: stage)
    let victims = [six.go[1], six.ours[1]]
    let others = six.without(victims)
    await stage.kill(victims)
    await rest(.seconds(120))
    let start = ContinuousClock.now
    let reborn = try await stage.secondLives(victims, through: [six.ours[0], six.go[0]], elsewhere: true)
    await stage.check("both alive on their new ports at all six", since: start, at: others + reborn) {
      try await listing(at: others + reborn, alive: others + reborn)
    }
    await stage.check("all lists are equal byte for byte", at: others + reborn) { try await sameListing(at: others + reborn) }
    try await stage.exchangeEvents(others + reborn)
  }
}

/// Long enough for gossip and for the next push/pulls, which would bring the new address if it came at all.
private func interopSettle() async { await rest(.seconds(10)) }

/// The lines of `observer`'s log that say that two nodes claim the name of `agent`.
private func conflictLines(about agent: Agent, at observer: Agent) -> [String] {
  observer.program.output.split(separator: "\n").filter { $0.contains("claim") && $0.contains(agent.settings.name) }.map(String.init)
}

/// Nil if all of `observers` hold the address that `agent` was started with.
private func moved(_ agent: Agent, at observers: [Agent]) async throws -> String? {
  for observer in observers {
    let port = try await observer.client.members().first { $0.name == agent.name }?.address?.port
    if port != agent.settings.place.port { return "\(observer.label) has it on port \(port.map { "\($0)" } ?? "none")" }
  }
  return nil
}
