package import SerfCore
package import SerfPrimitives
import Synchronization

/// Calls a node's delegate: its filters on the loop, which it times, and everything else in a task beside the loop, one call after the other.
///
/// ```
/// loop ── offer ──▶ queue (calls, bytes) ──▶ task: await delegate.… ──▶ answer, report (on any thread)
/// ```
/// The task exists only while calls wait.
package final class DelegateCaller: Sendable {
  /// What the loop is told.
  package enum Report: Sendable {
    /// An answer to ``DelegateCall/reconnectTimeout(_:standard:)``; nil when the delegate threw.
    case reconnectTimeout(NodeName, Duration?)
    /// The delegate threw.
    case failed(String, any Error)
    /// A filter took this long.
    case slow(String, Duration)
  }

  /// How often something happened, and what waits.
  package struct Figures: Hashable, Sendable {
    /// Calls beside the loop that were made, those that found the queue full, and those in which the delegate threw.
    package var calls: UInt64 = 0, dropped: UInt64 = 0, failed: UInt64 = 0
    /// Filters that took longer than ``DelegateCaller/longestFilter``.
    package var slowFilters: UInt64 = 0
    package var waiting = 0

    package init() {}
  }

  private struct State {
    var waiting = DrainQueue<DelegateCall>(keptCapacity: 256)
    var bytes = 0
    var isRunning = false
    var hasEnded = false
    var report: (@Sendable (Report) -> Void)?
    var figures = Figures()
  }

  private let delegate: any SerfDelegate
  private let limits: SerfSettings.UserData
  private let state = Mutex(State())

  package init(_ delegate: any SerfDelegate, limits: SerfSettings.UserData) {
    self.delegate = delegate
    self.limits = limits
  }

  package var figures: Figures {
    state.withLock { state in
      state.figures.waiting = state.waiting.count
      return state.figures
    }
  }

  /// Where reports go, from any thread.
  package func reporting(to report: @escaping @Sendable (Report) -> Void) { state.withLock { $0.report = report } }

  /// The node has stopped: what waits is not delivered.
  package func end() {
    state.withLock { state in
      state.hasEnded = true
      state.waiting.removeAll()
      state.bytes = 0
      state.report = nil
    }
  }

  // MARK: On the loop

  /// The core's settings, with the delegate's filters.
  package func attach(to configuration: inout SerfCoreConfiguration) {
    configuration.hasDelegate = true
    configuration.mergeFilter = { [self] members in timed("shouldMerge") { delegate.shouldMerge(members) } }
    configuration.aliveFilter = { [self] member in timed("shouldAccept") { delegate.shouldAccept(member) } }
  }

  private func timed(_ what: String, _ filter: () -> Bool) -> Bool {
    let clock = ContinuousClock()
    let start = clock.now
    let result = filter()
    let time = clock.now - start
    if time > Self.longestFilter {
      let report = state.withLock { state in
        state.figures.slowFilters += 1
        return state.report
      }
      report?(.slow(what, time))
    }
    return result
  }

  /// A filter that takes longer holds the node up.
  package static let longestFilter = Duration.milliseconds(10)

  /// Queues a call; false, and counted, when the queue is full.
  package func offer(_ call: DelegateCall) -> Bool {
    enum Outcome { case queued, first, full }
    let outcome = state.withLock { state -> Outcome in
      guard !state.hasEnded else { return .queued }
      guard state.waiting.count < limits.delegateQueueLimit, state.bytes + call.byteCount <= limits.delegateQueueBytes else {
        state.figures.dropped += 1
        return .full
      }
      state.waiting.append(call)
      state.bytes += call.byteCount
      guard !state.isRunning else { return .queued }
      state.isRunning = true
      return .first
    }
    switch outcome {
    case .queued: return true
    case .full: return false
    case .first:
      Task { await self.work() }
      return true
    }
  }

  // MARK: In a task

  private func work() async {
    while let call = next() {
      do {
        try await perform(call)
      } catch {
        let report = state.withLock { state in
          state.figures.failed += 1
          return state.report
        }
        if case .reconnectTimeout(let member, _) = call { report?(.reconnectTimeout(member.name, nil)) }
        report?(.failed(call.name, error))
      }
    }
  }

  private func next() -> DelegateCall? {
    state.withLock { state in
      guard let call = state.waiting.popFirst() else {
        state.isRunning = false
        return nil
      }
      state.bytes -= call.byteCount
      state.figures.calls += 1
      return call
    }
  }

  private func perform(_ call: DelegateCall) async throws {
    switch call {
    case .nameConflict(let existing, let claimant): try await delegate.nameConflict(existing: existing, claimant: claimant)
    case .pinged(let name, let roundTrip): try await delegate.pingCompleted(name, roundTrip: roundTrip)
    case .reconnectTimeout(let member, let standard):
      let timeout = try await delegate.reconnectTimeout(for: member, default: standard)
      state.withLock { $0.report }?(.reconnectTimeout(member.name, timeout))
    case .userState(let state, let name, let isJoin): try await delegate.userStateReceived(state, from: name, isJoin: isJoin)
    case .message(let message, let name): try await delegate.messageReceived(message, from: name)
    }
  }
}

extension DelegateCall {
  /// The delegate's function.
  package var name: String {
    switch self {
    case .nameConflict: "nameConflict"
    case .pinged: "pingCompleted"
    case .reconnectTimeout: "reconnectTimeout"
    case .userState: "userStateReceived"
    case .message: "messageReceived"
    }
  }
}
