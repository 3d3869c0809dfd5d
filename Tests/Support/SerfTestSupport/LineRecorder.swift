public import Logging
import Synchronization

/// Keeps what is logged, so that a test can look for the lines that an operator would look for.
public final class LineRecorder: Sendable {
  /// One line, and what was logged with it.
  public struct Line: Hashable, Sendable {
    public let level: Logger.Level
    public let text: String
    /// Each value as text.
    public let metadata: [String: String]

    public init(level: Logger.Level, text: String, metadata: [String: String]) {
      self.level = level
      self.text = text
      self.metadata = metadata
    }
  }

  private let recorded = Mutex<[Line]>([])

  public init() {}

  /// Every line so far, as `level text`.
  public var lines: [String] { entries.map { "\($0.level) \($0.text)" } }

  /// Every line so far, with its metadata.
  public var entries: [Line] { recorded.withLock { $0 } }

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
      let metadata = (event.metadata ?? [:]).mapValues { "\($0)" }
      recorder.recorded.withLock { $0.append(Line(level: event.level, text: event.message.description, metadata: metadata)) }
    }
  }
}
