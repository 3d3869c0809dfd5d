import Foundation
import Synchronization

/// A program in its own process, with its output in a file and its exit status.
///
/// Spawned directly and not by Foundation's `Process`, whose pipes sometimes crash inside libdispatch on Linux. Each has its own process group, so
/// that a Ctrl-C at the terminal reaches only this program, which then ends them all with ``endAll()``.
final class Program: Sendable {
  /// Why a program could not be started.
  struct SpawnError: Error, CustomStringConvertible {
    let path: String
    let status: Int32
    var description: String { "cannot start \(path): errno \(status)" }
  }

  /// All its output, both streams in one file.
  let log: URL
  private let pid: pid_t
  /// The writing end of its standard input, if it has one.
  private let input: FileHandle?
  private let end = Mutex<Int32?>(nil)

  private static let running = Mutex<[pid_t: Program]>([:])

  /// Starts the program at `path` with its output at the end of `log`.
  ///
  /// - Parameter takesInput: whether its standard input gets what is passed to ``write(_:)``; otherwise it is empty.
  init(_ path: String, _ arguments: [String], log: URL, takesInput: Bool = false) throws {
    self.log = log
    let pipe = takesInput ? try Self.makePipe() : nil
    input = pipe?.write
    let variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("SERF_") }
    pid = try Self.spawn(path, arguments, variables.map { $0.key + "=" + $0.value }, input: pipe?.read.fileDescriptor, log)
    Self.running.withLock { $0[pid] = self }
    Thread.detachNewThread { self.reap() }
  }

  /// Kills everything that was started and has not ended.
  static func endAll() {
    for program in running.withLock({ Array($0.values) }) { program.signal(SIGKILL) }
  }

  /// Nil while it runs; then the exit status, or 128 and the signal.
  var status: Int32? { end.withLock { $0 } }

  /// Sends a signal, unless the program has ended: its number may belong to another program by then.
  func signal(_ number: Int32) {
    end.withLock { if $0 == nil { kill(pid, number) } }
  }

  /// Kills it and waits until it has ended and its ports are free.
  func stop() async {
    signal(SIGKILL)
    _ = await ended(within: .seconds(10))
  }

  /// Writes text to its standard input.
  func write(_ text: String) throws { try input?.write(contentsOf: Data(text.utf8)) }

  /// Waits for the end; nil if it still runs after that time.
  func ended(within limit: Duration) async -> Int32? {
    _ = await eventually(within: limit, every: .milliseconds(10)) { self.status == nil ? "it still runs" : nil }
    return status
  }

  /// What it has written so far.
  var output: String { String(decoding: (try? Data(contentsOf: log)) ?? Data(), as: UTF8.self) }

  private func reap() {
    var information = siginfo_t()
    while unsafe waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) < 0, errno == EINTR {}
    // Under the lock, so that no signal goes to a process number that has just been freed.
    end.withLock { end in
      var status: Int32 = 0
      while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
      end = status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + status & 0x7f
    }
    Self.running.withLock { $0[pid] = nil }
  }

  /// A pipe for a program's input. No other program gets either end: only the standard streams are inherited.
  private static func makePipe() throws -> (read: FileHandle, write: FileHandle) {
    var ends: [Int32] = [0, 0]
    guard unsafe pipe(&ends) == 0 else { throw SpawnError(path: "a program that takes input", status: errno) }
    return (FileHandle(fileDescriptor: ends[0], closeOnDealloc: true), FileHandle(fileDescriptor: ends[1], closeOnDealloc: true))
  }

  private static func spawn(
    _ path: String, _ arguments: [String], _ environment: [String], input: Int32?, _ log: URL
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    if let input {
      unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
    } else {
      unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    unsafe posix_spawn_file_actions_addopen(&actions, 1, log.path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // Sockets of this program would otherwise stay open in the agents.
    for descriptor in Int32(3)..<2048 { unsafe posix_spawn_file_actions_addclose(&actions, descriptor) }
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    unsafe sigemptyset(&none)
    unsafe sigfillset(&all)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setsigdefault(&attributes, &all)
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    var words = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
    var variables = unsafe environment.map { unsafe strdup($0) } + [nil]
    defer { unsafe (words + variables).forEach { unsafe free($0) } }
    var pid: pid_t = 0
    let status = unsafe posix_spawn(&pid, path, &actions, &attributes, &words, &variables)
    guard status == 0 else { throw SpawnError(path: path, status: status) }
    return pid
  }
}
