internal import SerfPrimitives

/// What a peer sent on streams that we refused, for which it has not got new credit yet.
///
/// It gets that credit, because bytes that were on their way when we refused must not use up the connection for ever. But it gets it slowly, so that
/// a peer that does not stop cannot make us decrypt useless bytes at full speed.
struct IgnoredCredit {
  private var bytes = 0
  private var bidirectional = 0
  private var unidirectional = 0
  private var byteRate: RateLimit
  private var streamRate: RateLimit
  /// When some of the credit is due.
  private(set) var nextReturn = Instant.distantFuture

  private static let pause = Duration.milliseconds(250)

  init(_ configuration: QUICConfiguration, at now: Instant) {
    byteRate = RateLimit(perSecond: configuration.ignoredBytesPerSecond, burst: configuration.ignoredByteBurst, at: now)
    streamRate = RateLimit(perSecond: configuration.ignoredStreamsPerSecond, burst: configuration.ignoredStreamBurst, at: now)
  }

  /// Bytes came on a stream that we refused.
  mutating func add(bytes count: Int) {
    bytes += count
    nextReturn = .zero
  }

  /// A stream that we refused has ended.
  mutating func addStream(isBidirectional: Bool) {
    if isBidirectional { bidirectional += 1 } else { unidirectional += 1 }
    nextReturn = .zero
  }

  /// The credit that is due now.
  mutating func take(at now: Instant) -> (bytes: Int, bidirectional: Int, unidirectional: Int) {
    guard nextReturn <= now else { return (0, 0, 0) }
    let taken = (
      byteRate.take(upTo: bytes, at: now), streamRate.take(upTo: bidirectional, at: now), streamRate.take(upTo: unidirectional, at: now)
    )
    bytes -= taken.0
    bidirectional -= taken.1
    unidirectional -= taken.2
    nextReturn = bytes + bidirectional + unidirectional > 0 ? now + Self.pause : .distantFuture
    return taken
  }
}
