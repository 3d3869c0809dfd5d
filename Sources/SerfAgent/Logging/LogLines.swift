/// The log as one monitor sees it: ``AgentLog/monitor(_:)``. A reader that is too slow loses lines; a line in their place says how many.
package struct LogLines: AsyncSequence, Sendable {
  let queue: LossyQueue<String>
  /// The line that says how many lines were lost.
  let notice: @Sendable (Int) -> String
  let end: @Sendable () -> Void

  package func makeAsyncIterator() -> Iterator { Iterator(lines: self, lifetime: Lifetime(end)) }

  /// Hands out lines one by one.
  package struct Iterator: AsyncIteratorProtocol {
    let lines: LogLines
    let lifetime: Lifetime

    package mutating func next() async -> String? {
      switch await lines.queue.next() {
      case .element(let line): line
      case .lost(let count): lines.notice(count)
      case nil: nil
      }
    }
  }

  /// Ends the monitor when the reader leaves the loop.
  final class Lifetime: Sendable {
    private let end: @Sendable () -> Void
    init(_ end: @escaping @Sendable () -> Void) { self.end = end }
    deinit { end() }
  }
}
