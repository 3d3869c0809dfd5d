import SerfPrimitives
import SerfWire

/// A query of any member, this one included, that was delivered here and may be answered.
struct ReceivedQuery: Sendable {
  let id: SerfQuery.ID
  /// The asking member, and the address that it states.
  let source: NodeName
  let address: NodeAddress?
  let relayFactor: UInt8
  let deadline: Instant
  var isAnswered = false
}

/// The queries that were delivered here and may still be answered, the oldest first. The oldest are forgotten when there are too many.
struct ReceivedQueries: Sendable {
  private var queries: [SerfQuery.ID: ReceivedQuery] = [:]
  private var order = DrainQueue<SerfQuery.ID>(keptCapacity: 256)
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  var count: Int { queries.count }

  subscript(id: SerfQuery.ID) -> ReceivedQuery? { queries[id] }

  /// Returns whether an older one was forgotten before its time.
  mutating func insert(_ query: ReceivedQuery, at now: Instant) -> Bool {
    while let first = order.first, let oldest = queries[first], oldest.deadline <= now { forget(oldest.id) }
    var hasForgotten = false
    if queries.count >= limit, let first = order.first {
      forget(first)
      hasForgotten = true
    }
    queries[query.id] = query
    order.append(query.id)
    return hasForgotten
  }

  mutating func markAnswered(_ id: SerfQuery.ID) { queries[id]?.isAnswered = true }

  private mutating func forget(_ id: SerfQuery.ID) {
    _ = order.popFirst()
    queries[id] = nil
  }
}
