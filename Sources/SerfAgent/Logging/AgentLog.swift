package import Logging
import SerfPrimitives
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The agent's log: formats lines as Go Serf does (`agent.md` section 13), prints those of its level, keeps the last ones for new monitors, and
/// passes new ones to all monitors.
///
/// Until ``release()`` lines are held back, so that the banner comes first.
package final class AgentLog: Sendable {
  /// How many lines are kept. Twice as many wait for a monitor that does not read; beyond that it loses lines, and is told how many.
  package static let backlogLimit = 512

  private struct Line {
    let level: AgentLogLevel
    let text: String
  }

  private struct State {
    var level: AgentLogLevel
    var backlog: [Line] = []
    /// The oldest line in a full backlog.
    var oldest = 0
    /// Nil after the release.
    var held: [String]? = []
    /// Lines that did not fit into `held`.
    var unheld = 0
    var monitors: [Int: (level: AgentLogLevel, lines: LossyQueue<String>)] = [:]
    var lastMonitor = 0
  }

  private let state: Mutex<State>
  /// The lowest level that the output or a monitor wants, as a raw value. Loggers check it before they build a string.
  private let threshold: Atomic<Int>
  private let console: Console
  private let timestamp: @Sendable () -> String

  /// - Parameters:
  ///   - level: the lowest level that is printed.
  ///   - timestamp: the time at the front of a line; the local time unless a test says otherwise.
  package init(console: Console, level: AgentLogLevel, timestamp: @escaping @Sendable () -> String = AgentLog.localTime) {
    self.console = console
    self.timestamp = timestamp
    state = Mutex(State(level: level))
    threshold = Atomic(min(level, .debug).rawValue)
  }

  /// A logger whose lines name `component`: `agent`, `agent.ipc`, `serf` or `memberlist`.
  package func logger(_ component: String) -> Logger {
    Logger(label: component) { AgentLogHandler(component: $0, log: self) }
  }

  /// The lowest level that is printed. Monitors have their own.
  package var level: AgentLogLevel {
    get { state.withLock { $0.level } }
    set {
      state.withLock { state in
        state.level = newValue
        updateThreshold(state)
      }
    }
  }

  /// Prints what was held back; from now on lines are printed as they come.
  package func release() {
    state.withLock { state in
      for line in state.held ?? [] { console.info(line) }
      if state.unheld > 0 { console.info("(\(state.unheld) more lines were lost before the agent ran)") }
      state.held = nil
    }
  }

  /// The kept lines of at least `level`, then new ones. Ends when the value is gone.
  package func monitor(_ level: AgentLogLevel) -> LogLines {
    let lines = LossyQueue<String>(capacity: 2 * Self.backlogLimit)
    let id = state.withLock { state in
      for line in state.backlog[state.oldest...] + state.backlog[..<state.oldest] where line.level >= level { lines.push(line.text) }
      state.lastMonitor += 1
      state.monitors[state.lastMonitor] = (level, lines)
      updateThreshold(state)
      return state.lastMonitor
    }
    return LogLines(
      queue: lines,
      notice: { [timestamp] count in
        timestamp() + " [WARN] agent.ipc: \(count) lines dropped, the client reads too slowly"
      }, end: { [weak self] in self?.removeMonitor(id) })
  }

  /// Adds a line. Control characters are escaped, whatever their source, and so are newlines: one record is one line, so that text of a peer cannot
  /// look like another line.
  func record(_ level: AgentLogLevel, _ component: String, _ message: String) {
    let text = timestamp() + " [" + level.name + "] " + component + ": " + harmless(message)
    state.withLock { state in
      if state.backlog.count < Self.backlogLimit {
        state.backlog.append(Line(level: level, text: text))
      } else {
        state.backlog[state.oldest] = Line(level: level, text: text)
        state.oldest = (state.oldest + 1) % Self.backlogLimit
      }
      for monitor in state.monitors.values where level >= monitor.level { monitor.lines.push(text) }
      guard level >= state.level else { return }
      if state.held == nil {
        console.info(text)
      } else if (state.held?.count ?? 0) < Self.backlogLimit {
        state.held?.append(text)
      } else {
        state.unheld += 1
      }
    }
  }

  /// What loggers compare with. Lines from DEBUG up are always formatted, because a monitor may ask for the last ones; TRACE only on demand.
  var loggerLevel: Logger.Level {
    AgentLogLevel(rawValue: threshold.load(ordering: .relaxed))?.loggerLevel ?? .debug
  }

  private func removeMonitor(_ id: Int) {
    state.withLock { state in
      state.monitors[id] = nil
      updateThreshold(state)
    }
  }

  private func updateThreshold(_ state: State) {
    let lowest = state.monitors.values.map(\.level).min() ?? .debug
    threshold.store(min(lowest, state.level, .debug).rawValue, ordering: .relaxed)
  }

  /// `2026/11/23 03:31:20`.
  package static let localTime: @Sendable () -> String = {
    var now = time(nil)
    var parts = tm()
    unsafe localtime_r(&now, &parts)
    func padded(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return "\(parts.tm_year + 1900)/\(padded(parts.tm_mon + 1))/\(padded(parts.tm_mday)) "
      + "\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec))"
  }
}

/// Hands swift-log's messages to the ``AgentLog``, with flags in place of the settings that they name. Metadata follows the text as `key=value`, except
/// for that of the node (`serf.…`), which repeats parts of the text: lines stay as Go Serf writes them.
struct AgentLogHandler: LogHandler {
  let component: String
  let log: AgentLog
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  private var ownLevel: Logger.Level?

  init(component: String, log: AgentLog) {
    self.component = component
    self.log = log
  }

  /// The agent's level, unless this logger has its own.
  var logLevel: Logger.Level {
    get { ownLevel ?? log.loggerLevel }
    set { ownLevel = newValue }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
    let suffix = all.filter { !$0.key.hasPrefix("serf.") }.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    let cause = event.error.map { ": \($0)" } ?? ""
    log.record(AgentLogLevel(event.level), component, flagged(event.message.description + cause) + suffix)
  }
}
