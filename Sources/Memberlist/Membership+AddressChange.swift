package import SerfPrimitives

// A known member is said to be at another address (`memberlist.md` 4.9 step 5; `secure-transport.md` 1.6).
//
// Where names are proven the address moves only when the member itself, or our own dial, proves the move:
//
//     said by others ──dial new address──→ proven there ─┐
//     said by others, and heard from there itself ───────┤
//     said by itself, on its own connection ─────────────┤
//                                                        ├─ dead or left here ──→ moved
//                                                        └─ dial old address ──→ answers: a duplicate, the old one stays
//                                                                            └─→ silent: moved
//
// Incarnations do not decide: a member that restarts elsewhere begins at 1, below what is held of its former life. What decides is who answers.
// But only the member can outdo a false entry everywhere, so it is told of each that we meet (`correct`), and answers with its own.
extension Membership {
  /// An alive at an address that is being checked.
  struct AddressClaim: Sendable {
    enum Question: Sendable { case isItAtTheNew, isItStillAtTheOld }

    var question: Question
    var member: Member
    /// Who brought the claim: the connection to close if it is a duplicate's.
    var peer: Peer?
    /// Whether the member itself brought it.
    var isOwnVoice: Bool

    /// Whether this claim takes the place of one that waits: the member's own word before others', then the newer.
    func outranks(_ other: AddressClaim) -> Bool {
      isOwnVoice != other.isOwnVoice ? isOwnVoice : member.incarnation >= other.member.incarnation
    }
  }

  /// Whether the member's new address is taken at once. If not, it is a conflict, or a question that a dial will answer.
  mutating func acceptsMove(
    of index: NodeIndex, _ alive: borrowing Alive, _ claim: AliveClaim, from origin: Origin, at now: Instant
  ) -> Bool {
    guard configuration.namesAreProven else {
      let isFree =
        switch table[index].state {
        case .left: true
        case .dead: configuration.deadNodeReclaimTime > .zero && now - table[index].changedAt > configuration.deadNodeReclaimTime
        case .alive, .suspect: false
        }
      if isFree { return true }
      counters.conflicts += 1
      outbox.push(.conflict(existing: table[index].member, claimant: member(alive, claim)))
      return false
    }
    let isOwnVoice = origin.carrier == table[index].member.name
    if isOwnVoice, !table[index].state.isLive { return true }
    let claimant = AddressClaim(
      question: .isItAtTheNew, member: member(alive, claim), peer: origin.peer, isOwnVoice: isOwnVoice)
    if let waiting = table[index].waitingClaim, !claimant.outranks(waiting) {
      drop(alive.node, .unprovenAddress, origin)
      return false
    }
    table[index].waitingClaim = claimant
    reconsiderMove(of: index, at: now)
    if !isOwnVoice, table[index].waitingClaim != nil { drop(alive.node, .unprovenAddress, origin) }
    return false
  }

  /// Takes up the claim that waits, if there is a way to check it: the member itself speaks from there, or we may dial.
  mutating func reconsiderMove(of index: NodeIndex, at now: Instant) {
    guard let claim = table[index].waitingClaim, !table[index].isAddressInQuestion else { return }
    let address = claim.member.address
    if address.isSameEndpoint(as: table[index].member.address) {
      table[index].waitingClaim = nil
      // It has moved while its newer word was waiting.
      if claim.member.incarnation > table[index].member.incarnation { move(index, to: claim.member, at: now) }
    } else if claim.isOwnVoice {
      table[index].waitingClaim = nil
      if table[index].state.isLive { askOldAddress(of: index, claim, at: now) } else { move(index, to: claim.member, at: now) }
    } else if let heardFrom = table[index].heardFrom, heardFrom.isSameEndpoint(as: address), let heardAt = table[index].heardAt,
      now - heardAt < Self.addressDialPause
    {
      table[index].waitingClaim = nil
      if table[index].state.isLive { askOldAddress(of: index, claim, at: now) } else { move(index, to: claim.member, at: now) }
    } else if let last = table[index].addressDialledAt, now - last < Self.addressDialPause {
      // Once: claims that are repeated must not fill the timer queue.
      guard !table[index].isAddressPauseArmed else { return }
      table[index].isAddressPauseArmed = true
      timers.schedule(.addressPause(index), at: last + Self.addressDialPause)
    } else {
      table[index].waitingClaim = nil
      table[index].addressDialledAt = now
      ask(index, claim, at: address, at: now)
    }
  }

  /// Another dial is allowed.
  mutating func addressPauseOver(_ index: NodeIndex, at now: Instant) {
    guard table.contains(index) else { return }
    table[index].isAddressPauseArmed = false
    reconsiderMove(of: index, at: now)
  }

  /// At most one dial per name within this time to an address that others bring.
  static var addressDialPause: Duration { .seconds(10) }

