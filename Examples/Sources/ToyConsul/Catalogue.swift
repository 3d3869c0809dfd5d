import Foundation

/// Which services run at which node: what all agents of a cluster agree on in the end.
///
/// Only a node itself changes what it offers, and every change has a later version than the one before. So catalogues may be merged in any order, and
/// as often as they come: of each service the entry with the later version stays.
struct Catalogue: Codable {
  struct Entry: Codable {
    /// Nil once it is deregistered. The entry stays, because another catalogue may still have the address.
    var address: String?
    var version: UInt64
  }

  /// By node, then by service.
  private(set) var entries: [String: [String: Entry]] = [:]

  /// Takes up what is newer there. Returns whether anything was.
  mutating func merge(_ other: Catalogue) -> Bool {
    var hasChanged = false
    for (node, services) in other.entries {
      // No version follows the greatest one, so no agent uses it.
      for (service, entry) in services where entry.version < .max {
        if let known = entries[node]?[service], known.version >= entry.version { continue }
        entries[node, default: [:]][service] = entry
        hasChanged = true
      }
    }
    return hasChanged
  }

  /// A change, as a catalogue of one entry. The clock makes it later than what a node did before it was restarted and knows no more.
  func change(of service: String, at node: String, to address: String?) -> Catalogue {
    let now = UInt64(Date().timeIntervalSince1970 * 1_000)
    var change = Catalogue()
    change.entries[node] = [service: Entry(address: address, version: max(now, (entries[node]?[service]?.version ?? 0) + 1))]
    return change
  }

  /// Forgets all other nodes.
  mutating func keep(only nodes: Set<String>) { entries = entries.filter { nodes.contains($0.key) } }
}
