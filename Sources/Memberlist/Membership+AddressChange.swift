package import SerfPrimitives
import SerfWire

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
// Incarnations do not decide: a member that restarts elsewhere begins at 1, below what is known of its former life. What decides is which node
// answers. But only the member can outdo a false entry everywhere. So it is told of each one that we meet (`correct`), and answers with its own.
extension Membership {
  /// An alive at an address that is being checked.
  struct AddressClaim: Sendable {
    enum Question: Sendable { case isItAtTheNew, isItStillAtTheOld }

    var question: Question
    var member: GossipMember
    /// The peer that brought the claim: the connection to close if it is a duplicate's.
    var peer: Peer?
    /// Whether the member itself brought it.
    var isOwnVoice: Bool

    /// Whether this claim replaces one that waits: what the member says itself goes before what others say, then the newer one wins.
    func outranks(_ other: AddressClaim) -> Bool {
      isOwnVoice != other.isOwnVoice ? isOwnVoice : member.incarnation >= other.member.incarnation
    }
  }

  /// Whether the member's new address is accepted at once. If not, it is a conflict, or a dial will decide.
  mutating func acceptsMove(
    of index: NodeIndex, _ alive: borrowing Alive, _ claim: AliveClaim, from origin: Origin, at now: Instant
  ) -> Bool {
    guard transport.provesNames else {
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

  /// Checks the claim that waits, if that is possible now: the member itself speaks from there, or we may dial.
  mutating func reconsiderMove(of index: NodeIndex, at now: Instant) {
    guard let claim = table[index].waitingClaim, !table[index].isAddressInQuestion else { return }
    let address = claim.member.address
    if address.isSameEndpoint(as: table[index].member.address) {
      table[index].waitingClaim = nil
      // It moved while its newer claim was waiting.
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
      // Only once: repeated claims must not fill the timer queue.
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

  /// At most one dial per name within this time to an address that other members claim.
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

  /// The dial that asked has ended. `peer` is the member if the member answered.
  mutating func addressAnswered(_ index: NodeIndex, _ claim: AddressClaim, by peer: Peer?, at now: Instant) {
    guard table.contains(index) else { return }
    table[index].isAddressInQuestion = false
    defer { reconsiderMove(of: index, at: now) }
    switch claim.question {
    case .isItAtTheNew:
      guard let peer else {
        // Entries of its former life are being spread. One that it has already outdone dies out by itself.
        if table[index].state.isLive, claim.member.incarnation >= table[index].member.incarnation {
          correct(index, claim.member, over: destination(index), at: now)
        }
        return
      }
      correct(index, table[index].member, over: .reply(peer), at: now)
      if table[index].state.isLive { askOldAddress(of: index, claim, at: now) } else { move(index, to: claim.member, at: now) }
    case .isItStillAtTheOld:
      guard peer != nil else {
        // It may have left after the question was asked; a member that comes back speaks for itself.
        if table[index].state != .left { move(index, to: claim.member, at: now) }
        return
      }
      counters.conflicts += 1
      outbox.push(.conflict(existing: table[index].member, claimant: claim.member))
      if claim.isOwnVoice, let peer = claim.peer { outbox.push(.close(peer, .nameInUse)) }
    }
  }

  // MARK: Telling the member

  /// A member said where it is, on its own connection: in a ping, or in what a transport's peers say first. When the table has another address the
  /// member is told so, and its answer is its own claim. This has no effect where names are not proven.
  package mutating func addressStated(_ address: NodeAddress, by peer: Peer, at now: Instant) {
    lastInput = now
    guard transport.provesNames, hasStarted, let name = peer.provenName, let index = table.find(name), index != me else { return }
    guard !table[index].member.address.isSameEndpoint(as: address) else { return }
    guard maySend(to: address) else { return }
    correct(index, table[index].member, over: .reply(peer), at: now)
  }

  /// Sends a member what is believed or said of it, as an alive: the member outdoes what is wrong. At most once per gossip interval and member.
  private mutating func correct(_ index: NodeIndex, _ entry: GossipMember, over destination: Destination, at now: Instant) {
    guard mayCorrect(index, at: now) else { return }
    send(entry, to: destination)
  }

  /// Answers a peer that has us at another address with our real one.
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

  private mutating func send(_ entry: GossipMember, to destination: Destination) {
    let start = outbox.begin()
    Alive(
      incarnation: entry.incarnation, node: entry.name.bytes.span.bytes, address: entry.address, meta: entry.meta.span.bytes,
      versions: entry.versions
    ).encode(into: &outbox.arena)
    push(start, to: destination, path: .warm, id: nil, checksummed: false)
  }

  // MARK: Moving

  /// A helper reached a member that did not answer us, neither on a warm connection nor on a fresh one. Where names are proven a helper uses the
  /// address in its own table. The member may have moved and we have not heard of it, so we ask for the helper's state.
  mutating func learnAddress(from helper: NodeName, at now: Instant) {
    guard let index = table.find(helper), !isLeaving else { return }
    _ = openExchange(
      .pushPull, to: destination(index), path: .warm, deadline: now + configuration.pushPull.timeout,
      .pushPull(isJoin: false, with: table[index].member.name))
  }

  /// The new address wins, whatever the incarnations are: a restart elsewhere is no conflict, and its incarnation begins at 1.
  private mutating func move(_ index: NodeIndex, to claimed: GossipMember, at now: Instant) {
    becomeAlive(
      index, claimed.incarnation, AliveClaim(address: claimed.address, versions: claimed.versions), claimed.meta.span.bytes, at: now)
  }
}
