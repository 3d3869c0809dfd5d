import Foundation

extension Scenario {
  static let restarts = [restartSamePort, leaveOtherPort]

  private static let restartSamePort = Scenario(
    name: "restart-same-port", summary: "one of each kind is killed and started again at once, same name and port",
    // Go says this about its own former life, which had other tags.
    tolerated: ["Refuting an alive"]
  ) { stage in
    let six = try await Six.settled(on: stage)
    let victims = [six.go[1], six.ours[1]]
    let start = ContinuousClock.now
    await stage.kill(victims)
    let reborn = try await stage.secondLives(victims, through: [six.ours[0], six.go[0]])
    await stage.check("both alive in their second life at all six", within: .seconds(5), since: start, at: six.without(victims) + reborn) {
      let all = six.without(victims) + reborn
      return try await listing(at: all, alive: all)
    }
    try await stage.exchangeEvents(six.without(victims) + reborn)
  }

  private static let leaveOtherPort = Scenario(
    name: "leave-other-port", summary: "one of each kind leaves and comes back on another port"
  ) { stage in
    let six = try await Six.settled(on: stage)
    let leavers = [six.go[1], six.ours[1]]
    let rest = six.without(leavers)
    for leaver in leavers { try await leaver.leave() }
    for leaver in leavers {
      await stage.check("\(leaver.label) left at the other four", at: rest) { try await listing(at: rest, leaver, is: "left") }
    }
    let start = ContinuousClock.now
    let reborn = try await stage.secondLives(leavers, through: [six.ours[0], six.go[0]], elsewhere: true)
    await stage.check("both alive on their new ports at all six", within: .seconds(5), since: start, at: rest + reborn) {
      try await listing(at: rest + reborn, alive: rest + reborn)
    }
    try await stage.exchangeEvents(rest + reborn)
    await stage.check("all lists are equal byte for byte", at: rest + reborn) { try await sameListing(at: rest + reborn) }
  }

  static let pause = Scenario(
    name: "pause", summary: "one of each kind is stopped for 20 s and then goes on",
    tolerated: ["UDP probes failed"]
  ) { stage in
    let six = try await Six.settled(on: stage)
    let stopped = [six.go[1], six.ours[1]]
    let others = six.without(stopped)
    for agent in stopped { agent.program.signal(SIGSTOP) }
    let start = ContinuousClock.now
    for agent in stopped {
      let (missing, took) = await eventually(within: .seconds(20), since: start) { try await listing(at: others, agent, is: "failed") }
      stage.report.note(
        "\(agent.label) \(missing == nil ? "failed at the other four after \(took.inSeconds)" : "not failed everywhere in 20 s")")
    }
    await rest(.seconds(20) - (.now - start))
    for agent in stopped { agent.program.signal(SIGCONT) }
    await stage.check("all alive again at all six", within: .seconds(60), at: six.all) { try await listing(at: six.all, alive: six.all) }
    try await stage.exchangeEvents(six.all)
  }
}

extension Stage {
  func kill(_ agents: [Agent]) async {
    await withTaskGroup { group in
      for agent in agents { group.addTask { await agent.kill() } }
    }
  }

  /// Starts agents that have ended again, at the same time, with a tag that tells this life from the one before.
  func secondLives(_ agents: [Agent], through contacts: [Agent], and others: [Agent] = [], elsewhere: Bool = false) async throws -> [Agent]
  {
    try await withThrowingTaskGroup(of: (Int, Agent).self) { group in
      for (index, (agent, contact)) in zip(agents, contacts).enumerated() {
        var settings = agent.settings
        settings.tags = ["life": "second"]
        settings.join = ([contact] + others.filter { $0.label != contact.label }).map(\.settings.place.reach)
        if elsewhere { settings.place.port = freePort() }
        group.addTask { [settings] in (index, try await self.start(settings)) }
      }
      var started: [(Int, Agent)] = []
      for try await life in group { started.append(life) }
      return started.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }
}
