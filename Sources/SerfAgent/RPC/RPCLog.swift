import Logging
import NIOCore
import SerfClient
import SerfPrimitives
import SerfTransport
import Synchronization

/// The client at the other end of an RPC connection.
struct RPCPeer: Sendable, CustomStringConvertible {
  /// What lines about one peer have in common: the host only, because the client chooses the port for each connection.
  let host: String
  let description: String

  init(_ channel: any Channel) {
    let address = channel.remoteAddress
    host = address?.ipAddress ?? "unknown"
    description = address.flatMap { address in address.ipAddress.map { "\($0):\(address.port ?? 0)" } } ?? "unknown"
  }
}

/// What the RPC logs: at most one line per cause and host in 10 s, with the count of those left out (`secure-transport.md` 3.4), so that no client
/// can flood it.
final class RPCLog: Sendable {
  /// What lines have in common, for limiting them.
  enum Cause: Hashable {
    case accepted, full, evicted, silent, gone, failed, leave
    /// A request that was refused; nil for commands that we do not know, because the client chooses their names.
    case refused(RPCCommand?)

    fileprivate var kind: String {
      if case .refused(let command) = self { "refused \(command?.rawValue ?? "unknown")" } else { "\(self)" }
    }
  }

  let logger: Logger
  private let clock: @Sendable () -> Instant
  private let limiter = Mutex(LogLimiter())

  init(_ logger: Logger, clock: @escaping @Sendable () -> Instant) {
    self.logger = logger
    self.clock = clock
  }

  func write(_ level: Logger.Level, _ cause: Cause, about peer: RPCPeer, _ text: @autoclosure () -> String) {
    guard logger.logLevel <= level else { return }
    guard let withheld = limiter.withLock({ $0.admit(cause.kind, about: peer.host, at: clock()) }) else { return }
    logger.log(level: level, "\(text())\(withheld > 0 ? " (and \(withheld) more like it)" : "")")
  }

  /// A client's text may have a mebibyte; a line shows only this part of it.
  static func excerpt(_ text: String) -> String {
    text.utf8.count <= excerptLength ? text : String(decoding: text.utf8.prefix(excerptLength), as: UTF8.self) + "…"
  }

  private static let excerptLength = 1024
}
