import Dispatch
import SerfPrimitives
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The agent's standard output: what the agent does comes after `==> `, facts and log lines after four spaces (`agent.md` section 8).
///
/// Lines are written in order on a separate queue, so that a terminal that does not read never stops the node. At most ``pendingLimit`` lines wait;
/// more are dropped, and the count is printed when there is room again.
package final class Console: Sendable {
  /// How many lines may wait while the reader does not read.
  package static let pendingLimit = 8192

  private struct State {
    var pending = 0
    var dropped = 0
  }

  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "serf.console")
  private let write: @Sendable (String) -> Void

  /// - Parameter write: writes whole lines with their newlines; by default to standard output.
  package init(write: @escaping @Sendable (String) -> Void = Console.standardOutput) { self.write = write }

  /// What the agent does now.
  package func output(_ text: String) { line("==> " + text) }

  /// A fact.
  package func info(_ text: String) { line("    " + text) }

  /// A line as it is.
  package func line(_ text: String) {
    let note = state.withLock { state -> String? in
      guard state.pending < Self.pendingLimit else {
        state.dropped += 1
        return nil
      }
      state.pending += 1
      defer { state.dropped = 0 }
      return state.dropped == 0 ? "" : "    (\(state.dropped) lines were lost because the reader of the output was too slow)\n"
    }
    guard let note else { return }
    queue.async { [self] in
      write(note + text + "\n")
      state.withLock { $0.pending -= 1 }
    }
  }

  /// Waits until everything is written, before the process ends. It waits at most for `limit`, because a reader that does not read must not keep the
  /// process from ending. False when lines are left.
  @discardableResult package func flush(within limit: Duration = .seconds(1)) -> Bool {
    let written = DispatchSemaphore(value: 0)
    queue.async { written.signal() }
    return written.wait(timeout: .now() + .nanoseconds(Int(clamping: limit.nanoseconds))) == .success
  }

  package static let standardOutput: @Sendable (String) -> Void = { text in
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { unsafe systemWrite($0.baseAddress, $0.count) }
      if written > 0 {
        bytes = bytes.dropFirst(written)
      } else if errno != EINTR {
        // The reader has gone. A log that is lost is no reason to leave the cluster.
        return
      }
    }
  }
}

/// Outside the class, whose own `write` would hide the system's.
private func systemWrite(_ bytes: UnsafeRawPointer?, _ count: Int) -> Int { unsafe write(STDOUT_FILENO, bytes, count) }