  private mutating func askOldAddress(of index: NodeIndex, _ claim: AddressClaim, at now: Instant) {
    var claim = claim
    claim.question = .isItStillAtTheOld
    ask(index, claim, at: table[index].member.address, at: now)
  }

  /// Pings the name at the address, on a connection dialled for it.
  private mutating func ask(_ index: NodeIndex, _ claim: AddressClaim, at address: NodeAddress, at now: Instant) {
    table[index].isAddressInQuestion = true
    counters.addressDials += 1
    let name = table[index].member.name
    let slot = encodeReliablePing(name, nextSequenceNumber())
    _ = openExchange(
      .address(index, claim), to: .member(name, address), path: .fresh(since: now), deadline: now + configuration.probe.timeout,
      .bytes(slot))
  }

  /// The dial that asked has ended; `peer` is the member, if that is who answered.
  mutating func addressAnswered(_ index: NodeIndex, _ claim: AddressClaim, by peer: Peer?, at now: Instant) {
    guard table.contains(index) else { return }
    table[index].isAddressInQuestion = false
    defer { reconsiderMove(of: index, at: now) }
    switch claim.question {
    case .isItAtTheNew:
      guard let peer else {
        // A former life of it is going round. One that it outdid already dies out by itself.
        if table[index].state.isLive, claim.member.incarnation >= table[index].member.incarnation {
          correct(index, claim.member, over: destination(index), at: now)
        }
        return
      }
      correct(index, table[index].member, over: .reply(peer), at: now)
      if table[index].state.isLive { askOldAddress(of: index, claim, at: now) } else { move(index, to: claim.member, at: now) }
    case .isItStillAtTheOld:
      guard peer != nil else {
        // It may have left since the question was asked; a member that comes back speaks for itself.
        if table[index].state != .left { move(index, to: claim.member, at: now) }
        return
      }
      counters.conflicts += 1
      outbox.push(.conflict(existing: table[index].member, claimant: claim.member))
      if claim.isOwnVoice, let peer = claim.peer { outbox.push(.close(peer, .nameInUse)) }
    }
  }

  // MARK: Telling the member

  /// A member said where it is, on its own connection: in a ping, or in what a transport's peers say first. When the table has another address it
  /// is told, and what it answers is its own claim. Without effect where names are not proven.
  package mutating func addressStated(_ address: NodeAddress, by peer: Peer, at now: Instant) {
    guard configuration.namesAreProven, hasStarted, let name = peer.provenName, let index = table.find(name), index != me else { return }
    guard !table[index].member.address.isSameEndpoint(as: address) else { return }
    guard maySend(to: address) else { return }
    correct(index, table[index].member, over: .reply(peer), at: now)
  }

  /// Sends a member what is held or said of it, as an alive: it outdoes what is not so. At most once per gossip interval and member.
  private mutating func correct(_ index: NodeIndex, _ entry: Member, over destination: Destination, at now: Instant) {
    guard mayCorrect(index, at: now) else { return }
    send(entry, to: destination)
  }

  /// Answers a peer that has us at another address with what is so.
  mutating func correctAddressOfOurs(heldBy peer: Peer, at now: Instant) {
    guard let carrier = peer.provenName, let index = table.find(carrier), index != me, mayCorrect(index, at: now) else { return }
    send(local, to: .reply(peer))
  }

  private mutating func mayCorrect(_ index: NodeIndex, at now: Instant) -> Bool {
    if let last = table[index].correctedAt, now - last < max(configuration.gossip.interval, .milliseconds(100)) { return false }
    table[index].correctedAt = now
    counters.addressesCorrected += 1
    return true
  }

  private mutating func send(_ entry: Member, to destination: Destination) {
    let start = outbox.begin()
    Alive(
      incarnation: entry.incarnation, node: entry.name.bytes.span.bytes, address: entry.address, meta: entry.meta.span.bytes,
      versions: entry.versions
    ).encode(into: &outbox.arena)
    push(start, to: destination, path: .warm, id: nil, checksummed: false)
  }

  // MARK: Moving

  /// A helper reached a member that did not answer us, neither on a warm connection nor on a fresh one. Where names are proven a helper asks at the
  /// address that it has itself; the member may have moved without our hearing of it, so the helper's state is asked for.
  mutating func learnAddress(from helper: NodeName, at now: Instant) {
    guard let index = table.find(helper), !isLeaving else { return }
    _ = openExchange(
      .pushPull, to: destination(index), path: .warm, deadline: now + configuration.pushPull.timeout, .pushPull(isJoin: false))
  }

  /// The new address wins, whatever the incarnations: a restart elsewhere is no conflict, and begins at 1.
  private mutating func move(_ index: NodeIndex, to claimed: Member, at now: Instant) {
    becomeAlive(
      index, claimed.incarnation, AliveClaim(address: claimed.address, versions: claimed.versions), claimed.meta.span.bytes, at: now)
  }
}
