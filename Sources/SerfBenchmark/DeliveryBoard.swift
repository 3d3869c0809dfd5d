import Synchronization

/// Where all receivers write down what their node has delivered, each with the moment at which it came.
///
/// The figures are taken from these moments, so they do not depend on how often a scenario looks here. Events have numbers that go on from scenario to
/// scenario: a late one of the last scenario does not count in the next.
package final class DeliveryBoard: Sendable {
  package typealias Moment = ContinuousClock.Instant

  /// What came of a batch of events.
  package struct Batch {
    /// For each event: at how many nodes it is, and when it came to the last of them.
    package fileprivate(set) var arrivals: [(nodes: Int, last: Moment?)] = []
    /// When each delivery came, in the order in which the receivers wrote them down.
    package fileprivate(set) var moments: [Moment] = []
    /// Events that a node delivered once more.
    package fileprivate(set) var duplicates = 0
    fileprivate var seen: [Bool] = []
  }

  private struct State {
    var first = 0
    var nodes = 0
    var batch = Batch()
    var alive: [Set<String>] = []
    var failures = 0
    /// When each receiver saw each member fail that it has not seen since.
    var failed: [String: [Int: Moment]] = [:]
    /// When each receiver saw its node's newest member.
    var joined: [Moment?] = []
  }

  private let state = Mutex(State())

  package init() {}

  // MARK: What receivers write

  /// One more node, which knows itself. Returns the receiver's number.
  package func addReceiver(_ name: String) -> Int {
    state.withLock { state in
      state.alive.append([name])
      state.joined.append(nil)
      return state.alive.count - 1
    }
  }

  package func delivered(_ event: Int, at receiver: Int, _ moment: Moment) {
    state.withLock { state in
      let index = event - state.first
      guard state.batch.arrivals.indices.contains(index), receiver < state.nodes else { return }
      let place = index * state.nodes + receiver
      guard !state.batch.seen[place] else { return state.batch.duplicates += 1 }
      state.batch.seen[place] = true
      state.batch.arrivals[index].nodes += 1
      // The moments of two receivers may come here in the other order.
      state.batch.arrivals[index].last = max(state.batch.arrivals[index].last ?? moment, moment)
      state.batch.moments.append(moment)
    }
  }

  package func memberJoined(_ name: String, at receiver: Int, _ moment: Moment) {
    state.withLock { state in
      state.failed[name]?[receiver] = nil
      if state.alive[receiver].insert(name).inserted { state.joined[receiver] = moment }
    }
  }

  package func memberGone(_ name: String, hasFailed: Bool, at receiver: Int, _ moment: Moment) {
    state.withLock { state in
      state.alive[receiver].remove(name)
      guard hasFailed else { return }
      state.failures += 1
      state.failed[name, default: [:]][receiver] = moment
    }
  }

  // MARK: What scenarios read

  /// From now on, `count` events are expected at the first `nodes` receivers. Returns the number of the first event.
  package func expect(_ count: Int, at nodes: Int) -> Int {
    state.withLock { state in
      state.first += state.batch.arrivals.count
      state.nodes = nodes
      state.batch = Batch()
      state.batch.arrivals = Array(repeating: (0, nil), count: count)
      state.batch.seen = Array(repeating: false, count: count * nodes)
      state.batch.moments.reserveCapacity(count * nodes)
      return state.first
    }
  }

  package var batch: Batch { state.withLock { $0.batch } }
  /// How many deliveries of the batch have come.
  package var deliveries: Int { state.withLock { $0.batch.moments.count } }
  /// At how many nodes the event of this number is.
  package func nodes(with event: Int) -> Int { state.withLock { $0.batch.arrivals[event - $0.first].nodes } }

  /// How often a node has seen another fail.
  package var failures: Int { state.withLock { $0.failures } }
  /// When each receiver saw this member fail, for those that see it as failed now.
  package func failures(of name: String) -> [Moment] { state.withLock { $0.failed[name].map { Array($0.values) } ?? [] } }
  /// How many receivers see this member alive.
  package func receivers(seeing name: String) -> Int { state.withLock { $0.alive.count { $0.contains(name) } } }
  /// When the last of all receivers saw `count` members alive; nil while one of them does not.
  package func allSaw(_ count: Int) -> Moment? {
    state.withLock { state in state.alive.allSatisfy { $0.count >= count } ? state.joined.compactMap { $0 }.max() : nil }
  }
}
