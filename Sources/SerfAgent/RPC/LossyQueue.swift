import SerfPrimitives
import Synchronization

/// A queue between writers that must not wait and one reader that may be slow. At most ``capacity`` elements wait. Elements that do not fit are lost,
/// and the reader gets their count in their place.
final class LossyQueue<Element: Sendable>: Sendable {
  enum Item: Sendable {
    case element(Element)
    /// This many elements are missing here.
    case lost(Int)
  }

  private struct State {
    var queue = DrainQueue<Item>()
    /// Lost since the last element that fitted.
    var lost = 0
    var reader: CheckedContinuation<Item?, Never>?
    var isFinished = false

    mutating func take() -> Item? {
      if let item = queue.popFirst() { return item }
      guard lost > 0 else { return nil }
      defer { lost = 0 }
      return .lost(lost)
    }
  }

  let capacity: Int
  private let state = Mutex(State())

  init(capacity: Int) { self.capacity = capacity }

  func push(_ element: Element) {
    let reader = state.withLock { state -> CheckedContinuation<Item?, Never>? in
      guard !state.isFinished else { return nil }
      if let reader = state.reader {
        state.reader = nil
        return reader
      }
      guard state.queue.count < capacity else {
        state.lost += 1
        return nil
      }
      if state.lost > 0 { state.queue.append(.lost(state.lost)) }
      state.lost = 0
      state.queue.append(.element(element))
      return nil
    }
    reader?.resume(returning: .element(element))
  }

  /// No element follows; those that wait can still be taken.
  func finish() {
    let reader = state.withLock { state -> CheckedContinuation<Item?, Never>? in
      state.isFinished = true
      defer { state.reader = nil }
      return state.reader
    }
    reader?.resume(returning: nil)
  }

  /// The next waiting element, or the next that arrives. Nil after the end, or when the reader's task is cancelled, which ends the queue.
  func next() async -> Item? {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let ready = state.withLock { state -> Item?? in
          if let item = state.take() { return .some(item) }
          if state.isFinished || Task.isCancelled { return .some(nil) }
          precondition(state.reader == nil, "a queue has one reader")
          state.reader = continuation
          return nil
        }
        if let ready { continuation.resume(returning: ready) }
      }
    } onCancel: {
      finish()
    }
  }
}
