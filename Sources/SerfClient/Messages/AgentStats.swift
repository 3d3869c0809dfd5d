package import SerfWire

/// What the agent says about itself: sections such as `agent`, `runtime`, `serf` and `tags`, each a map from key to text.
public struct AgentStats: Hashable, Sendable {
  /// Every section by its name.
  public var sections: [String: [String: String]]

  /// Statistics with these sections.
  public init(sections: [String: [String: String]] = [:]) { self.sections = sections }

  /// The value of `key` in `section`.
  public subscript(section: String, key: String) -> String? { sections[section]?[key] }
}

extension AgentStats: RPCBody {
  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    for _ in 0..<(try reader.readMapHeader()) {
      let section = try reader.readText()
      sections[section] = try reader.readTextMap()
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(sections.count)
    for (name, section) in sections.sorted(by: { $0.key < $1.key }) {
      writer.string(name)
      writer.textMap(section)
    }
  }
}
