public import Logging
import Synchronization

/// Keeps what is logged, so that a test can look for the lines that an operator would look for.
public final class LineRecorder: Sendable {
  private let recorded = Mutex<[String]>([])

  public init() {}

  /// Every line so far, as `level text`.
  public var lines: [String] { recorded.withLock { $0 } }

  /// Whether a line contains all of these.
  public func contains(_ parts: String...) -> Bool { lines.contains { line in parts.allSatisfy { line.contains($0) } } }

  /// What a logger writes to.
  public var handler: any LogHandler { Handler(recorder: self) }

  private struct Handler: LogHandler {
    let recorder: LineRecorder
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      recorder.recorded.withLock { $0.append("\(event.level) \(event.message)") }
    }
  }
}
