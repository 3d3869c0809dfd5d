import Serf
import ServiceLifecycle

/// What a worker does: the one with the lowest name leads and hands out the jobs as events, and again those of a worker that failed. All workers say
/// in their tags which jobs they have done, so the next leader knows. A job is done at least once.
struct Jobs: Service {
  static let all = 1...15

  let serf: SerfNode

  func run() async throws {
    // A subscription begins when it is made: from here on, nothing is missed.
    let (jobs, changes, questions) = (serf.userEvents(named: "job"), serf.memberEvents(), serf.queries(named: "progress"))
    try await cancelWhenGracefulShutdown {
      do {
        try await serf.waitForMembers(within: .seconds(10)) { $0.alive.count { $0.tags["role"] == "worker" } >= 3 }
        try await withThrowingDiscardingTaskGroup { tasks in
          tasks.addTask { try await lead() }
          tasks.addTask { await work(jobs) }
          tasks.addTask { await watch(changes) }
          tasks.addTask { try await answer(questions) }
        }
      } catch is CancellationError {
        // Told to stop: not an error of this service.
      }
    }
  }

  private func lead() async throws {
    var given: [Int: NodeName] = [:]
    for await members in serf.memberSnapshots() {
      let workers = members.alive.filter { $0.tags["role"] == "worker" }
      guard workers.first?.name == serf.name else { continue }
      if given.isEmpty { try await serf.updateTags { $0["leads"] = "yes" } }

      let open = Jobs.all.filter { !members.done.contains($0) }
      for job in open where !workers.contains(where: { $0.name == given[job] }) {
        let worker = workers[job % workers.count].name
        given[job] = worker
        // Each of these events counts: a newer one must not replace it.
        try await serf.userEvent("job", payload: "\(worker) \(job)".utf8, coalesce: false)
      }
      if open.isEmpty {
        // For one member alone, and on its way only as long as both are there.
        for watcher in members.alive where watcher.tags["role"] == "watcher" { try await serf.send("all is done".utf8, to: watcher.name) }
        let packets = try await serf.statistics()["counted_packets"] ?? 0
        return try await serf.userEvent("finished", payload: "by \(serf.name), which sent \(packets) packets".utf8)
      }
    }
  }

  private func work(_ jobs: SerfSubscription<UserEvent>) async {
    var done: [String] = []
    for await event in jobs {
      let words = event.payload.string.split(separator: " ").map(String.init)
      guard words.count == 2, serf.name == words[0], !done.contains(words[1]) else { continue }
      // The work.
      guard (try? await Task.sleep(for: .milliseconds(100))) != nil else { return }
      done.append(words[1])
      serf.setTagsSoon { [done] in $0["done"] = done.joined(separator: " ") }
    }
  }

  private func answer(_ questions: SerfSubscription<SerfQuery>) async throws {
    for await question in questions {
      try await serf.respond(to: question, with: serf.localMember().tags["done", default: "nothing"].utf8)
    }
  }

  private func watch(_ changes: SerfSubscription<MemberEvent>) async {
    for await change in changes where change.kind == .failed {
      print("\(serf.name) knows that \(change.members.map(\.name)) failed")
    }
  }
}

extension MemberSnapshot {
  /// The jobs that are done, also by members that have failed since.
  var done: Set<Int> { Set(flatMap { $0.tags["done"]?.split(separator: " ").compactMap { Int($0) } ?? [] }) }
}
