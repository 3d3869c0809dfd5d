import Synchronization

/// A result that comes once, for one task that waits for it. If the task is cancelled first, it gets `CancellationError` at once, and a later result
/// is dropped.
final class Once<Value: Sendable>: Sendable {
  private enum State {
    case open
    case waiting(CheckedContinuation<Value, any Error>)
    case decided(Result<Value, any Error>)
  }

  private let state = Mutex(State.open)

  /// Begins some work and waits for its result. If the task is cancelled, so is the work, which may take its time to notice.
  static func result(of work: @escaping @Sendable () async throws -> Value) async throws -> Value {
    let once = Once()
    let task = Task {
      do { once.resume(.success(try await work())) } catch { once.resume(.failure(error)) }
    }
    defer { task.cancel() }
    return try await once.wait()
  }

  /// The result is known. Only the first call counts.
  func resume(_ result: Result<Value, any Error>) {
    let waiter = state.withLock { state -> CheckedContinuation<Value, any Error>? in
      switch state {
      case .open: state = .decided(result)
      case .waiting(let waiter):
        state = .decided(result)
        return waiter
      case .decided: break
      }
      return nil
    }
    waiter?.resume(with: result)
  }

  /// The result, as soon as it is known. It is asked for once.
  func wait() async throws -> Value {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let result = state.withLock { state -> Result<Value, any Error>? in
          switch state {
          case .open: state = .waiting(continuation)
          case .waiting: preconditionFailure("one task waits for the result")
          case .decided(let result): return result
          }
          return nil
        }
        if let result { continuation.resume(with: result) }
      }
    } onCancel: {
      resume(.failure(CancellationError()))
    }
  }
}
