/// What one subscriber learns from a node: `for await event in node.events() { … }`.
///
/// A subscription begins when it is made, and owns its lifetime: when the last copy of the value and the last iterator over it are gone, it ends, read
/// or not. It also ends with ``cancel()``, when the task that reads it is cancelled, and when the node shuts down. A loop that is left does not end it
/// while its value is still held, so another loop goes on from there. One task at a time may wait for the next element.
///
/// A slow reader never delays the node. While at most ``bufferLimit`` elements wait, none is lost. Beyond that only the latest event of each member is
/// kept, and the oldest user events are dropped and counted in ``dropped``. The node logs the first loss of a subscription as a warning. Of
/// ``SerfNode/memberSnapshots()`` only the newest element waits.
public struct SerfSubscription<Element: Sendable>: AsyncSequence, Sendable {
  public typealias Failure = Never

  private let source: any SubscriptionSource<Element>

  init(_ source: any SubscriptionSource<Element>) { self.source = source }

  /// How many elements may wait before a reader that is too slow loses some.
  public var bufferLimit: Int { source.bufferLimit }

  /// How many user events this subscription lost because its reader was too slow. An event of a member that a later one of the same member replaced
  /// does not count.
  public var dropped: Int { source.dropped }

  /// How many elements wait to be read.
  public var waiting: Int { source.waiting }

  /// Ends this subscription; the loop over it finishes after what was already waiting.
  public func cancel() { source.end() }

  /// Reads from where the last reader stopped.
  public func makeAsyncIterator() -> Iterator { Iterator(source: source) }

  /// Hands out the waiting elements one by one; ends when the subscription has ended and nothing waits.
  public struct Iterator: AsyncIteratorProtocol {
    fileprivate let source: any SubscriptionSource<Element>

    public mutating func next() async -> Element? { await source.next() }

    public mutating func next(isolation actor: isolated (any Actor)?) async -> Element? { await source.next() }
  }
}

/// Where the elements of a subscription come from. It is shared by the copies of a ``SerfSubscription`` and its iterators and by nothing else, so that
/// its end of life is the subscription's.
protocol SubscriptionSource<Element>: AnyObject, Sendable {
  associatedtype Element: Sendable

  var bufferLimit: Int { get }
  var waiting: Int { get }
  var dropped: Int { get }

  /// The next element; nil after the end, and when the task is cancelled, which ends the subscription.
  func next() async -> Element?
  /// No element comes after those that wait.
  func end()
}
