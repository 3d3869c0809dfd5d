public import CoreMetrics
import Synchronization

/// A metrics backend that keeps the values, by label.
public final class MetricsRecorder: MetricsFactory {
  private struct State {
    var totals: [String: Int64] = [:]
    var records: [String: [Int64]] = [:]
    var gauges: [String: Double] = [:]
    var dimensions: [String: [String]] = [:]
  }

  private let state = Mutex(State())

  public init() {}

  /// What a counter has counted; nil if there is no counter of that label.
  public func total(_ label: String) -> Int64? { state.withLock { $0.totals[label] } }

  /// What a gauge said last; nil if it has said nothing.
  public func gauge(_ label: String) -> Double? { state.withLock { $0.gauges[label] } }

  /// All that a timer has recorded, in nanoseconds; nil if there is no timer of that label.
  public func times(_ label: String) -> [Int64]? { state.withLock { $0.records[label] } }

  /// The labels of all counters and gauges, sorted.
  public var labels: [String] { state.withLock { (Array($0.totals.keys) + Array($0.gauges.keys)).sorted() } }

  /// The dimensions of a label, as `name=value`.
  public func dimensions(of label: String) -> [String]? { state.withLock { $0.dimensions[label] } }

  public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    made(label, dimensions) { $0.totals[label] = $0.totals[label] ?? 0 }
  }

  public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    made(label, dimensions) { _ in }
  }

  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    made(label, dimensions) { $0.records[label] = $0.records[label] ?? [] }
  }

  public func destroyCounter(_ handler: any CounterHandler) {}
  public func destroyRecorder(_ handler: any RecorderHandler) {}
  public func destroyTimer(_ handler: any TimerHandler) {}

  private func made(_ label: String, _ dimensions: [(String, String)], _ change: (inout sending State) -> Void) -> Handler {
    state.withLock {
      change(&$0)
      $0.dimensions[label] = dimensions.map { "\($0)=\($1)" }
    }
    return Handler(label: label, recorder: self)
  }

  private final class Handler: CounterHandler, RecorderHandler, TimerHandler {
    let label: String
    let recorder: MetricsRecorder

    init(label: String, recorder: MetricsRecorder) { (self.label, self.recorder) = (label, recorder) }

    func increment(by amount: Int64) { recorder.state.withLock { $0.totals[label, default: 0] += amount } }
    func reset() { recorder.state.withLock { $0.totals[label] = 0 } }
    func record(_ value: Int64) { recorder.state.withLock { $0.gauges[label] = Double(value) } }
    func record(_ value: Double) { recorder.state.withLock { $0.gauges[label] = value } }
    func recordNanoseconds(_ duration: Int64) { recorder.state.withLock { $0.records[label, default: []].append(duration) } }
  }
}
