package import CoreMetrics
package import SerfPrimitives

/// Exports a node's figures to swift-metrics: the list of ``SerfStatistics``, each under its metric, with the node's name as the dimension `node`.
///
/// A counter gets the difference between two snapshots, so that it says what the statistics say, however much happened in between. Handles are made
/// once, those of a transport when it is first seen.
package struct NodeMetrics: Sendable {
  private enum Handle: Sendable {
    /// With the value that was exported last.
    case counter(Counter, UInt64)
    case gauge(Gauge)
  }

  private let factory: any MetricsFactory
  private let dimensions: [(String, String)]
  private var handles: [String: Handle] = [:]
  private let roundTrips: CoreMetrics.Timer

  /// The handles of the node called `node`, from this factory; nil is the one that the program has now.
  package init(node: NodeName, factory: (any MetricsFactory)? = nil) {
    let factory = factory ?? MetricsSystem.factory
    self.factory = factory
    dimensions = [("node", node.description)]
    roundTrips = CoreMetrics.Timer(label: "serf.probe.round_trip", dimensions: dimensions, factory: factory)
    guard isHeard else { return }
    for figure in SerfStatistics.Figure.ownAtStart { handles[figure.metric] = handle(for: figure) }
  }

  /// Whether anything receives what is exported.
  var isHeard: Bool { !(factory is NOOPMetricsHandler) }

  /// Brings every metric to the value of its figure.
  package mutating func export(_ figures: [SerfStatistics.Figure]) {
    for figure in figures {
      switch handles[figure.metric] ?? handle(for: figure) {
      case .counter(let counter, let exported):
        if figure.value > exported { counter.increment(by: Int64(clamping: figure.value - exported)) }
        handles[figure.metric] = .counter(counter, max(exported, figure.value))
      case .gauge(let gauge):
        // A lying peer can bring a Lamport time above 2⁶³, and swift-metrics traps on what is no Int64.
        gauge.record(Int64(clamping: figure.value))
        handles[figure.metric] = .gauge(gauge)
      }
    }
  }

  /// A member answered a probe after this time.
  func answered(after roundTrip: Duration) { roundTrips.recordNanoseconds(roundTrip.nanoseconds) }

  private func handle(for figure: SerfStatistics.Figure) -> Handle {
    switch figure.kind {
    case .counter: .counter(Counter(label: figure.metric, dimensions: dimensions, factory: factory), 0)
    case .gauge: .gauge(Gauge(label: figure.metric, dimensions: dimensions, factory: factory))
    }
  }
}
