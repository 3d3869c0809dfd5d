import Logging
import NIOCore
package import SerfPrimitives
import SerfTransport
import Synchronization

/// Joins a node's seeds until another member has answered: attempt, pause, attempt, and so on with longer pauses.
///
/// A member that joins this node does not end it. The seeds may be in another part of a cluster that has come apart, and no other member would
/// bring the two together.
final class SeedJoiner: Sendable {
  private let join: SerfConfiguration.Join
  private let seed: UInt64
  private let loop: any EventLoop
  private let subscribers: EventSubscribers
  private let logger: Logger
  /// What was logged as a warning already.
  private let known = Mutex<Set<String>>([])

  init(_ join: SerfConfiguration.Join, seed: UInt64, on loop: any EventLoop, subscribers: EventSubscribers, logger: Logger) {
    (self.join, self.seed, self.loop, self.subscribers, self.logger) = (join, seed, loop, subscribers, logger)
  }

  /// Ends when another member has answered, when the attempts are used up, and when the node leaves or stops.
  ///
  /// - Parameter attempt: one join; nil when the node is gone. Between two attempts nothing here holds the node.
  func run(_ attempt: () async throws -> Int?) async {
    var random = SeededRandom(seed: seed ^ 0x5eed_101e)
    var failures = 0
    while true {
      var failure: SerfError?
      do {
        guard let joined = try await attempt(), joined == 0 else { return }
      } catch {
        failure = error as? SerfError
        guard failure?.code == .joinFailed else { return logger.debug("no further seed is joined: \(error)") }
      }
      failures += 1
      if let limit = join.retry.limit, failures > limit {
        // Without a failure it is the only seed itself.
        if let failure { logger.error("no seed has answered, and none is asked again: \(failure)") }
        return
      }
      guard await pause(join.pause(after: failures, by: &random)) else { return }
    }
  }

  /// Logs what came of one address. The same line again and again is not worth a warning.
  func report(_ attempt: JoinAttempt) {
    let line = "join: \(escaped(Array(attempt.description.utf8)))"
    let level: Logger.Level =
      switch attempt.reason {
      case nil, .isSelf?: .debug
      default: known.withLock { $0.count < Self.knownLimit && $0.insert(line).inserted } ? .warning : .debug
      }
    logger.log(level: level, "\(line)")
  }

  /// False if the node has stopped meanwhile.
  private func pause(_ pause: Duration) async -> Bool {
    let deadline = loop.instant + pause
    // It wants no event: its end is the node's, or the timer's.
    let end: SerfSubscription<Event> = subscribers.subscribe(bufferLimit: 1) { _ in false }
    let timer = loop.scheduleTask(deadline: NIODeadline(deadline)) { end.cancel() }
    for await _ in end {}
    timer.cancel()
    return loop.instant >= deadline
  }

  /// A peer chooses parts of some lines, so they are not kept without limit.
  private static let knownLimit = 1_000
}

extension SerfConfiguration.Join {
  /// The pause after so many attempts, at least one.
  package func pause(after failures: Int, by random: inout SeededRandom) -> Duration {
    var pause = max(min(firstPause, longestPause), .milliseconds(1))
    var doublings = failures - 1
    while doublings > 0, pause < longestPause {
      pause = min(pause * 2, longestPause)
      doublings -= 1
    }
    return pause / 5 * 4 + random.fraction(of: pause / 5 * 2)
  }
}

extension SerfNode {
  /// Joins the configured seeds, if there are any, in a task of its own that does not keep the node.
  func joinSeeds() {
    let join = configuration.join
    guard !join.addresses.isEmpty else { return }
    let joiner = SeedJoiner(join, seed: seed, on: loop, subscribers: subscribers, logger: logger)
    Task { [weak self] in
      await joiner.run { [weak self] in
        guard let self else { return nil }
        // A node that leaves looks up no address.
        try await self.start()
        return try await self.contact(join.addresses, ignoreOld: join.ignoreOld) { joiner.report($0) }
      }
    }
  }
}
