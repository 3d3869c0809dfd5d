import NIOEmbedded
import SerfTestSupport
import Synchronization
import Testing

/// Runs what is due on the loop, again and again, until the work is done. The loop's time stands still.
func finish<Value: Sendable>(
  on loop: NIOAsyncTestingEventLoop, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  let isDone = Flag()
  let task = Task {
    defer { isDone.set() }
    return try await work()
  }
  try await eventually("the work is done") {
    await loop.run()
    return isDone.isSet
  }
  return try await task.value
}

/// False until it is set, on any task.
final class Flag: Sendable {
  private let state = Mutex(false)
  var isSet: Bool { state.withLock { $0 } }
  func set() { state.withLock { $0 = true } }
}
