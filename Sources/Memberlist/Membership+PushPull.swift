import SerfPrimitives
import SerfWire

// Anti-entropy: whole states are exchanged with one member and merged (`memberlist.md` sections 2.4, 4.10 and 4.12).
extension Membership {
  mutating func pushPullTick(at now: Instant) {
    timers.schedule(
      .pushPullTick, at: now + PushPullSchedule.interval(base: configuration.pushPull.interval, nodes: table.count))
    pushPull(at: now)
  }

  /// A join is followed by further exchanges, the first as soon as gossip should have brought the news of all nodes that joined at the same time. A
  /// broadcast that goes out 8 times misses a member with a probability of e⁻⁸: among 50 nodes that start together, usually one of them misses
  /// another until the next push/pull. If nodes keep joining for a while, or packets are lost because of load, the later exchanges bring what the
  /// first could not: in a large cluster the next regular one is minutes away. Not in memberlist; to the peer it is a push/pull like any other.
  mutating func joinSucceeded(at now: Instant) {
    guard configuration.pushPull.interval > .zero, followUp?.followsJoin != true else { return }
    scheduleFollowUp(step: 0, followsJoin: true, at: now)
  }

  /// An exchange brought members that gossip had not brought, so there may be more: another exchange follows, unless one is due anyway. When hundreds
  /// of nodes start on a slow machine, some are still joining when the exchanges after our join are over.
  mutating func exchangeBroughtMembers(at now: Instant) {
    guard configuration.pushPull.interval > .zero, followUp == nil else { return }
    var last = 0
    while FollowUp.pause(last + 1, configuration) != nil { last += 1 }
    scheduleFollowUp(step: last, followsJoin: false, at: now)
  }

  mutating func followUpDue(_ number: UInt32, at now: Instant) {
    guard let due = followUp, due.number == number else { return }
    pushPull(at: now)
    followUp = nil
    // After the last step the same again, while the cluster grows by more than a hundredth meanwhile.
    let isLast = FollowUp.pause(due.step + 1, configuration) == nil
    guard !isLast || table.count - due.known > table.count / 100 else { return }
    scheduleFollowUp(step: isLast ? due.step : due.step + 1, followsJoin: due.followsJoin, at: now)
  }

  private mutating func scheduleFollowUp(step: Int, followsJoin: Bool, at now: Instant) {
    guard let pause = FollowUp.pause(step, configuration) else { return }
    lastFollowUp &+= 1
    followUp = FollowUp(number: lastFollowUp, step: step, followsJoin: followsJoin, known: table.count)
    timers.schedule(.followUp(lastFollowUp), at: now + pause + random.fraction(of: pause))
  }

  private mutating func pushPull(at now: Instant) {
    guard !isLeaving else { return }
    let me = me
    // A warm member, if there is one: the exchange should not cost a handshake (`secure-transport.md` 2.6).
    pickWarmFirst(1) { index, state in index != me && state.state == .alive }
    guard let partner = gossipSchedule.picked.first else { return }
    openPushPull(with: partner, at: now)
  }

  mutating func openPushPull(with partner: NodeIndex, at now: Instant) {
    _ = openExchange(
      .pushPull, to: destination(partner), path: .warm, deadline: now + configuration.pushPull.timeout,
      .pushPull(isJoin: false, with: table[partner].member.name))
  }

  /// Appends a push/pull message with everything that is known, including dead and left nodes, and the layer above's state.
  package func encodePushPull(isJoin: Bool, userState: RawSpan, into bytes: inout [UInt8]) {
    PushPullHeader(isJoin: isJoin, nodeCount: table.count, userStateLength: userState.byteCount).encode(into: &bytes)
    for index in table.order {
      let member = table[index].member
      PushPullNode(
        name: member.name.bytes.span.bytes, address: member.address, meta: member.meta.span.bytes, incarnation: member.incarnation,
        state: Int(member.state.rawValue), versions: member.versions
      ).encode(into: &bytes)
    }
    bytes.append(copying: userState)
  }

  // MARK: Receiving

  /// What was found in a push/pull before any of it is applied.
  struct Examined {
    var isJoin = false
    var nodeCount = 0
    /// Whether it has an entry of the sender, and a live one.
    var holdsSender = false
    var holdsLiveSender = false
    /// Whether it has a live entry of the name that we meant to reach, if we meant one.
    var holdsLiveTarget = false
    /// Whether it has an entry of the sender whose versions do not fit; and how many entries have versions that fit.
    var isSenderForeign = false
    var fittingCount = 0
    /// The address of the sender's own entry, if no node can be reached at it.
    var unusableAddress: NodeAddress?
    /// Whether it has our own entry, with our address, and no other entry except of nodes that are gone here as well. A node that answers lists
    /// itself, so such an answer comes from this node.
    var isOurOwn: Bool { holdsOurAddress && !holdsOthers }
    var holdsOurAddress = false
    var holdsOthers = false
    var members: [GossipMember] = []
  }

