package import SerfPrimitives

/// A join under way: one target after another.
struct JoinProgress: Sendable {
  let id: JoinID
  let targets: [JoinTarget]
  var results: [JoinResult] = []
}

// Joining (`memberlist.md` section 4.13).
extension Membership {
  /// Exchanges states with each target, one after another, and reports on all of them in ``MembershipOutput/joinFinished(_:_:)``.
  ///
  /// On a transport that proves names a target with a name must be that member; one without may be any member but ourselves.
  package mutating func join(_ targets: [JoinTarget], id: JoinID, at now: Instant) {
    let refusal: JoinFailure? = isLeaving || !hasStarted ? .leaving : joins.count >= configuration.limits.joins ? .tooMany : nil
    if let refusal {
      counters.joinsRefused += 1
      return outbox.push(.joinFinished(id, targets.map { JoinResult(target: $0, failure: refusal) }))
    }
    joins.append(JoinProgress(id: id, targets: targets))
    joinNext(id, at: now)
  }

  private mutating func joinNext(_ id: JoinID, at now: Instant) {
    guard let position = joins.firstIndex(where: { $0.id == id }) else { return }
    let done = joins[position].results.count
    guard done < joins[position].targets.count else {
      return outbox.push(.joinFinished(id, joins.remove(at: position).results))
    }
    let target = joins[position].targets[done]
    let destination: Destination = target.name.map { .member($0, target.address) } ?? .anyMember(target.address)
    _ = openExchange(
      .join(id), to: destination, path: .warm, deadline: now + configuration.pushPull.timeout, .pushPull(isJoin: true))
  }

  /// Whom a join under way waits for.
  func joinTarget(_ id: JoinID) -> JoinTarget? {
    joins.first { $0.id == id }.map { $0.targets[$0.results.count] }
  }

  mutating func joinAnswered(_ id: JoinID, failure: JoinFailure?, at now: Instant) {
    guard let position = joins.firstIndex(where: { $0.id == id }) else { return }
    let target = joins[position].targets[joins[position].results.count]
    joins[position].results.append(JoinResult(target: target, failure: failure))
    if failure == nil { joinSucceeded(at: now) }
    joinNext(id, at: now)
  }
}
