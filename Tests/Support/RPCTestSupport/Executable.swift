import Foundation
import Synchronization

/// A program in its own process: its arguments, its output and its exit status.
///
/// Spawned directly, with its output in files: Foundation's `Process` with pipe handlers sometimes crashes inside libdispatch on Linux.
package final class Executable: Sendable {
  /// The `serf` that was built with these tests.
  package static var serf: String {
    URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent("serf").path
  }

  /// Why a program could not be started.
  package struct SpawnError: Error { let status: Int32 }

  /// The program's process.
  package let pid: Int32
  private let directory: URL
  private let exit: Task<Int32, Never>
  private let hasEnded: Mutex<Bool>

  /// Starts the program at `path`. The environment is that of the tests without Serf's variables, with `environment` added.
  package init(_ arguments: [String], environment: [String: String] = [:], path: String = Executable.serf) throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("serf-run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("SERF_") }.merging(environment) { $1 }
    pid = try Self.spawn(path, arguments, variables.map { $0.key + "=" + $0.value }, directory)
    let (ends, end) = AsyncStream.makeStream(of: Int32.self)
    exit = Task { await ends.first { _ in true } ?? -1 }
    hasEnded = Mutex(false)
    Thread.detachNewThread { [self] in
      var status: Int32 = 0
      while unsafe waitpid(self.pid, &status, 0) < 0, errno == EINTR {}
      self.hasEnded.withLock { $0 = true }
      end.yield(status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + status & 0x7f)
    }
  }

  deinit { try? FileManager.default.removeItem(at: directory) }

  private static func spawn(_ path: String, _ arguments: [String], _ environment: [String], _ directory: URL) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    for (descriptor, name) in [(Int32(1), "output"), (2, "errors")] {
      let file = directory.appendingPathComponent(name).path
      unsafe posix_spawn_file_actions_addopen(&actions, descriptor, file, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    }
    // Sockets of tests beside this one would otherwise stay open in the program, and their peers would never see an end.
    for descriptor in Int32(3)..<2048 { unsafe posix_spawn_file_actions_addclose(&actions, descriptor) }
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    // A test runner may block or ignore signals; the program begins without such settings.
    var none = sigset_t()
    var all = sigset_t()
    unsafe sigemptyset(&none)
    unsafe sigfillset(&all)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setsigdefault(&attributes, &all)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var words = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
    var variables = unsafe environment.map { unsafe strdup($0) } + [nil]
    defer { unsafe (words + variables).forEach { unsafe free($0) } }
    var pid: pid_t = 0
    let status = unsafe posix_spawn(&pid, path, &actions, &attributes, &words, &variables)
    guard status == 0 else { throw SpawnError(status: status) }
    return pid
  }

  private func text(_ name: String) -> String {
    String(decoding: (try? Data(contentsOf: directory.appendingPathComponent(name))) ?? Data(), as: UTF8.self)
  }

  /// What it wrote so far.
  package var standardOutput: String { text("output") }
  package var standardError: String { text("errors") }

  /// How many seconds of processor time it has used.
  package var processorTime: Double {
    let fields = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8))?.split(separator: " ") ?? []
    // `utime` and `stime` (proc(5)); the name of the program has no spaces.
    guard fields.count > 14, let user = Double(fields[13]), let system = Double(fields[14]) else { return 0 }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  package func interrupt() { signal(SIGINT) }
  package func signal(_ number: Int32) { kill(pid, number) }

  /// Waits for the end. Returns the exit status, or 128 plus the signal.
  @discardableResult package func status() async -> Int32 { await exit.value }

  /// Runs to the end.
  package static func run(
    _ arguments: [String], environment: [String: String] = [:], path: String = Executable.serf
  ) async throws -> (status: Int32, output: String, errors: String) {
    let program = try Executable(arguments, environment: environment, path: path)
    let status = await program.status()
    return (status, program.standardOutput, program.standardError)
  }

  /// Waits until what it wrote so far satisfies `condition`; false if it ends first, or after 30 s.
  package func waits(for condition: @Sendable (String) -> Bool) async -> Bool {
    let deadline = ContinuousClock.now + .seconds(30)
    while !condition(standardOutput) {
      guard !hasEnded.withLock({ $0 }), ContinuousClock.now < deadline else { return condition(standardOutput) }
      try? await Task.sleep(for: .milliseconds(5))
    }
    return true
  }
}
