import Logging
import Memberlist
import SerfCore
import SerfPrimitives
import SerfTransport

/// Logs events and diagnostics. The lines that operators search for are the same as Serf's, and a peer cannot flood the log.
///
/// At most one line per cause and peer is written in 10 s (`secure-transport.md` 3.4); the next line counts those that were left out. Names from
/// peers are escaped by their descriptions. No text is built for a level that is off.
final class NodeLog {
  private let logger: Logger
  private var limiter = LogLimiter()

  init(_ logger: Logger) { self.logger = logger }

  func event(_ event: Event) {
    guard case .member(let change) = event else { return }
    for member in change.members {
      switch change.kind {
      case .join: logger.info("EventMemberJoin: \(member.name) \(member.address.host)")
      case .leave: logger.info("EventMemberLeave: \(member.name) \(member.address.host)")
      case .failed: logger.info("EventMemberFailed: \(member.name) \(member.address.host)")
      case .update: logger.info("EventMemberUpdate: \(member.name)")
      case .reap: logger.info("EventMemberReap: \(member.name)")
      }
    }
  }

  /// The first loss of each of these subscriptions, by their buffer limits. A subscription is not mentioned again.
  func firstLosses(_ limits: [Int]) {
    for limit in limits {
      logger.warning(
        "a subscriber is too slow: more than \(limit) events wait, so the oldest user events are dropped; read faster or raise bufferLimit")
    }
  }

  func diagnostic(_ diagnostic: NodeDiagnostic, at now: Instant) {
    let level = diagnostic.level
    guard logger.logLevel <= level, let withheld = limiter.admit(diagnostic.kind, about: diagnostic.subject, at: now) else { return }
    let again = withheld > 0 ? " (and \(withheld) more like it)" : ""
    logger.log(level: level, "\(diagnostic.text)\(again)")
  }

  /// A peer's request that was never complete.
  func dropped(_ problem: ExchangeProblem, from peer: Peer, at now: Instant) {
    // By host, because the peer may use another port for each try.
    let subject = peer.provenName?.description ?? peer.address.host
    warn(problem.kind, about: subject, at: now) { "gave up a request from \(peer.text): \(problem.text)" }
  }

  /// A reply to our request that we cannot read.
  func unopened(_ problem: EnvelopeProblem, from peer: Peer?, at now: Instant) {
    let peer = peer?.text ?? "a peer"
    warn(problem.counter, about: peer, at: now) { "cannot use the answer of \(peer): \(problem.text)" }
  }

  private func warn(_ kind: String, about subject: String, at now: Instant, _ text: () -> String) {
    guard logger.logLevel <= .warning, let withheld = limiter.admit(kind, about: subject, at: now) else { return }
    logger.warning("\(text())\(withheld > 0 ? " (and \(withheld) more like it)" : "")")
  }
}

extension ExchangeProblem {
  /// What lines of one kind have in common, for limiting them.
  fileprivate var kind: String {
    if case .unopened(let problem) = self { problem.counter } else { text }
  }

  fileprivate var text: String {
    switch self {
    case .tooMany: "too many requests at once"
    case .overBudget: "too many bytes of requests at once"
    case .tooLarge: "it is too large"
    case .malformed: "it is not exactly one message"
    case .expired: "it was not complete, or not answered, in time"
    case .unread: "it did not read our answer in time"
    case .unopened(let problem): problem.text
    }
  }
}
