import SerfClient
import SerfPrimitives

// What agents list, compared with what they should.

/// Nil if each of `observers` lists exactly `members` as alive, with their tags; else the first difference.
///
/// - Parameter tags: by label, tags that differ from those that a member was started with.
func listing(at observers: [Agent], alive members: [Agent], tags: [String: [String: String]] = [:]) async throws -> String? {
  let expected = Dictionary(uniqueKeysWithValues: members.map { ($0.name, (label: $0.label, tags: tags[$0.label] ?? $0.settings.tags)) })
  for observer in observers {
    let alive = try await observer.client.members().filter { $0.status == "alive" }
    for member in alive {
      guard let (label, tags) = expected[member.name] else {
        return "\(observer.label) lists \(member.name.description.prefix(12)) as alive"
      }
      if tags != member.tags { return "\(observer.label) lists \(label) with tags \(brief(member.tags)), not \(brief(tags))" }
    }
    let names = Set(alive.map(\.name))
    for (name, (label, _)) in expected where !names.contains(name) { return "\(observer.label) does not list \(label) as alive" }
    if alive.count != members.count { return "\(observer.label) lists a member twice" }
  }
  return nil
}

/// Nil if each of `observers` lists `member` with `status`.
func listing(at observers: [Agent], _ member: Agent, is status: String) async throws -> String? {
  for observer in observers {
    let found = try await observer.client.members().first { $0.name == member.name }?.status ?? "missing"
    if found != status { return "\(observer.label) lists \(member.label) as \(found), not \(status)" }
  }
  return nil
}

/// Nil if all `agents` give the same members: names, raw addresses, ports, tags, status and versions, byte for byte once they are sorted.
func sameListing(at agents: [Agent]) async throws -> String? {
  var first: [[UInt8]]?
  for agent in agents {
    let members = try await agent.client.members().sorted { $0.name < $1.name }
    let records = members.map(\.encoded)
    guard let expected = first else {
      first = records
      continue
    }
    if expected.count != records.count { return "\(agents[0].label) lists \(expected.count) members, \(agent.label) \(records.count)" }
    for (index, record) in records.enumerated() where record != expected[index] {
      return
        "\(agents[0].label) and \(agent.label) differ in \(members[index].name.description.prefix(12)):\n  \(hex(expected[index]))\n  \(hex(record))"
    }
  }
  return nil
}

private func brief(_ tags: [String: String]) -> String {
  "{"
    + tags.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.count > 20 ? "\($0.value.count) bytes" : $0.value)" }.joined(
      separator: " ") + "}"
}

private func hex(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
