import ArgumentParser

/// What can be measured.
enum Scenario: String, ExpressibleByArgument, CaseIterable {
  case converge, idle, event, throughput, wire, query, join, fail, all, codec, handshakes, exchange, datagrams

  /// Those that measure a converged cluster.
  static let cluster: [Scenario] = [.converge, .idle, .event, .throughput, .wire, .query, .join, .fail]
  /// Those that need none.
  static let bare: [Scenario] = [.codec, .handshakes, .exchange, .datagrams]

  var summary: String {
    switch self {
    case .converge: "all nodes join one and see all others"
    case .idle: "nothing happens"
    case .event: "events one at a time, from changing nodes, reach all nodes"
    case .throughput: "many events of one node at once reach all nodes"
    case .wire: "the same, and the bytes on the wire; in a network namespace of its own"
    case .query: "queries one at a time, from changing nodes, are answered by all"
    case .join: "more nodes join a running cluster"
    case .fail: "a member in a process of its own is killed"
    case .codec: "messages are encoded and decoded, in one thread"
    case .handshakes: "ends of QUIC connections prove their names, one handshake after another in each of 4 pairs"
    case .exchange: "requests and answers on streams, 4 at a time, like push/pulls"
    case .datagrams: "packets go to and fro, 64 at a time, like probes"
    case .all: "all of these but wire and join"
    }
  }

  var helpLine: String { "  \(rawValue): \(summary)" }
}
