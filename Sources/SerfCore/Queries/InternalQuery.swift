/// A question of the cluster itself, which no application sees (`serf.md` section 10).
enum InternalQuery: Hashable, Sendable {
  /// Whether the member is there. The ack is the answer.
  case ping
  /// Which address the member has for a name that two nodes claim.
  case conflict
  case key(KeyOperation.Kind)

  /// Names that begin so belong to the cluster.
  static let prefix = Array("_serf_".utf8)

  static func isName(_ name: [UInt8]) -> Bool { name.starts(with: prefix) }

  /// The question with this name; nil if the cluster has none.
  init?(name: [UInt8]) {
    switch String(decoding: name, as: UTF8.self) {
    case "_serf_ping": self = .ping
    case "_serf_conflict": self = .conflict
    case let name:
      guard let kind = KeyOperation.Kind.allCases.first(where: { Self.key($0).name == name }) else { return nil }
      self = .key(kind)
    }
  }

  var name: String {
    switch self {
    case .ping: "_serf_ping"
    case .conflict: "_serf_conflict"
    case .key(let kind): "_serf_" + kind.rawValue
    }
  }
}
