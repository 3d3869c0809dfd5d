package import SerfPrimitives
import SerfWire

// Claims that a member is alive (`memberlist.md` section 4.9): its own announcements, what others relay, and entries of a push/pull.
extension Membership {
  mutating func aliveReceived(_ alive: borrowing Alive, from origin: Origin, at now: Instant) {
    let isSelf = alive.node.equals(name.bytes)
    if isSelf, isLeaving { return }
    if isSelf, isAboutOurVersions(alive) { return refute(alive.incarnation, origin) }
    guard let claim = examine(alive, from: origin) else { return }
    if let filter = configuration.aliveFilter, !filter(member(alive, claim)) {
      counters.claimsFiltered += 1
      return
    }
    guard let index = table.find(alive.node) else {
      // An incarnation of 0 is below that of any announcement: because it is tested before inserting, it leaves no phantom (hazard 6).
      guard alive.incarnation > 0, let index = insert(alive, claim, from: origin, at: now) else { return }
      return becomeAlive(index, alive.incarnation, claim, alive.metaBytes, at: now)
    }
    if isSelf { return aliveAboutMe(alive, claim, from: origin, at: now) }
    var outdoes = alive.incarnation > table[index].member.incarnation || isLastWord(alive, claim, about: index, from: origin)
    if !table[index].member.address.isSameEndpoint(as: claim.address) {
      guard acceptsMove(of: index, alive, claim, from: origin, at: now) else { return }
      outdoes = true
    }
    guard outdoes else {
      if isBeyondRefutation(index) { return askWhetherAlive(index, member(alive, claim), at: now) }
      return staleAlive(index, at: now)
    }
    becomeAlive(index, alive.incarnation, claim, alive.metaBytes, at: now)
  }

  /// The parts of an alive, checked.
  struct AliveClaim: Sendable {
    var address: NodeAddress
    var versions: ProtocolVersions
  }

  /// Checks for what no honest member sends. Such a claim creates or changes nothing and is not relayed.
  private mutating func examine(_ alive: borrowing Alive, from origin: Origin) -> AliveClaim? {
    let limits = configuration.limits
    guard alive.node.byteCount > 0, alive.node.byteCount <= limits.nameLength else { return drop(alive.node, .name, origin) }
    guard var address = alive.address else { return drop(alive.node, .address, origin) }
    if address.port == 0 { address.port = local.address.port }
    let isAboutMe = alive.node.equals(name.bytes)
    guard address.isUsableAsPeer || isAboutMe else { return drop(alive.node, .unusableAddress, origin) }
    guard transport.allowedNetworks.contains(address) || isAboutMe else { return drop(alive.node, .network, origin) }
    guard alive.metaBytes.byteCount <= limits.metaLength else { return drop(alive.node, .meta, origin) }
    guard let versions = alive.versions, areFitting(versions, of: alive.node) else { return drop(alive.node, .versions, origin) }
    return AliveClaim(address: address, versions: versions)
  }

  @discardableResult
  mutating func drop(_ node: RawSpan, _ problem: ClaimProblem, _ origin: Origin) -> AliveClaim? {
    switch problem {
    case .versions: counters.claimsWithBadVersions += 1
    case .name: counters.claimsWithBadName += 1
    case .address: counters.claimsWithBadAddress += 1
    case .meta: counters.claimsWithLongMeta += 1
    case .incarnation: counters.claimsWithHighIncarnation += 1
    case .state: counters.claimsWithBadState += 1
    case .unprovenAddress: counters.claimsToUnprovenAddress += 1
    case .network: counters.claimsOutsideNetworks += 1
    case .introducer: counters.membersRefused += 1
    case .unusableAddress: counters.claimsWithUnusableAddress += 1
    }
    let shown = node.byteCount > 256 ? node.extracting(0..<256) : node
    diagnose(.claimDropped(NodeName(bytes: [UInt8](copying: shown)), problem, deliveredBy: origin.carrier))
    return nil
  }

  func member(_ alive: borrowing Alive, _ claim: AliveClaim) -> GossipMember {
    GossipMember(
      name: NodeName(bytes: [UInt8](copying: alive.node)), address: claim.address, meta: [UInt8](copying: alive.metaBytes),
      versions: claim.versions, incarnation: alive.incarnation, state: .alive)
  }