  /// Reads the whole message once and applies nothing. `sender` is the member that must be speaking, where names are proven. `target` is the one that
  /// we meant to reach, where we opened the exchange to join.
  func examine(_ message: RawSpan, sender: NodeName?, target: JoinTarget? = nil) throws(WireError) -> Examined {
    var state = try PushPull(decoding: message, limits: streamLimits)
    var examined = Examined(isJoin: state.header.isJoin, nodeCount: state.header.nodeCount)
    examined.holdsSender = sender == nil
    examined.holdsLiveSender = sender == nil
    examined.holdsLiveTarget = target?.name == nil
    let isFiltered = state.header.isJoin && configuration.mergeFilter != nil
    let own = local.versions
    let isNamed = sender != nil || target?.name != nil
    var senderFits = false
    var holdsReachable = false
    while let node = try state.nextNode() {
      let memberState = UInt8(exactly: node.state).flatMap { MemberState(rawValue: $0) }
      if let sender, node.name.equals(sender.bytes) {
        examined.holdsSender = true
        examined.holdsLiveSender = examined.holdsLiveSender || memberState?.isLive == true
      }
      if memberState?.isLive == true, target?.name.map({ node.name.equals($0.bytes) }) == true { examined.holdsLiveTarget = true }
      if node.name.equals(name.bytes) {
        examined.holdsOurAddress = node.address?.isSameEndpoint(as: local.address) ?? false
      } else if memberState?.isLive != false || table.find(node.name).map({ table[$0].state.isLive }) != false {
        // Alive, or gone there and not gone here: a member that leaves lists itself as gone.
        examined.holdsOthers = true
      }
      let isSender = sender.map { node.name.equals($0.bytes) } ?? (target.map { Self.isEntry(node, of: $0) } ?? false)
      if memberState?.isLive == true, let address = node.address, !node.name.equals(name.bytes) {
        if address.isUnicast {
          holdsReachable = true
        } else if isSender || !isNamed {
          examined.unusableAddress = address
        }
      }
      guard let versions = node.versions, versions.isValid, versions.fits(own) else {
        if isSender { examined.isSenderForeign = true }
        continue
      }
      examined.fittingCount += 1
      if isSender { senderFits = true }
      if isFiltered, let memberState, let address = node.address, address.isUnicast, node.name.byteCount <= configuration.limits.nameLength,
        node.metaBytes.byteCount <= configuration.limits.metaLength, examined.members.count < configuration.limits.members
      {
        examined.members.append(
          GossipMember(
            name: NodeName(bytes: [UInt8](copying: node.name)), address: address, meta: [UInt8](copying: node.metaBytes),
            versions: versions, incarnation: node.incarnation, state: memberState))
      }
    }
    // An invented name at the sender's address is not the sender.
    if senderFits { examined.isSenderForeign = false }
    // A node that answers without a name is recognised only if its entry is the only one: among others the unusable entry may be any member's.
    if !isNamed, holdsReachable { examined.unusableAddress = nil }
    return examined
  }

  /// Whether the entry is about the member that we meant to reach, as far as we can know.
  private static func isEntry(_ node: borrowing PushPullNode, of target: JoinTarget) -> Bool {
    if let name = target.name { return node.name.equals(name.bytes) }
    return node.state == MemberState.alive.rawValue && node.address?.isSameEndpoint(as: target.address) == true
  }

  /// Why this state must not be merged; nil if it may be.
  func refusal(of examined: Examined) -> RefusalReason? {
    if examined.nodeCount > 2 * configuration.limits.members { return .tooLarge }
    if examined.isSenderForeign || examined.nodeCount > 0 && examined.fittingCount == 0 { return .versionMismatch }
    if examined.isJoin, let filter = configuration.mergeFilter, !filter(examined.members) { return .filtered }
    return nil
  }

  /// Applies a state that was examined, then gives the layer above its part, if it has one. `isReply`: we opened the exchange. `join` is set if we
  /// did so to join.
  mutating func merge(_ message: RawSpan, isReply: Bool, join: JoinID?, from peer: Peer, at now: Instant) {
    let origin = Origin(peer: peer, isJoinReply: join != nil)
    isMerging = true
    defer { isMerging = false }
    do throws(WireError) {
      var state = try PushPull(decoding: message, limits: streamLimits)
      while let node = try state.nextNode() { mergeNode(node, from: origin, at: now) }
      guard state.header.userStateLength > 0 else { return }
      let slot = outbox.copy(state.userState)
      outbox.push(.userState(slot, isJoin: join != nil || state.header.isJoin, isReply: isReply, join: join, from: peer))
    } catch {
      // `examine` has read it to its end, so this does not happen.
      counters.exchangesMalformed += 1
    }
  }

  private mutating func mergeNode(_ node: borrowing PushPullNode, from origin: Origin, at now: Instant) {
    guard let state = UInt8(exactly: node.state).flatMap({ MemberState(rawValue: $0) }) else {
      drop(node.name, .state, origin)
      return
    }
    // Whatever its state is: a node to which nothing can be sent is no member. An entry about ourselves is answered nevertheless.
    if let address = node.address, !address.isUnicast, !node.name.equals(name.bytes) {
      drop(node.name, .unusableAddress, origin)
      return
    }
    // One entry with bad versions would make Go peers refuse the whole state: it is skipped, the others are not (hazard 5). An entry about ourselves
    // is answered whatever its versions are, because others may believe it.
    let isFitting = node.versions.map { $0.isValid && $0.fits(local.versions) } ?? false
    guard state == .alive || isFitting || node.name.equals(name.bytes) else {
      drop(node.name, .versions, origin)
      return
    }
    switch state {
    case .alive:
      aliveReceived(
        Alive(incarnation: node.incarnation, node: node.name, address: node.address, meta: node.meta, versions: node.versions),
        from: origin, at: now)
    case .left:
      deadReceived(Dead(incarnation: node.incarnation, node: node.name, from: node.name), from: origin, at: now)
    case .dead, .suspect:
      // It is never dead at once: the member gets the time of a suspicion to refute.
      let own = name.bytes
      suspectReceived(Suspect(incarnation: node.incarnation, node: node.name, from: own.span.bytes), from: origin, at: now)
    }
  }

  var streamLimits: StreamMessage.Limits {
    var limits = StreamMessage.Limits()
    limits.userState = configuration.limits.userStateLength
    limits.userMessage = configuration.limits.userStateLength
    return limits
  }
}
