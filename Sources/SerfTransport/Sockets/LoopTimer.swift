package import NIOCore
package import SerfPrimitives

/// One re-armable timer of an event loop, for an owner that keeps its deadlines itself.
///
/// Cancelling a timer costs NIO linear time, so this one is lazy: a scheduled callback stays as long as it fires no later than the wanted deadline.
/// If it fires early, the difference is scheduled again.
///
/// `@unchecked Sendable`: everything happens on the loop, which ``arm(at:)`` checks.
package final class LoopTimer: NIOScheduledCallbackHandler, @unchecked Sendable {
  private let loop: any EventLoop
  private let fire: (Instant) -> Void
  private var wanted: Instant?
  private var scheduled: Instant?
  private var callback: NIOScheduledCallback?

  /// A timer that calls `fire` on `loop`, which is also where it must be used.
  package init(on loop: any EventLoop, fire: @escaping (Instant) -> Void) {
    self.loop = loop
    self.fire = fire
  }

  /// Sets when the timer fires next; nil for never.
  package func arm(at deadline: Instant?) {
    loop.preconditionInEventLoop()
    wanted = deadline
    guard let deadline else { return }
    if let scheduled, scheduled <= deadline { return }
    callback?.cancel()
    schedule(at: deadline)
  }

  /// Stops for good and releases what `fire` holds.
  package func cancel() {
    callback?.cancel()
    (callback, wanted, scheduled) = (nil, nil, nil)
  }

  private func schedule(at deadline: Instant) {
    scheduled = deadline
    callback = try? loop.scheduleCallback(at: NIODeadline(deadline), handler: self)
  }

  package func handleScheduledCallback(eventLoop: some EventLoop) {
    (callback, scheduled) = (nil, nil)
    guard let wanted else { return }
    let now = Instant.now(on: loop)
    guard wanted <= now else { return schedule(at: wanted) }
    self.wanted = nil
    fire(now)
  }
}
