package import Logging
package import NIOCore
import NIOPosix
import SerfPrimitives

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Stops a listener for a moment when file descriptors run out, and starts it again when some are free. The first handler of the listener's channel.
///
/// NIO's own `AcceptBackoffHandler`, which the bootstrap of asynchronous channels adds by itself, cannot do this. It delays the next `read()`, but a
/// failed accept leaves the one before it pending (`BaseSocketChannel.readable0` of NIO 2.101), so there is no next one. The listener stays armed,
/// and the loop calls accept as fast as it can. Here the channel's automatic reading is switched off, which disarms the listener.
///
/// A few descriptors are kept for files and for connections that we dial (``Descriptors/reserve``): the listener stops when the others are used up,
/// not when all are. In the meantime connections wait in the kernel's queue.
package final class AcceptBackoff: ChannelInboundHandler {
  package typealias InboundIn = any Channel

  private let what: String
  private let logger: Logger
  private var limiter = LogLimiter()
  /// Set while the listener is stopped.
  private var resumption: Scheduled<Void>?

  /// How often a listener stopped.
  package private(set) var pauses: UInt64 = 0

  /// For a listener that is called `what` in the log.
  package init(_ what: String, logger: Logger) {
    self.what = what
    self.logger = logger
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let error = error as? IOError, Self.shortages.contains(error.errnoCode) else { return context.fireErrorCaught(error) }
    pause(context, "\(error)")
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    context.fireChannelReadComplete()
    if Self.areDescriptorsShort(context) {
      pause(context, "the last \(Descriptors.reserve) file descriptors are reserved for files and dials")
    }
  }

  package func channelInactive(context: ChannelHandlerContext) {
    resumption?.cancel()
    resumption = nil
    context.fireChannelInactive()
  }

  // MARK: Private parts

  private func pause(_ context: ChannelHandlerContext, _ why: String) {
    guard resumption == nil, context.channel.isActive else { return }
    pauses += 1
    try? context.channel.syncOptions?.setOption(.autoRead, value: false)
    if let withheld = limiter.admit("pause", about: "", at: .now(on: context.eventLoop)) {
      logger.warning(
        """
        \(what) accepts no connections for now: \(why). Too few of the \(Descriptors.limit) file descriptors allowed (ulimit -n) are free\
        \(withheld > 0 ? " (and \(withheld) more like it)" : "")
        """)
    }
    resumeLater(context)
  }

  private func resumeLater(_ context: ChannelHandlerContext) {
    resumption = context.eventLoop.assumeIsolated().scheduleTask(in: Self.time) { [self] in
      guard !Self.areDescriptorsShort(context) else { return resumeLater(context) }
      resumption = nil
      try? context.channel.syncOptions?.setOption(.autoRead, value: true)
    }
  }

  private static func areDescriptorsShort(_ context: ChannelHandlerContext) -> Bool {
    let lowest = try? context.channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
      Descriptors.lowestFree(like: $0)
    }
    return lowest.map { $0 >= Descriptors.limit - Descriptors.reserve } ?? false
  }

  private static let shortages: Set<CInt> = [EMFILE, ENFILE, ENOBUFS, ENOMEM]
  private static let time = TimeAmount.milliseconds(100)
}

/// The file descriptors of this process.
package enum Descriptors {
  /// How many there may be, the soft limit of the process.
  package static var limit: Int {
    var limits = rlimit()
    #if canImport(Glibc)
      let status = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
    #else
      let status = getrlimit(RLIMIT_NOFILE, &limits)
    #endif
    return status == 0 ? Int(clamping: limits.rlim_cur) : 1024
  }

  /// How many of them accepted connections leave free for other uses: an eighth, at most 64.
  ///
  /// The kernel gives the lowest free number. Listeners stop when that number is one of the last ``reserve``, so only files and dials get those.
  package static var reserve: Int { min(64, limit / 8) }

  /// The number that the next descriptor gets, found by a copy of `descriptor`; the limit if none is free.
  static func lowestFree(like descriptor: CInt) -> Int {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { return limit }
    close(copy)
    return Int(copy)
  }
}