  // MARK: New members

  private mutating func insert(_ alive: borrowing Alive, _ claim: AliveClaim, from origin: Origin, at now: Instant) -> NodeIndex? {
    let introducer = origin.carrier.flatMap { table.find($0) }
    let isOwnVoice = origin.carrier.map { alive.node.equals($0.bytes) } ?? false
    if transport.provesNames, introducer == nil, origin.peer != nil, !isOwnVoice, !origin.isJoinReply {
      // This also drops what a member says before the push/pull that makes it a member here. It says it again afterwards.
      _ = drop(alive.node, .introducer, origin)
      return nil
    }
    if let limit = exceededLimit(isOwnVoice: isOwnVoice, introducer: introducer, isJoinReply: origin.isJoinReply, at: now) {
      counters.membersRefused += 1
      diagnose(.limitReached(limit))
      return nil
    }
    var unborn = member(alive, claim)
    unborn.incarnation = 0
    unborn.state = .dead
    var state = NodeState(member: unborn, changedAt: now)
    state.isProven = isOwnVoice
    if isOwnVoice { state.heardAt = now }
    let index = table.insert(state, random: &random)
    if warmStrangers.remove(unborn.name) != nil { table.setWarm(index, true) }
    return index
  }

  /// `secure-transport.md` section 3, rule 2. Counts the new name on its introducer when no limit is exceeded.
  private mutating func exceededLimit(
    isOwnVoice: Bool, introducer: NodeIndex?, isJoinReply: Bool, at now: Instant
  ) -> MembershipLimit? {
    let limits = configuration.limits
    guard table.count < limits.members else { return .members }
    guard transport.provesNames, !isOwnVoice else { return nil }
    guard table.unprovenCount < limits.members / 2 else { return .unprovenMembers }
    guard !isJoinReply, let introducer else { return nil }
    if let since = table[introducer].namesIntroducedSince, now - since < .seconds(60) {
      guard table[introducer].namesIntroduced < limits.newNamesPerPeerPerMinute else { return .newNamesPerPeer }
    } else {
      table[introducer].namesIntroducedSince = now
      table[introducer].namesIntroduced = 0
    }
    table[introducer].namesIntroduced += 1
    return nil
  }

  // MARK: Transitions

  /// The member is alive at this incarnation: ends any suspicion, spreads the news, and tells the layer above what changed.
  mutating func becomeAlive(
    _ index: NodeIndex, _ incarnation: UInt32, _ claim: AliveClaim, _ meta: RawSpan, notice: BroadcastID? = nil, at now: Instant
  ) {
    let before = table[index].state
    table[index].suspicion = nil
    // Every part counts as an update: memberlist reports changed meta only (hazard 24).
    var isUpdate = table[index].member.versions != claim.versions
    isUpdate = !table[index].member.address.isSameEndpoint(as: claim.address) || isUpdate
    table[index].member.versions = claim.versions
    table[index].member.address = claim.address
    table[index].member.incarnation = incarnation
    if !meta.equals(table[index].member.meta) {
      table[index].member.meta = [UInt8](copying: meta)
      isUpdate = true
    }
    if before != .alive {
      table[index].state = .alive
      table[index].changedAt = now
      table[index].hasDialFailed = false
      ring.isStale = true
    }
    queueAlive(index, notice: notice)
    if !before.isLive {
      outbox.push(.joined(table[index].member))
    } else if isUpdate {
      outbox.push(.updated(table[index].member))
    }
  }

  /// Queues what we hold of a member as news.
  func encodeAlive(_ index: NodeIndex, into bytes: inout [UInt8]) {
    let member = table[index].member
    Alive(
      incarnation: member.incarnation, node: member.name.bytes.span.bytes, address: member.address, meta: member.meta.span.bytes,
      versions: member.versions
    ).encode(into: &bytes)
  }

  mutating func queueAlive(_ index: NodeIndex, notice: BroadcastID? = nil) {
    var message = startDraft()
    encodeAlive(index, into: &message)
    draft = message
    queueDraft(about: index, notice: notice)
  }

