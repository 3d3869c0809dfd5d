package import Logging

/// The five levels of Serf's log.
package enum AgentLogLevel: Int, CaseIterable, Comparable, Sendable {
  case trace, debug, info, warning, error

  /// Reads a level's name, in any case.
  package init?(parsing text: String) {
    guard let level = Self.allCases.first(where: { $0.name == text.uppercased() }) else { return nil }
    self = level
  }

  /// The name in a log line, and on the command line.
  package var name: String {
    switch self {
    case .trace: "TRACE"
    case .debug: "DEBUG"
    case .info: "INFO"
    case .warning: "WARN"
    case .error: "ERR"
    }
  }

  /// Maps swift-log's seven levels.
  package init(_ level: Logger.Level) {
    self =
      switch level {
      case .trace: .trace
      case .debug: .debug
      case .info, .notice: .info
      case .warning: .warning
      case .error, .critical: .error
      }
  }

  /// The lowest of swift-log's levels that maps to this one.
  package var loggerLevel: Logger.Level {
    switch self {
    case .trace: .trace
    case .debug: .debug
    case .info: .info
    case .warning: .warning
    case .error: .error
    }
  }

  package static func < (left: AgentLogLevel, right: AgentLogLevel) -> Bool { left.rawValue < right.rawValue }
}
