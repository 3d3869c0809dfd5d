import NIOCore
import NIOPosix
public import Testing

/// Waits until `condition` holds, checking again every few milliseconds; records a failure when it does not within `limit`.
public func eventually(
  _ what: Comment, within limit: Duration = .seconds(10), sourceLocation: SourceLocation = #_sourceLocation,
  _ condition: () async throws -> Bool
) async throws {
  let loop = MultiThreadedEventLoopGroup.singleton.any()
  let start = ContinuousClock.now
  while try await !condition() {
    guard ContinuousClock.now - start < limit else {
      Issue.record("not within \(limit): \(what)", sourceLocation: sourceLocation)
      return
    }
    try await loop.scheduleTask(in: .milliseconds(10)) {}.futureResult.get()
  }
}
