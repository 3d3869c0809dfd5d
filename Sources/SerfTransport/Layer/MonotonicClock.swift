public import NIOCore
public import SerfPrimitives

extension Instant {
  /// Now, on the loop's own clock: the monotonic clock of the operating system, or a test's virtual time. Read it once per batch of input.
  public static func now(on loop: any EventLoop) -> Instant { Instant(nanoseconds: Int64(clamping: loop.now.uptimeNanoseconds)) }
}

extension NIODeadline {
  /// The same point in time for NIO's timers.
  package init(_ instant: Instant) { self = .uptimeNanoseconds(UInt64(max(0, instant.nanoseconds))) }
}
