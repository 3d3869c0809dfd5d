public import NIOCore
public import SerfPrimitives

extension Instant {
  /// Now, on the monotonic clock of the operating system that NIO's deadlines also use. Read once per batch of input.
  public static func monotonic() -> Instant { Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds)) }
}

extension NIODeadline {
  /// The same point in time for NIO's timers.
  public init(_ instant: Instant) { self = .uptimeNanoseconds(UInt64(max(0, instant.nanoseconds))) }
}
