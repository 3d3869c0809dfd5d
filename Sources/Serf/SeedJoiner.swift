import Logging
import NIOCore
package import SerfPrimitives
import SerfTransport
import Synchronization

/// Joins a node's seeds until another member has answered: attempt, pause, attempt, and so on with longer pauses.
///
/// A member that joins this node does not end it. The seeds may be in another part of a cluster that has come apart.
final class SeedJoiner: Sendable {
  private struct State {
    /// What failed already, and was worth a warning.
    var known: Set<JoinAttempt> = []
    /// The pause in progress: true when it is over, false when the node stops meanwhile.
    var pause: Once<Bool>?
    var isEnded = false
  }

  private let join: SerfConfiguration.Join
  private let seed: UInt64
  private let loop: any EventLoop
  private let logger: Logger
  private let log: JoinLog
  private let state = Mutex(State())

  init(_ join: SerfConfiguration.Join, name: NodeName, seed: UInt64, on loop: any EventLoop, logger: Logger) {
    (self.join, self.seed, self.loop, self.logger) = (join, seed, loop, logger)
    log = JoinLog(logger, name: name)
  }

  /// Ends when another member has answered, when the attempts are used up, and when the node leaves or stops.
  ///
  /// - Parameters:
  ///   - delay: how long the first attempt waits.
  ///   - attempt: one join; nil when the node is gone. Between two attempts nothing here holds the node.
  func run(after delay: Duration, _ attempt: () async throws -> Int?) async {
    if delay > .zero { guard await pause(delay) else { return } }
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
        let next = join.isPermanent ? "they are dialled from time to time" : "none is asked again"
        if let failure { logger.error("no seed has answered, and \(next): \(failure)") }
        return
      }
      guard await pause(join.pause(after: failures, by: &random)) else { return }
    }
  }

  /// The node stops: there is no further attempt.
  func end() {
    let pause = state.withLock { state in
      state.isEnded = true
      return state.pause
    }
    pause?.resume(.success(false))
  }

  /// Logs what came of one address. The same failure again and again is not worth a warning.
  func report(_ attempt: JoinAttempt) {
    log.attempted(attempt, isKnown: state.withLock { $0.known.count >= Self.knownLimit || !$0.known.insert(attempt).inserted })
  }

  /// False if the node has stopped meanwhile.
  private func pause(_ pause: Duration) async -> Bool {
    let over = Once<Bool>()
    let isEnded = state.withLock { state in
      state.pause = over
      return state.isEnded
    }
    guard !isEnded else { return false }
    let timer = loop.scheduleTask(deadline: NIODeadline(Instant.now(on: loop) + pause)) { over.resume(.success(true)) }
    defer { timer.cancel() }
    return (try? await over.wait()) ?? false
  }

  /// A peer chooses parts of some failures, so they are not kept without limit.
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
  /// Joins the configured seeds, if there are any, in a task of its own that does not keep the node. From then on it keeps dialling them, if it is to.
  func joinSeeds() {
    let join = configuration.join
    guard !join.addresses.isEmpty else { return }
    Task { [weak self, joiner = seedJoiner] in
      let delay = try? await self?.firstDialPause()
      await joiner.run(after: delay ?? .zero) { [weak self] in
        guard let self else { return nil }
        // A node that leaves looks up no address.
        try await self.start()
        return try await self.contact(join.addresses, ignoreOld: join.ignoreOld) { joiner.report($0) }
      }
      if join.isPermanent { self?.keepSeeds(join.addresses) }
    }
  }
}
