extension SerfNode {
  /// What happens from now on; each value is a separate subscription.
  public var events: SerfEvents { subscribers.subscribe() }

  /// Sends an event to every member, this one included.
  ///
  /// - Parameters:
  ///   - name: the event's name at receivers.
  ///   - payload: the event's content. Default none.
  ///   - coalesce: whether a receiver may deliver only the newest of several events with this name in a short time. Default true.
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/tooLarge`` when name and payload exceed the limit (512 bytes unless configured), and nothing was
  ///   sent; ``SerfError/Code/state`` when the node has left or was shut down; what ``start()`` throws.
  public func userEvent(_ name: String, payload: [UInt8] = [], coalesce: Bool = true) async throws {
    try await call { driver, done in driver.userEvent(Array(name.utf8), payload: payload, coalesce: coalesce, done) }
  }
}
