import Foundation
import SerfClient

extension Scenario {
  /// Go's agents answer by a handler; at ours a client of the RPC answers.
  static let query = Scenario(name: "query", summary: "queries of either kind, plain and relayed, that agents of both kinds answer") {
    stage in
    let handler = ["-event-handler", "query:ping=echo pong-$SERF_SELF_NAME"]
    var agents: [Agent] = []
    // One of ours between two of Go's, then more of both, joined in a chain of alternating kinds.
    for (index, label) in ["go1", "ours1", "go2", "ours2", "go3"].enumerated() {
      let kind = index % 2 == 0 ? Agent.Kind.go : .ours
      var settings = Agent.Settings(label: label, kind: kind, name: label, place: stage.place(.ipv4))
      settings.flags = kind == .go ? handler : []
      settings.join = agents.last.map { [$0.settings.place.reach] } ?? []
      agents.append(try await stage.start(settings))
      if kind == .ours { try await agents[index].answersPings() }
      guard kind == .go, index > 0 else { continue }
      let present = agents
      await stage.check("\(present.count) alive at all", at: present) { try await listing(at: present, alive: present) }
      for asker in present {
        for factor in [0, 2] { await stage.ask(asker, relayFactor: factor, expect: present) }
      }
    }
  }
}

extension Agent {
  /// Answers from now on, to its end, as the handler of Go's agents does.
  fileprivate func answersPings() async throws {
    let queries = try await client.events("query:ping")
    Task {
      for try await case .query(let query) in queries { try await client.respond(to: query.id, payload: Array("pong-\(name)\n".utf8)) }
    }
    _ = try await client.stats()
  }
}

private struct Answers: Decodable {
  var Acks: [String]?
  var Responses: [String: String]?
}

extension Stage {
  /// Runs Go's `serf query`; an ack and an answer of each of `expect` must come.
  fileprivate func ask(_ asker: Agent, relayFactor: Int, expect: [Agent]) async {
    let what = "\(asker.label) hears all \(expect.count), relay factor \(relayFactor), \(agents.count) members"
    let relay = relayFactor == 0 ? [] : ["-relay-factor", "\(relayFactor)"]
    // Asked once: a lost answer is a failure, not a reason to ask again.
    let start = ContinuousClock.now
    let missing: String?
    do {
      let run = try await goCommand(["query", "-format", "json", "-timeout", "3s"] + relay + ["ping"], at: asker)
      missing =
        Self.missing(run.output, expect.map(\.settings.name)) ?? (run.status == 0 ? nil : "it ended with \(run.status): \(run.output)")
    } catch {
      missing = "\(error)"
    }
    await check(what, within: .zero, since: start, at: agents) { missing }
  }

  private static func missing(_ output: String, _ names: [String]) -> String? {
    guard let answers = try? JSONDecoder().decode(Answers.self, from: Data(output.utf8)) else { return "no JSON: \(output)" }
    for name in names {
      let acks = (answers.Acks ?? []).filter { $0 == name }.count
      if acks != 1 { return "\(acks) acks of \(name)" }
      guard let response = answers.Responses?[name] else { return "no answer of \(name)" }
      if response != "pong-\(name)\n" { return "\(name) answers \(response)" }
    }
    return nil
  }
}
