import Serf
import Synchronization

/// The queries that one client was told of and may still answer, under the numbers that it knows them by: 1, 2, … on its connection
/// (`agent.md` section 3).
final class ClientQueries: Sendable {
  private struct State {
    var last: UInt64 = 0
    var pending: [UInt64: (query: SerfQuery, deadline: ContinuousClock.Instant)] = [:]
    var answered: Set<UInt64> = []

    mutating func forget(_ number: UInt64) {
      pending[number] = nil
      answered.remove(number)
    }
  }

  /// As many as a node keeps: an older query cannot be answered anyway.
  private static let limit: UInt64 = 2_048

  private let state = Mutex(State())

  /// The client is told of this query, for the first time on this stream.
  func number(for query: SerfQuery, at now: ContinuousClock.Instant = .now) -> UInt64 {
    state.withLock { state in
      state.last += 1
      state.pending[state.last] = (query, now + query.timeout)
      if state.last > Self.limit { state.forget(state.last - Self.limit) }
      return state.last
    }
  }

  /// The query of this number; nil when there was none, or its time is over.
  func query(_ number: UInt64, at now: ContinuousClock.Instant = .now) -> SerfQuery? {
    state.withLock { state in
      guard let pending = state.pending[number] else { return nil }
      guard pending.deadline > now else {
        state.forget(number)
        return nil
      }
      return pending.query
    }
  }

  /// Whether this client has answered the query of this number.
  func isAnswered(_ number: UInt64) -> Bool { state.withLock { $0.answered.contains(number) } }

  func markAnswered(_ number: UInt64) { state.withLock { _ = $0.answered.insert(number) } }
}