  /// The memory of the draft, empty. The caller fills it and assigns it back.
  mutating func startDraft() -> [UInt8] {
    var bytes: [UInt8] = []
    swap(&bytes, &draft)
    bytes.removeAll(keepingCapacity: true)
    return bytes
  }

  /// An alive at an incarnation at or below the one that was accused. If the accusation still stands it is sent again, so that a member that
  /// restarted from incarnation 1 hears what it has to outdo (hazard 14). At most once per probe interval and member, and not while an update about
  /// it waits.
  private mutating func staleAlive(_ index: NodeIndex, at now: Instant) {
    let state = table[index].state
    guard state == .dead || state == .suspect else { return }
    if let handle = table[index].broadcast, dissemination[.membership].contains(handle) { return }
    let pause = max(configuration.probe.interval, .seconds(1))
    if let last = table[index].accusationRequeuedAt, now - last < pause { return }
    table[index].accusationRequeuedAt = now
    counters.accusationsRequeued += 1
    queueAccusation(index, state, by: name)
  }

  // MARK: About this node

  /// Whether a peer says that we have other versions than we do. We outdo that even if the versions are invalid: a Go peer that believed it would
  /// refuse every push/pull.
  private func isAboutOurVersions(_ alive: borrowing Alive) -> Bool {
    let own = local
    guard alive.versions != own.versions, alive.incarnation >= own.incarnation else { return false }
    return transport.provesNames || alive.address?.isSameEndpoint(as: own.address) == true
  }

  /// A peer makes a claim about us. We outdo what we did not say ourselves.
  private mutating func aliveAboutMe(_ alive: borrowing Alive, _ claim: AliveClaim, from origin: Origin, at now: Instant) {
    let own = local
    if !own.address.isSameEndpoint(as: claim.address) {
      // With proven names no other node can hold our name for long: so the claim is our own past, and we outdo it (`secure-transport.md` 1.6).
      // Without proof it is a rival, and only the layer above can settle that.
      if transport.provesNames {
        counters.ownNameElsewhere += 1
        if alive.incarnation >= own.incarnation { refute(alive.incarnation, origin) }
        if let peer = origin.peer { correctAddressOfOurs(heldBy: peer, at: now) }
      } else {
        counters.conflicts += 1
        outbox.push(.conflict(existing: own, claimant: member(alive, claim)))
      }
      return
    }
    guard alive.incarnation >= own.incarnation else { return }
    let isOurs =
      alive.incarnation == own.incarnation && claim.versions == own.versions && alive.metaBytes.equals(own.meta)
    if !isOurs { refute(alive.incarnation, origin) }
  }

  /// Announces, with an incarnation above the claim's, that we are alive, with our real address, meta and versions.
  mutating func refute(_ claimed: UInt32, _ origin: Origin) {
    // Saturates: a counter that wraps could never refute again (hazard 3).
    incarnation = max(incarnation == .max ? .max : incarnation + 1, claimed == .max ? .max : claimed + 1)
    table[me].member.incarnation = incarnation
    awareness.apply(1)
    counters.refutations += 1
    queueAlive(me)
    diagnose(.refuted(incarnation: incarnation, deliveredBy: origin.carrier))
  }

  /// Announces this node with its next incarnation.
  mutating func announce(notice: BroadcastID?, at now: Instant) {
    incarnation = incarnation == .max ? .max : incarnation + 1
    let own = local
    becomeAlive(
      me, incarnation, AliveClaim(address: own.address, versions: own.versions), own.meta.span.bytes, notice: notice, at: now)
  }

  /// Changes what this node says about itself and spreads it; `notice` asks for ``MembershipOutput/broadcastFinished(_:)``. False when the meta is
  /// too long or the node is leaving; then nothing has changed.
  package mutating func updateMeta(_ meta: [UInt8], notice: BroadcastID? = nil, at now: Instant) -> Bool {
    lastInput = now
    guard meta.count <= configuration.limits.metaLength, hasStarted, !isLeaving else { return false }
    incarnation = incarnation == .max ? .max : incarnation + 1
    let own = local
    becomeAlive(
      me, incarnation, AliveClaim(address: own.address, versions: own.versions), meta.span.bytes, notice: notice, at: now)
    return true
  }
}
