/// The log as one monitor sees it: ``AgentLog/monitor(_:)``. A reader that is too slow loses lines; a line in their place says how many.
package struct LogLines: AsyncSequence, Sendable {
  let queue: LossyQueue<String>
  /// The line that says how many lines were lost.
  let notice: @Sendable (Int) -> String
  private let lifetime: Lifetime

  /// Lines from `queue` until `end`, which is called when the value and its iterators are gone, read or not.
  init(queue: LossyQueue<String>, notice: @escaping @Sendable (Int) -> String, end: @escaping @Sendable () -> Void) {
    self.queue = queue
    self.notice = notice
    lifetime = Lifetime(end)
  }

  package func makeAsyncIterator() -> Iterator { Iterator(lines: self) }

  /// Hands out lines one by one.
  package struct Iterator: AsyncIteratorProtocol {
    let lines: LogLines

    package mutating func next() async -> String? {
      switch await lines.queue.next() {
      case .element(let line): line
      case .lost(let count): lines.notice(count)
      case nil: nil
      }
    }
  }

  /// Ends the monitor with the last copy of the value.
  final class Lifetime: Sendable {
    private let end: @Sendable () -> Void
    init(_ end: @escaping @Sendable () -> Void) { self.end = end }
    deinit { end() }
  }
}
