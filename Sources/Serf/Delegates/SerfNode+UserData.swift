public import SerfPrimitives

extension SerfNode {
  /// Replaces the state of this program, which goes along with each push/pull from now on: at joins, and then from time to time with one member at
  /// random (``SerfSettings/PushPull/interval``). The program at the other end gets it as ``SerfDelegate/userStateReceived(_:from:isJoin:)``.
  ///
  /// A member that does not read it, because it is of an older version, is not sent it. The push/pull with which this node itself joins carries no
  /// state, because it does not know yet who answers there; the answer brings that member's, and this node's follows with one of the next push/pulls,
  /// the first of them 2 to 4 s later.
  ///
  /// - Parameter state: any sequence of bytes; none ends it.
  /// - Throws: ``SerfError`` alone, and nothing changed: ``SerfError/Code/tooLarge`` above ``SerfSettings/UserData/stateSizeLimit``;
  ///   ``SerfError/Code/unsupported`` where Go agents may be members, on every transport but QUIC; ``SerfError/Code/state`` after ``leave()`` or
  ///   ``shutdown()``; what ``start()`` throws. `CancellationError` when the task is cancelled.
  public func setUserState(_ state: some Sequence<UInt8>) async throws {
    let state = Array(state)
    try await call { driver, done in driver.setUserState(state, done) }
  }

  /// Sends a message to the program at another member, which gets it as ``SerfDelegate/messageReceived(_:from:)``, and waits until that node has
  /// taken it. It crosses the network once, on a stream of its own. This node may be the receiver.
  ///
  /// A member to which this node has no connection is dialled first.
  ///
  /// - Parameters:
  ///   - message: any sequence of bytes.
  ///   - name: the member.
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/tooLarge`` above ``SerfSettings/UserData/messageSizeLimit``, and nothing was sent;
  ///   ``SerfError/Code/unsupported`` where Go agents may be members, on every transport but QUIC, and when the member is of a version without such
  ///   messages, and nothing was sent; ``SerfError/Code/notDelivered`` when it is no member that is alive, cannot be reached, or too many messages
  ///   have not ended (``SerfSettings/UserData/messagesInFlight``); ``SerfError/Code/state`` when the node has left or was shut down; what
  ///   ``start()`` throws. `CancellationError` when the task is cancelled; the message may still arrive.
  public func send(_ message: some Sequence<UInt8>, to name: NodeName) async throws {
    let message = Array(message)
    try await call { driver, done in driver.send(message, to: name, done) }
  }

  /// The same, with the name as text, which ``NodeName/init(_:)`` reads.
  public func send(_ message: some Sequence<UInt8>, to name: String) async throws { try await send(message, to: NodeName(name)) }
}
