import Memberlist
import SerfPrimitives
import Synchronization

/// One address of a join as it was written, what it stands for, and its result so far.
struct PendingAttempt: Sendable {
  let text: String
  /// What to ask; nil if there is nothing to ask.
  var target: JoinTarget?
  /// Whether this node's own address is among those that it stands for.
  var isOurs = false
  var hasJoined = false
  /// What has failed so far.
  var failed: [JoinAttempt] = []
  /// The failures of addresses that were asked.
  var failures: [JoinFailure] = []

  /// Notes why one of its addresses failed, and reports it.
  mutating func fail(_ failure: JoinFailure, at address: NodeAddress, _ agreement: String?, ownName: NodeName) -> JoinAttempt {
    let asksForUs = target?.name == ownName
    let attempt = JoinAttempt(
      address: text, contacted: address, reason: failure.reason(asksForUs: asksForUs),
      message: failure.text(agreement, asksForUs: asksForUs))
    failed.append(attempt)
    failures.append(failure)
    return attempt
  }
}

/// The attempts of one join. Answers arrive on the node's event loop.
final class JoinLedger: Sendable {
  private let attempts: Mutex<[PendingAttempt]>
  /// Which of the attempts each target of the core's join belongs to.
  private let positions: [Int]
  private let ownName: NodeName
  private let report: @Sendable (JoinAttempt) -> Void

  /// Reports at once the attempts that need no answer.
  init(_ attempts: [PendingAttempt], ownName: NodeName, report: @escaping @Sendable (JoinAttempt) -> Void) {
    for attempt in attempts where attempt.target == nil {
      for failed in attempt.failed { report(failed) }
      if attempt.isOurs { report(JoinAttempt(address: attempt.text, reason: .isSelf)) }
    }
    self.ownName = ownName
    self.report = report
    positions = attempts.indices.filter { attempts[$0].target != nil }
    self.attempts = Mutex(attempts)
  }

  var targets: [JoinTarget] { attempts.withLock { $0.compactMap(\.target) } }
  /// The addresses that answered, as the caller wrote them.
  var joined: [String] { attempts.withLock { $0.filter(\.hasJoined).map(\.text) } }
  /// Whether this node's own address is among them.
  var holdsOurselves: Bool { attempts.withLock { $0.contains(where: \.isOurs) } }

  /// Whether any address answered, even if it refused us.
  var wasAnswered: Bool { attempts.withLock { $0.contains { $0.hasJoined || $0.failures.contains(where: \.isAnswer) } } }
  /// Whether any address may take this node later, without an operator's help. A host that could not be looked up may.
  var mayPass: Bool { attempts.withLock { $0.contains { $0.target == nil || $0.failures.contains(where: \.mayPass) } } }

  /// What failed, in the order in which the caller wrote the addresses.
  var failed: [JoinAttempt] { attempts.withLock { $0.flatMap(\.failed) } }

  /// An address has answered or failed.
  func answered(_ answer: JoinAnswer, agreement: String?) {
    let reports = attempts.withLock { attempts in
      answer.targets.map { target in
        let attempt = positions[target]
        switch answer.failure {
        case nil:
          attempts[attempt].hasJoined = true
          return JoinAttempt(address: attempts[attempt].text, contacted: answer.address, reason: nil)
        case .contact(.ourselves):
          attempts[attempt].isOurs = true
          return JoinAttempt(address: attempts[attempt].text, contacted: answer.address, reason: .isSelf)
        case let failure?: return attempts[attempt].fail(failure, at: answer.address, agreement, ownName: ownName)
        }
      }
    }
    for report in reports { self.report(report) }
  }

  /// All have ended. An address that had answered may have failed since: another process may have our name.
  func ended(_ results: [JoinResult], agreement: String?) {
    let reports = attempts.withLock { attempts in
      zip(positions, results).compactMap { attempt, result -> JoinAttempt? in
        guard attempts[attempt].hasJoined, let failure = result.failure else { return nil }
        attempts[attempt].hasJoined = false
        return attempts[attempt].fail(failure, at: result.target.address, agreement, ownName: ownName)
      }
    }
    for report in reports { self.report(report) }
  }
}
