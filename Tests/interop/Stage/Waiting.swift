// The state of live agents can only be polled, so this program has to wait. All its waiting is in this file.

/// Calls `missing` again and again until it returns nil, for "nothing". Returns its last result, nil if nothing is missing, and how long that took.
///
/// An error counts as a result. If an agent does not answer at all, the wait ends with the time limit. So `missing` must end when it is cancelled, as
/// the calls of `SerfRPCClient` do.
func eventually(
  within limit: Duration, since start: ContinuousClock.Instant = .now, every pause: Duration = .milliseconds(100),
  _ missing: @escaping @Sendable () async throws -> String?
) async -> (missing: String?, took: Duration) {
  var answer: String? = "there was no time to ask"
  var last = false
  while true {
    let left = start + limit - .now
    // One more check after the time is up, because the last pause may have lasted beyond it.
    do { answer = try await limited(to: max(left, .milliseconds(500)), missing) } catch { answer = "\(error)" }
    if answer == nil || last || Task.isCancelled { return (answer, .now - start) }
    await rest(min(pause, max(left, .zero)))
    last = .now >= start + limit
  }
}

/// Lets time pass because the scenario is about time.
func rest(_ duration: Duration) async { try? await Task.sleep(for: duration) }

/// The error for work that did not end in time.
struct TimedOut: Error, CustomStringConvertible {
  let limit: Duration
  var description: String { "no answer within \(limit.inSeconds)" }
}

/// Cancels `work` after `limit`.
func limited<Value: Sendable>(to limit: Duration, _ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
  try await withThrowingTaskGroup(of: Value.self) { group in
    group.addTask { try await work() }
    group.addTask {
      try await Task.sleep(for: limit)
      throw TimedOut(limit: limit)
    }
    defer { group.cancelAll() }
    guard let value = try await group.next() else { throw TimedOut(limit: limit) }
    return value
  }
}

extension Duration {
  /// For people: tenths of a second.
  var inSeconds: String {
    let tenths = (self + .milliseconds(50)) / .milliseconds(100)
    return "\(Int(tenths) / 10).\(Int(tenths) % 10) s"
  }
}
