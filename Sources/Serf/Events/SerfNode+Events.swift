public import SerfCore

extension SerfNode {
  /// Everything that happens in the cluster from now on.
  ///
  /// It may be called before the node starts, and begins at once: subscribe before ``join(_:ignoreOld:)``, and no event is missed. After a shutdown the
  /// sequence is empty. With ``SerfConfiguration/coalescing`` events that follow each other closely come later, and together.
  ///
  /// - Parameter bufferLimit: how many events may wait for a slow reader before some are dropped (``SerfSubscription/dropped``), at least 1. Default
  ///   1,024. Choose more than a replay of old events may bring at once, and as much as the reader may lag behind.
  public func events(bufferLimit: Int = 1_024) -> SerfSubscription<SerfEvent> { subscribers.subscribe(bufferLimit: bufferLimit) }

  /// The members that come, go or change from now on. User events take no place in its buffer.
  ///
  /// A reader that is too slow always learns the latest about each member: only earlier events of the same member are left out, and they do not count
  /// as dropped.
  ///
  /// - Parameter bufferLimit: how many events may wait for a slow reader before earlier events of the same member are left out, at least 1. Default
  ///   1,024.
  public func memberEvents(bufferLimit: Int = 1_024) -> SerfSubscription<MemberEvent> { subscribers.subscribe(bufferLimit: bufferLimit) }

  /// The application's messages from now on. Other events take no place in its buffer.
  ///
  /// - Parameters:
  ///   - name: the name of the messages that are wanted. Default nil: all.
  ///   - bufferLimit: how many messages may wait for a slow reader before the oldest are dropped, at least 1. Default 1,024.
  public func userEvents(named name: String? = nil, bufferLimit: Int = 1_024) -> SerfSubscription<UserEvent> {
    guard let bytes = name.map({ Array($0.utf8) }) else { return subscribers.subscribe(bufferLimit: bufferLimit) }
    return subscribers.subscribe(bufferLimit: bufferLimit) { $0.nameBytes == bytes }
  }

  /// Sends an event to every member, this one included.
  ///
  /// It returns when the event is on its way. A program that sends more than the members can take is slowed down: while half as many events as
  /// ``SerfSettings/UserEvents/bufferSize`` have not been passed on often enough, the next one waits its turn.
  ///
  /// - Parameters:
  ///   - name: the event's name at receivers.
  ///   - payload: the event's content, any sequence of bytes, such as `"v1.2".utf8`. Default none.
  ///   - coalesce: whether a receiver may deliver only the newest of several events with this name in a short time. Default true.
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/tooLarge`` when the encoded event is larger than ``SerfSettings/UserEvents/sizeLimit``, and
  ///   nothing was sent; ``SerfError/Code/notDelivered`` when thousands of events wait already; ``SerfError/Code/state`` when the node has left or was shut down; what ``start()`` throws. `CancellationError`
  ///   when the task is cancelled.
  public func userEvent(
    _ name: String, payload: some Sequence<UInt8> = EmptyCollection<UInt8>(), coalesce: Bool = true
  ) async throws {
    let payload = Array(payload)
    try await call { driver, done in driver.userEvent(Array(name.utf8), payload: payload, coalesce: coalesce, done) }
  }
}
