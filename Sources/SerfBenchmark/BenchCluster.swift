import Logging
import Serf

/// The nodes that are measured; each scenario is an extension of its own.
final class BenchCluster {
  private(set) var nodes: [SerfNode] = []
  private(set) var receivers: [Receiver] = []
  let board = DeliveryBoard()
  let conditions: Conditions
  let factory: NodeFactory
  let residentBefore: Int
  /// What went wrong so far.
  var findings = Findings()

  init(_ conditions: Conditions) throws {
    self.conditions = conditions
    factory = try NodeFactory(conditions.transport)
    residentBefore = ProcessUsage.residentKiB
    for _ in 0..<conditions.nodes { _ = try addNode() }
  }

  func addNode() throws -> SerfNode {
    let node = try factory.make("node-\(nodes.count)", conditions)
    nodes.append(node)
    receivers.append(Receiver(node, bufferLimit: conditions.bufferLimit, board: board))
    return node
  }

  func shutdown() async {
    for node in nodes { await node.shutdown() }
  }

  func close() {
    for receiver in receivers { receiver.close() }
  }

  // MARK: For the scenarios

  /// The number of pairs that nodes form.
  var pairs: Int { nodes.count * (nodes.count - 1) / 2 }
  /// How often a node has seen another fail.
  var failures: Int { board.failures }
  /// Events that a receiver was too slow for.
  var dropped: Int { receivers.reduce(0) { $0 + $1.dropped } }

  func line(_ scenario: String) -> JSONLine { conditions.line(scenario) }

  /// The latest node's lateness.
  func lateness() async throws -> Duration {
    var latest = Duration.zero
    for node in nodes { latest = max(latest, try await node.statistics().lateness) }
    return latest
  }

  func totalRefused() async throws -> Int { try await total("certificates_refused") + total("refused_for_load") }

  /// The sum of one figure over all nodes; a transport without it counts as 0.
  func total(_ key: String) async throws -> Int {
    var sum = 0
    for node in nodes { sum += Int(try await node.statistics()[key] ?? 0) }
    return sum
  }

  /// Looks until the condition holds; false if it does not within `limit`. When it looked is in no figure.
  func wait(upTo limit: Duration, until condition: () -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + limit
    while !condition() {
      guard ContinuousClock.now < end else { return false }
      try await Task.sleep(for: .milliseconds(2))
    }
    return true
  }
}
