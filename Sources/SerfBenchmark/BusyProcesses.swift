#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Processes that only keep one processor busy each, at the priority of this process. They end with this process, however it ends.
struct BusyProcesses {
  struct SpawnError: Error, CustomStringConvertible {
    let code: Int32
    var description: String { "cannot start a process that keeps a processor busy: errno \(code)" }
  }

  private var processes: [pid_t] = []

  init(_ count: Int) throws {
    for _ in 0..<count {
      do { processes.append(try Self.spawn()) } catch {
        end()
        throw error
      }
    }
  }

  func end() {
    for process in processes {
      kill(process, SIGKILL)
      waitpid(process, nil, 0)
    }
  }

  private static func spawn() throws -> pid_t {
    // It checks all the time whether its parent exists, which keeps the processor as busy as anything else.
    let words = ["sh", "-c", "while kill -0 $PPID; do :; done 2> /dev/null"]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, "/bin/sh", nil, nil, &arguments, environ)
    guard code == 0 else { throw SpawnError(code: code) }
    return process
  }
}
