import Synchronization

/// The queries of one client whose answers are on their way to it, by the number of the request. Each ends by itself, at its deadline at the latest.
final class AskedQueries: Sendable {
  /// How many may run at once: enough for a program that asks all the time.
  static let limit = 1_024

  private let running = Mutex<[UInt64: Task<Void, Never>]>([:])

  func contains(_ sequence: UInt64) -> Bool { running.withLock { $0[sequence] != nil } }
  var isFull: Bool { running.withLock { $0.count >= Self.limit } }

  /// Runs `work` until it ends, or is cancelled.
  func start(_ sequence: UInt64, _ work: @escaping @Sendable () async -> Void) {
    // The lock is held until the task is in the table, so that it does not end before.
    running.withLock { running in
      running[sequence] = Task { [weak self] in
        await work()
        _ = self?.running.withLock { $0.removeValue(forKey: sequence) }
      }
    }
  }

  func cancel(_ sequence: UInt64) { running.withLock { $0[sequence] }?.cancel() }

  func cancelAll() { for task in running.withLock({ Array($0.values) }) { task.cancel() } }
}
