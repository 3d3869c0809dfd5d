import Foundation
import Synchronization

/// One life of a member made of Go's library (`Tests/interop/GoMember`), with the switches for encryption that Go's agent has no flags for.
final class GoMember: Sendable {
  /// How it is started.
  struct Settings: Sendable {
    var label: String
    var place: Agent.Place
    /// In base64; nil for none.
    var key: String?
    var sealsOutgoing = true
    var verifiesIncoming = true
    var join: [String] = []
  }

  /// A line of its output.
  private struct Report: Decodable {
    var kind: String
    var name: String?
    var names: [String]?
    var error: String?
  }

  private struct State {
    /// How much of the output has been read.
    var offset: UInt64 = 0
    var events: [String: Int] = [:]
    var failed: [String] = []
    /// The latest answer to `members`, and how many there were.
    var alive: [String] = []
    var answers = 0
    var isReady = false
    var failure: String?
  }

  let settings: Settings
  let program: Program
  private let state = Mutex(State())

  var label: String { settings.label }

  /// Starts it and waits until it runs, which includes that it has joined.
  init(_ settings: Settings, in surroundings: Surroundings, log: URL) async throws {
    self.settings = settings
    var arguments = ["-node", settings.label, "-bind", settings.place.bind, "-verify-incoming=\(settings.verifiesIncoming)"]
    arguments += ["-verify-outgoing=\(settings.sealsOutgoing)"]
    if let key = settings.key { arguments += ["-key", key] }
    for address in settings.join { arguments += ["-join", address] }
    program = try Program(surroundings.goMember, arguments, log: log, takesInput: true)
    let (missing, _) = await eventually(within: .seconds(20), every: .milliseconds(20)) {
      try self.read()
      return self.state.withLock { $0.isReady } || self.program.status != nil ? nil : "it does not say that it runs"
    }
    guard missing == nil, program.status == nil else {
      await program.stop()
      let cause = state.withLock { $0.failure } ?? missing ?? "it ended"
      throw Agent.StartError(description: "\(settings.label) did not start: \(cause); its log is \(log.path)")
    }
  }

  // MARK: Commands

  func send(_ event: String) throws { try program.write("event \(event)\n") }

  /// Lets it leave the cluster, and waits for its end.
  func leave() async throws {
    try program.write("leave\n")
    let status = await program.ended(within: .seconds(15))
    guard status == 0 else {
      throw Agent.StartError(description: "\(label) ended with \(status.map { "\($0)" } ?? "nothing") after its leave")
    }
  }

  // MARK: Observing

  /// The names of the members that it lists as alive.
  func alive() async throws -> Set<String> {
    let before = state.withLock { $0.answers }
    try program.write("members\n")
    while true {
      try read()
      if let alive = state.withLock({ $0.answers > before ? $0.alive : nil }) { return Set(alive) }
      if let status = program.status { throw Agent.StartError(description: "\(label) ended by itself with status \(status)") }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  /// How often each user event arrived, by name.
  func events() throws -> [String: Int] {
    try read()
    return state.withLock { $0.events }
  }

  /// The names of members that it has seen fail.
  func failed() throws -> [String] {
    try read()
    return state.withLock { $0.failed }
  }

  /// Reads the new complete lines of its output. Lines of the library's log are among them.
  private func read() throws {
    let file = try FileHandle(forReadingFrom: program.log)
    defer { try? file.close() }
    try state.withLock { state in
      try file.seek(toOffset: state.offset)
      let bytes = try file.readToEnd() ?? Data()
      guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return }
      state.offset += UInt64(end + 1 - bytes.startIndex)
      let decoder = JSONDecoder()
      for line in bytes[..<end].split(separator: UInt8(ascii: "\n")) where line.first == UInt8(ascii: "{") {
        Self.take(try decoder.decode(Report.self, from: line), into: &state)
      }
    }
  }

  private static func take(_ report: Report, into state: inout State) {
    switch report.kind {
    case "ready": state.isReady = true
    case "user": state.events[report.name ?? "", default: 0] += 1
    case "member-failed": state.failed += report.names ?? []
    case "members":
      state.alive = report.names ?? []
      state.answers += 1
    case "failure": state.failure = report.error
    default: break
    }
  }
}
