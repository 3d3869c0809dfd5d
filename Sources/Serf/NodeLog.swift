package import Logging
import Memberlist
package import SerfCore
package import SerfPrimitives
package import SerfTransport

/// Logs what happens to members, diagnostics and the stages of the node's life. The lines that operators search for are the same as Serf's, and a peer cannot flood the log.
///
/// At most one line per cause and peer is written in 10 s (`secure-transport.md` 3.4); the next line counts those that were left out. Names from
/// peers are escaped by their descriptions. No text is built for a level that is off.
///
/// A line's metadata says in parts what its text says as a whole: `serf.member`, whom it is about or who caused it; `serf.address`, where that member
/// is; and `serf.reason`, why something was refused or failed. Each is there only if the node knows it.
package final class NodeLog {
  private let logger: Logger
  private let name: NodeName
  private var limiter = LogLimiter()

  /// The log of the node called `name`.
  package init(_ logger: Logger, name: NodeName) {
    self.logger = logger
    self.name = name
  }

  // MARK: The node's own life

  package func started(at address: NodeAddress) {
    logger.info("started on \(address)", metadata: .about(name, at: address))
  }

  package func became(_ status: NodeStatus) {
    switch status {
    case .leaving: logger.info("leaving", metadata: .about(name))
    case .left: logger.info("left", metadata: .about(name))
    case .alive, .shutDown: break
    }
  }

  // MARK: Members and diagnostics

  package func changed(_ kind: MemberEvent.Kind, _ member: SerfMember) {
    logger.log(level: kind == .update ? .debug : .info, "\(kind.line(member))", metadata: .about(member.name, at: member.address))
  }

  /// The first loss of each of these subscriptions, by their buffer limits. A subscription is not mentioned again.
  package func firstLosses(_ limits: [Int]) {
    for limit in limits {
      logger.warning(
        "a subscriber is too slow: more than \(limit) events wait, so the oldest user events are dropped; read faster or raise bufferLimit")
    }
  }

  package func diagnostic(_ diagnostic: NodeDiagnostic, at now: Instant) {
    let level = diagnostic.level
    guard logger.logLevel <= level, let withheld = limiter.admit(diagnostic.kind, about: diagnostic.subject, at: now) else { return }
    let again = withheld > 0 ? " (and \(withheld) more like it)" : ""
    logger.log(level: level, "\(diagnostic.text)\(again)", metadata: diagnostic.metadata)
  }

  // MARK: The delegate

  /// The delegate threw, or held the node up.
  func delegate(_ report: DelegateCaller.Report, at now: Instant) {
    switch report {
    case .failed(let function, let error):
      warn("delegate failed", about: function, because: "\(error)", at: now) { "the delegate's \(function) threw: \(error)" }
    case .slow(let function, let time):
      warn("delegate slow", about: function, because: "\(time)", at: now) {
        "the delegate's \(function) took \(time.milliseconds) ms, and the node did nothing else meanwhile; it has to return at once"
      }
    case .reconnectTimeout: break
    }
  }

  /// The delegate's queue is full.
  func delegateIsBusy(_ call: DelegateCall, at now: Instant) {
    warn("delegate busy", about: call.name, because: "its queue is full", at: now) {
      "the delegate is too slow: its queue is full, and a call of \(call.name) was dropped"
    }
  }

  private func warn(_ kind: String, about function: String, because reason: String, at now: Instant, _ text: () -> String) {
    guard logger.logLevel <= .warning, let withheld = limiter.admit(kind, about: function, at: now) else { return }
    logger.warning("\(text())\(withheld > 0 ? " (and \(withheld) more like it)" : "")", metadata: .about(because: reason))
  }

  /// A peer's request that was never complete.
  package func dropped(_ problem: ExchangeProblem, from peer: Peer, at now: Instant) {
    // By host, because the peer may use another port for each try.
    let subject = peer.provenName?.description ?? peer.address.host
    warn(problem.kind, about: subject, peer, because: problem.text, at: now) {
      "gave up a request from \(peer.text): \(problem.text)"
    }
  }

  /// A reply to our request that we cannot read.
  package func unopened(_ problem: EnvelopeProblem, from peer: Peer?, at now: Instant) {
    let subject = peer?.text ?? "a peer"
    warn(problem.counter, about: subject, peer, because: problem.text, at: now) {
      "cannot use the answer of \(subject): \(problem.text)"
    }
  }

  private func warn(_ kind: String, about subject: String, _ peer: Peer?, because reason: String, at now: Instant, _ text: () -> String) {
    guard logger.logLevel <= .warning, let withheld = limiter.admit(kind, about: subject, at: now) else { return }
    logger.warning(
      "\(text())\(withheld > 0 ? " (and \(withheld) more like it)" : "")",
      metadata: .about(peer?.provenName, at: peer?.address, because: reason))
  }
}

extension MemberEvent.Kind {
  /// The line that Serf writes when this happens to a member.
  fileprivate func line(_ member: SerfMember) -> String {
    switch self {
    case .join: "EventMemberJoin: \(member.name) \(member.address.host)"
    case .leave: "EventMemberLeave: \(member.name) \(member.address.host)"
    case .failed: "EventMemberFailed: \(member.name) \(member.address.host)"
    case .update: "EventMemberUpdate: \(member.name)"
    case .reap: "EventMemberReap: \(member.name)"
    }
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
