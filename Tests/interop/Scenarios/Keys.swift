import Foundation

extension Scenario {
  static let keys = [encrypted(bits: 128), encrypted(bits: 192), encrypted(bits: 256), keyring]

  private static func encrypted(bits: Int) -> Scenario {
    Scenario(name: "keys-\(bits)", summary: "3 + 3 agents with one key of \(bits) bits") { stage in
      let key = randomKey(bits: bits)
      let six = try await Six.settled(on: stage) { $0.flags += ["-encrypt", key] }
      try await stage.everyday(six)
    }
  }

  private static let keyring = Scenario(
    name: "keyring", summary: "two keys in a file, and the primary key changes while one of each kind joins"
  ) { stage in
    let (old, new) = (randomKey(bits: 256), randomKey(bits: 256))
    let rings = Rings(directory: stage.directory)
    let six = try await Six.settled(on: stage) { settings in
      settings.flags += ["-keyring-file", try rings.write([old, new], for: settings.label)]
    }
    try await stage.everyday(six)

    async let newcomers = stage.joiners(six, rings, [old, new])
    try await stage.changePrimaryKey(six.all, rings, [new, old])
    let all = try await six.all + newcomers
    await stage.check("eight alive after the change", at: all) { try await listing(at: all, alive: all, tags: afterEveryday) }
    // A member that joined in the middle of it may have missed the order; given again it reaches all.
    try await stage.changePrimaryKey(all, rings, [new, old])
    for agent in all {
      await stage.check("\(agent.label) has the new key first", at: [agent]) {
        rings.primary(of: agent.label) == new ? nil : "its file says otherwise"
      }
    }
    // Agents that know only the new key understand nothing that is still encrypted with the old one.
    let late = try await stage.newcomers("late", through: [six.ours[0], six.go[0]]) { $0.flags += ["-encrypt", new] }
    await stage.check("ten alive, two of them with the new key only", at: all + late) {
      try await listing(at: all + late, alive: all + late, tags: afterEveryday)
    }
    try await stage.exchangeEvents(all + late, round: "rotated")
  }
}

/// The tags that ``Stage/everyday(_:_:)`` leaves behind.
let afterEveryday = [
  "go3": ["life": "changed", "empty": ""], "ours3": ["life": "changed", "empty": ""], "go2": ["0": "w", "2": "w"],
  "ours2": ["0": "w", "2": "w"],
]

/// A key in base64.
func randomKey(bits: Int) -> String {
  var random = SystemRandomNumberGenerator()
  return Data((0..<bits / 8).map { _ in UInt8.random(in: 0...255, using: &random) }).base64EncodedString()
}

/// The keyring files of the agents: a JSON list of keys, the primary one first.
private struct Rings: Sendable {
  let directory: URL

  func url(_ label: String) -> URL { directory.appendingPathComponent("\(label).keyring") }

  @discardableResult
  func write(_ keys: [String], for label: String) throws -> String {
    try JSONEncoder().encode(keys).write(to: url(label), options: .atomic)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: url(label).path)
    return url(label).path
  }

  func primary(of label: String) -> String? {
    guard let data = try? Data(contentsOf: url(label)) else { return nil }
    return try? JSONDecoder().decode([String].self, from: data).first
  }
}

extension Stage {
  /// One more agent of each kind, joined through agents of the other kind.
  func newcomers(
    _ label: String, through contacts: [Agent], adjust: @Sendable (inout Agent.Settings) throws -> Void = { _ in }
  ) async throws -> [Agent] {
    var started: [Agent] = []
    for (kind, contact) in zip([Agent.Kind.go, .ours], contacts) {
      let name = "\(label)-\(kind.rawValue)"
      var settings = Agent.Settings(label: name, kind: kind, name: name, place: place(.ipv4))
      settings.join = [contact.settings.place.reach]
      try adjust(&settings)
      started.append(try await start(settings))
    }
    return started
  }

  fileprivate func joiners(_ six: Six, _ rings: Rings, _ keys: [String]) async throws -> [Agent] {
    try await newcomers("joiner", through: [six.ours[1], six.go[1]]) { settings in
      settings.flags += ["-keyring-file", try rings.write(keys, for: settings.label)]
    }
  }

  /// All are told by a query of the first of Go's agents, and write their files.
  fileprivate func changePrimaryKey(_ agents: [Agent], _ rings: Rings, _ keys: [String]) async throws {
    guard let key = keys.first, let go = agents.first(where: \.isGo) else { return }
    let run = try await goCommand(["keys", "-use", key], at: go)
    if run.status != 0 { report.note("serf keys -use: \(run.output.split(separator: "\n").last ?? "")") }
  }
}
