package import NIOCore
package import SerfPrimitives

extension EventLoop {
  /// Now, on the loop's own clock: the monotonic clock of the operating system, or a test's virtual time. Read once per batch of input.
  package var instant: Instant { Instant(nanoseconds: Int64(clamping: now.uptimeNanoseconds)) }
}

extension NIODeadline {
  /// The same point in time for NIO's timers.
  package init(_ instant: Instant) { self = .uptimeNanoseconds(UInt64(max(0, instant.nanoseconds))) }
}
