import Logging
import SerfPrimitives
import Synchronization

/// Changes of tags that no caller waits for, in the order of the calls, until they go out together.
final class TagChanges: Sendable {
  typealias Change = @Sendable (inout [String: String]) -> Void

  private struct State {
    var waiting: [Change] = []
    var isBeingApplied = false
  }

  private let state = Mutex(State())

  /// Adds a change. True if the caller has to see to it that all are applied.
  func append(_ change: @escaping Change) -> Bool {
    state.withLock { state in
      state.waiting.append(change)
      defer { state.isBeingApplied = true }
      return !state.isBeingApplied
    }
  }

  /// Takes all that wait. If there are none, the next change has to be seen to again.
  func take() -> [Change] {
    state.withLock { state in
      state.isBeingApplied = !state.waiting.isEmpty
      defer { state.waiting = [] }
      return state.waiting
    }
  }
}

extension SerfNode {
  /// Changes this node's tags soon, and does not wait for it: for figures that change often, such as a load.
  ///
  /// Changes that come before the last one has spread become one update, in the order of the calls, together with what other callers did meanwhile.
  /// So a value that changes a thousand times in a second costs the cluster a few messages. Tags that end as they were cost none. Starts the node.
  ///
  /// The log tells what became of a change that could not be made: a warning if the tags would be above 512 encoded bytes, and then none of those
  /// that were put together is made; a warning if the node cannot start; a line at `debug` if the node leaves, has left or was shut down.
  ///
  /// - Parameter change: makes the new tags from those that the node has. It is called once, on the node's event loop, so it must not block.
  public func setTagsSoon(_ change: @escaping @Sendable (_ tags: inout [String: String]) -> Void) {
    guard tagChanges.append(change) else { return }
    Task { while await applyTagChanges() {} }
  }

  /// Applies all changes that wait, and waits until they have spread. False if there were none.
  private func applyTagChanges() async -> Bool {
    do {
      return try await call { [tagChanges] driver, done in
        let changes = tagChanges.take()
        guard !changes.isEmpty else { return done(.success(false)) }
        var tags = driver.tags
        for change in changes { change(&tags) }
        guard tags != driver.tags else { return done(.success(true)) }
        driver.setTags(tags) { done($0.map { true }) }
      }
    } catch {
      switch (error as? SerfError)?.code {
      case .broadcastTimeout?: return true  // The core has logged it.
      case .tooLarge?:
        logger.warning("a change of tags is not made: \(error)")
        return true
      case .state?: logger.debug("a change of tags is not made: \(error)")
      default: logger.warning("a change of tags is not made: \(error)")
      }
      // None of those that wait can be made either.
      while !tagChanges.take().isEmpty {}
      return false
    }
  }
}
