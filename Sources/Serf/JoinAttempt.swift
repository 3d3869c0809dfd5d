import Memberlist
import SerfPrimitives
import Synchronization

/// One address of a join as it was written, what it stands for, and what has come of it.
struct JoinAttempt: Sendable {
  let text: String
  /// What is to be asked; nil where there is nothing to ask.
  var target: JoinTarget?
  /// Whether this node's own address is among those that it stands for.
  var isOurs = false
  var hasJoined = false
  /// Why it has come to nothing so far.
  var reasons: [String] = []
}

/// The attempts of one join. Answers come in on the node's event loop.
final class JoinLedger: Sendable {
  private let attempts: Mutex<[JoinAttempt]>
  /// Which of the attempts each target of the core's join belongs to.
  private let positions: [Int]
  private let report: @Sendable (JoinReport) -> Void

  /// Reports at once what needs no answer.
  init(_ attempts: [JoinAttempt], report: @escaping @Sendable (JoinReport) -> Void) {
    var attempts = attempts
    for index in attempts.indices where attempts[index].target == nil {
      let text = attempts[index].text
      let failed = attempts[index].reasons.map { JoinReport(text: text, address: nil, outcome: .failed($0)) }
      attempts[index].reasons = failed.map(\.description)
      for failure in failed { report(failure) }
      if attempts[index].isOurs { report(JoinReport(text: text, address: nil, outcome: .ourselves)) }
    }
    self.report = report
    positions = attempts.indices.filter { attempts[$0].target != nil }
    self.attempts = Mutex(attempts)
  }

  var targets: [JoinTarget] { attempts.withLock { $0.compactMap(\.target) } }
  var joined: Int { attempts.withLock { $0.count(where: \.hasJoined) } }
  /// Whether this node's own address is among them.
  var holdsOurselves: Bool { attempts.withLock { $0.contains(where: \.isOurs) } }

  /// Why each came to nothing, in the order in which the caller wrote them.
  var failures: String {
    attempts.withLock { $0.flatMap(\.reasons) }.joined(separator: "; ")
  }

  /// An address has answered, or will not.
  func answered(_ answer: JoinAnswer, agreement: String?) {
    let reports = attempts.withLock { attempts in
      answer.targets.map { target in
        let attempt = positions[target]
        let outcome: JoinReport.Outcome
        switch answer.failure {
        case nil:
          attempts[attempt].hasJoined = true
          outcome = .joined
        case .contact(.ourselves):
          attempts[attempt].isOurs = true
          outcome = .ourselves
        case let failure?: outcome = .failed(failure.text(agreement))
        }
        let report = JoinReport(text: attempts[attempt].text, address: answer.address, outcome: outcome)
        if case .failed = outcome { attempts[attempt].reasons.append(report.description) }
        return report
      }
    }
    for report in reports { self.report(report) }
  }

  /// All have ended. What had answered may have failed since: another process may have our name.
  func ended(_ results: [JoinResult], agreement: String?) {
    let reports = attempts.withLock { attempts in
      zip(positions, results).compactMap { attempt, result -> JoinReport? in
        guard attempts[attempt].hasJoined, let failure = result.failure else { return nil }
        attempts[attempt].hasJoined = false
        let report = JoinReport(text: attempts[attempt].text, address: result.target.address, outcome: .failed(failure.text(agreement)))
        attempts[attempt].reasons.append(report.description)
        return report
      }
    }
    for report in reports { self.report(report) }
  }
}
