package import SerfPrimitives

/// A join under way: one target after another.
struct JoinProgress: Sendable {
  let id: JoinID
  let targets: [JoinTarget]
  var results: [JoinResult] = []
}

// Joining and leaving (`memberlist.md` section 4.13).
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

  mutating func joinAnswered(_ id: JoinID, failure: JoinFailure?, at now: Instant) {
    guard let position = joins.firstIndex(where: { $0.id == id }) else { return }
    let target = joins[position].targets[joins[position].results.count]
    joins[position].results.append(JoinResult(target: target, failure: failure))
    if failure == nil { joinSucceeded(at: now) }
    joinNext(id, at: now)
  }
}

/// How far a leave has come.
enum Departure: Hashable, Sendable {
  case none
  /// The news is being spread.
  case spreading
  case done

  /// Names the broadcast of our own death; the layer above never uses this number.
  static let notice = BroadcastID(.max)
}

extension Membership {
  /// Says goodbye: this node is `left` to everybody whom the news reaches, and ``MembershipOutput/leaveFinished(isComplete:)`` tells when
  /// the news was sent out often enough, or that `timeout` (nil: none) ran out first.
  ///
  /// The node goes on answering and gossiping, so that the news spreads, until its owner closes it. A second call does nothing.
  package mutating func leave(timeout: Duration?, at now: Instant) {
    guard !isLeaving else { return }
    departure = .spreading
    let isAlone = liveCount <= 1
    guard hasStarted else { return departureSpread() }
    declareDead(me, incarnation, by: name, notice: isAlone ? nil : Departure.notice, at: now)
    if isAlone { return departureSpread() }
    if let timeout { timers.schedule(.departure, at: now + timeout) }
  }

  mutating func departureSpread() {
    guard departure == .spreading else { return }
    departure = .done
    outbox.push(.leaveFinished(isComplete: true))
  }

  mutating func departureExpired() {
    guard departure == .spreading else { return }
    departure = .done
    outbox.push(.leaveFinished(isComplete: false))
  }

  /// Somebody suspects us although we left: the news goes out once more.
  mutating func repeatDeparture() {
    guard departure == .done, table[me].state == .left else { return }
    if let handle = table[me].broadcast, dissemination[.membership].contains(handle) { return }
    queueAccusation(me, .left, by: name)
  }
}
