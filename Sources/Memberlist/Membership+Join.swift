package import SerfPrimitives

// Joining (`memberlist.md` section 4.13). Go asks one address after another; here they are asked side by side, so that several dead ones together
// cost one deadline, not one each.
extension Membership {
  /// Exchanges states with each target. Reports each address as it answers or fails (``MembershipOutput/joinAnswered(_:_:)``), and all targets in
  /// ``MembershipOutput/joinFinished(_:_:)``, at the latest after the timeout of a push/pull. Targets that are the same are asked once.
  ///
  /// Where a connection costs a handshake the join may take twice that timeout: if hundreds of nodes join one member at once, the last one waits
  /// until all others are done. A target that says that it is too busy is asked again, and so is one that does not answer while we are late
  /// ourselves, if no target has joined.
  ///
  /// A target with a name must be that member; one without may be any member but ourselves. Where the transport proves no names, an address with a
  /// name is pinged first, under that name: our state goes only to a node that answers to it. A node of another cluster would merge our state.
  package mutating func join(_ targets: [JoinTarget], id: JoinID, at now: Instant) {
    let refusal: JoinFailure? = isLeaving || !hasStarted ? .leaving : joins.count >= configuration.limits.joins ? .tooMany : nil
    if let refusal {
      counters.joinsRefused += 1
      return outbox.push(.joinFinished(id, targets.map { JoinResult(target: $0, failure: refusal) }))
    }
    joins.append(JoinProgress(id, targets, deadline: now + joinTimeout))
    continueJoin(id, at: now)
  }

  /// Asks as many addresses as there are free places, or ends the join.
  mutating func continueJoin(_ id: JoinID, at now: Instant) {
    guard let position = joins.firstIndex(where: { $0.id == id }) else { return }
    while let attempt = joins[position].begin(limit: max(1, configuration.limits.joinExchanges), at: now) {
      openJoinExchange(id, attempt)
      if let nextAt = attempt.nextAt { timers.schedule(.join(id), at: nextAt) }
    }
    if joins[position].isOver { outbox.push(.joinFinished(id, joins.remove(at: position).results)) }
  }

  private var joinTimeout: Duration { configuration.pushPull.timeout * (transport.provesNames ? 2 : 1) }

  private mutating func openJoinExchange(_ id: JoinID, _ attempt: JoinProgress.Attempt) {
    if let name = attempt.name, !transport.provesNames {
      let number = nextSequenceNumber()
      let ask = NameQuestion(
        join: id, target: attempt.target, name: name, address: attempt.address, number: number, deadline: attempt.deadline)
      _ = openExchange(
        .name(ask), to: .member(name, attempt.address), path: .warm, deadline: attempt.deadline, .bytes(encodeReliablePing(name, number)))
    } else {
      openJoinExchange(id, target: attempt.target, attempt.name, attempt.address, deadline: attempt.deadline)
    }
  }

  private mutating func openJoinExchange(
    _ id: JoinID, target: Int, _ name: NodeName?, _ address: NodeAddress, deadline: Instant
  ) {
    let destination: Destination = name.map { .member($0, address) } ?? .anyMember(address)
    _ = openExchange(
      .join(id, target: target, address), to: destination, path: .warm, deadline: deadline, .pushPull(isJoin: true, with: name))
  }

  /// The node there has the name, or has not, or did not answer. One that is asked for another name than its own, ours or Go's, ends the exchange
  /// without an answer.
  mutating func nameAnswered(_ question: NameQuestion, isIts: Bool, failure: ContactFailure?, at now: Instant) {
    let (id, target, address) = (question.join, question.target, question.address)
    guard isJoining(id) else { return }
    if isIts { return openJoinExchange(id, target: target, question.name, address, deadline: question.deadline) }
    if let failure, failure != .refused, failure != .broken {
      if repeatJoin(id, target: target, address, after: failure, at: now) { return }
      joinAnswered(id, target: target, address, failure: .contact(failure), at: now)
    } else {
      joinAnswered(id, target: target, address, failure: .contact(.identityMismatch), at: now)
    }
  }

  /// An address did not take us because it is busy, or because we are: it does not answer, and we are too late to be sure of that. It is asked again in a
  /// moment. False when there is another reason, when the join is over by then, or when the address was asked often enough.
  mutating func repeatJoin(_ id: JoinID, target: Int, _ address: NodeAddress, after reason: ContactFailure, at now: Instant) -> Bool {
    let wasSilent = reason == .noContact && isTooLateToAccuse(at: now)
    guard reason == .overloaded || wasSilent else { return false }
    let again = now + JoinProgress.pause
    guard let position = joins.firstIndex(where: { $0.id == id }), again < joins[position].deadline,
      joins[position].mayRepeat(target, wasSilent: wasSilent)
    else { return false }
    timers.schedule(.joinAgain(id, target: target, address), at: again)
    return true
  }

  mutating func joinAgain(_ id: JoinID, target: Int, _ address: NodeAddress, at now: Instant) {
    guard let position = joins.firstIndex(where: { $0.id == id }) else { return }
    if let attempt = joins[position].again(target, address) { return openJoinExchange(id, attempt) }
    joinAnswered(id, target: target, address, failure: .contact(.overloaded), at: now)
  }

  /// The target of a join's attempt.
  func joinTarget(_ id: JoinID, _ target: Int, _ address: NodeAddress) -> JoinTarget? {
    joins.first { $0.id == id }.map { JoinTarget(address, name: $0.targets[target].target.name) }
  }

  /// Whether the answers to a join are still wanted: it may have ended by another address of the same host.
  func isJoining(_ id: JoinID) -> Bool { joins.contains { $0.id == id } }

  mutating func joinAnswered(_ id: JoinID, target: Int, _ address: NodeAddress, failure: JoinFailure?, at now: Instant) {
    guard let position = joins.firstIndex(where: { $0.id == id }) else { return }
    if joins[position].ended(target, failure: failure) {
      outbox.push(.joinAnswered(id, JoinAnswer(targets: joins[position].targets[target].positions, address: address, failure: failure)))
    }
    if failure == nil { joinSucceeded(at: now) }
    continueJoin(id, at: now)
  }
}

/// Whether the node at an address has the name under which a join looks for it.
struct NameQuestion: Sendable {
  let join: JoinID
  let target: Int
  let name: NodeName
  let address: NodeAddress
  /// The sequence number of the ping.
  let number: UInt32
  let deadline: Instant
}
