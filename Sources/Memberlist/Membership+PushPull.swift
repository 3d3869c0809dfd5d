import SerfPrimitives

// Anti-entropy: whole states are exchanged with one member and merged (`memberlist.md` sections 2.4, 4.10 and 4.12).
extension Membership {
  mutating func pushPullTick(at now: Instant) {
    timers.schedule(
      .pushPullTick, at: now + PushPullSchedule.interval(base: configuration.pushPull.interval, nodes: table.count))
    pushPull(at: now)
  }

  /// A join is followed by one more exchange, as soon as the news of everybody who joined at the same time should have come by gossip. A
  /// broadcast that goes out 8 times misses a member with a probability of e⁻⁸: among 50 that start together, most often one misses one,
  /// until the next push/pull. Not in memberlist; to the peer it is a push/pull like any other.
  mutating func joinSucceeded(at now: Instant) {
    guard configuration.pushPull.interval > .zero, !followsJoin else { return }
    followsJoin = true
    let pause = max(configuration.gossip.interval, .milliseconds(100)) * 10
    timers.schedule(.pushPullAfterJoin, at: now + pause + random.fraction(of: pause))
  }

  mutating func pushPullAfterJoin(at now: Instant) {
    followsJoin = false
    pushPull(at: now)
  }

  private mutating func pushPull(at now: Instant) {
    guard !isLeaving else { return }
    let me = me
    // Of three a warm one, if there is any: the exchange should not cost a handshake (`secure-transport.md` 2.6).
    pickContacts(configuration.namesAreProven ? 3 : 1) { index, state in index != me && state.state == .alive }
    let picked = gossipSchedule.picked
    guard let partner = picked.first(where: { table[$0].warmPosition != nil }) ?? picked.first else { return }
    openPushPull(with: partner, at: now)
  }

  mutating func openPushPull(with partner: NodeIndex, at now: Instant) {
    _ = openExchange(
      .pushPull, to: destination(partner), path: .warm, deadline: now + configuration.pushPull.timeout, .pushPull(isJoin: false))
  }

  /// Appends a push/pull message with everything that is known, dead and left nodes included, and the layer above's state.
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

  /// What a push/pull was found to be before anything of it is applied.
  struct Examined {
    var isJoin = false
    var nodeCount = 0
    /// Whether it has an entry of the sender, and a live one.
    var holdsSender = false
    var holdsLiveSender = false
    var range = VersionRange()
    var members: [Member] = []
  }

  /// Reads the whole message once, applying nothing.
  func examine(_ message: RawSpan, sender: NodeName?) throws(WireError) -> Examined {
    var state = try PushPull(decoding: message, limits: streamLimits)
    var examined = Examined(isJoin: state.header.isJoin, nodeCount: state.header.nodeCount)
    examined.holdsSender = sender == nil
    examined.holdsLiveSender = sender == nil
    let isFiltered = state.header.isJoin && configuration.mergeFilter != nil
    while let node = try state.nextNode() {
      let memberState = UInt8(exactly: node.state).flatMap { MemberState(rawValue: $0) }
      if let sender, node.name.equals(sender.bytes) {
        examined.holdsSender = true
        examined.holdsLiveSender = examined.holdsLiveSender || memberState?.isLive == true
      }
      guard let versions = node.versions, versions.isValid else { continue }
      examined.range.add(versions, isAlive: memberState == .alive)
      if isFiltered, let memberState, let address = node.address, node.name.byteCount <= configuration.limits.nameLength,
        node.metaBytes.byteCount <= configuration.limits.metaLength, examined.members.count < configuration.limits.members
      {
        examined.members.append(
          Member(
            name: NodeName(bytes: [UInt8](copying: node.name)), address: address, meta: [UInt8](copying: node.metaBytes),
            versions: versions, incarnation: node.incarnation, state: memberState))
      }
    }
    return examined
  }

  /// Why this state must not be merged, if so.
  func refusal(of examined: Examined) -> RefusalReason? {
    if examined.nodeCount > 2 * configuration.limits.members { return .tooLarge }
    var range = examined.range
    for index in table.order { range.add(table[index].member.versions, isAlive: table[index].state == .alive) }
    if !range.isConsistent { return .versionMismatch }
    if examined.isJoin, let filter = configuration.mergeFilter, !filter(examined.members) { return .filtered }
    return nil
  }

  /// Applies a state that was examined, then hands the layer above its part, if there is one. `isReply` when we opened the exchange; `join` is
  /// set when we did so to join.
  mutating func merge(_ message: RawSpan, isReply: Bool, join: JoinID?, from peer: Peer, at now: Instant) {
    let origin = Origin(peer: peer, isJoinReply: join != nil)
    do throws(WireError) {
      var state = try PushPull(decoding: message, limits: streamLimits)
      while let node = try state.nextNode() { mergeNode(node, from: origin, at: now) }
      guard state.header.userStateLength > 0 else { return }
      let slot = outbox.copy(state.userState)
      outbox.push(.userState(slot, isJoin: join != nil || state.header.isJoin, isReply: isReply, join: join, from: peer))
    } catch {
      // It was read to its end once.
      counters.exchangesMalformed += 1
    }
  }

  private mutating func mergeNode(_ node: borrowing PushPullNode, from origin: Origin, at now: Instant) {
    // One entry with bad versions would make Go peers refuse the whole: it is skipped, the others are not (hazard 5).
    guard let versions = node.versions, versions.isValid else {
      drop(node.name, .versions, origin)
      return
    }
    guard let state = UInt8(exactly: node.state).flatMap({ MemberState(rawValue: $0) }) else {
      drop(node.name, .state, origin)
      return
    }
    switch state {
    case .alive:
      aliveReceived(
        Alive(incarnation: node.incarnation, node: node.name, address: node.address, meta: node.meta, versions: versions),
        from: origin, at: now)
    case .left:
      deadReceived(Dead(incarnation: node.incarnation, node: node.name, from: node.name), from: origin, at: now)
    case .dead, .suspect:
      // Never dead at once: the member gets the time of a suspicion to refute.
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

/// The protocol versions that everybody alive understands, and whether everybody speaks one of them (`memberlist.md` section 4.12).
///
/// The range is that of the alive ones, ours and theirs; what is spoken is checked for all, dead ones included.
package struct VersionRange: Sendable {
  private var protocolMinimum: UInt8 = 0
  private var protocolMaximum: UInt8 = .max
  private var delegateMinimum: UInt8 = 0
  private var delegateMaximum: UInt8 = .max
  private var lowestProtocol: UInt8 = .max
  private var highestProtocol: UInt8 = 0
  private var lowestDelegate: UInt8 = .max
  private var highestDelegate: UInt8 = 0

  package init() {}

  package mutating func add(_ versions: ProtocolVersions, isAlive: Bool) {
    if isAlive {
      protocolMinimum = max(protocolMinimum, versions.protocolMinimum)
      protocolMaximum = min(protocolMaximum, versions.protocolMaximum)
      delegateMinimum = max(delegateMinimum, versions.delegateMinimum)
      delegateMaximum = min(delegateMaximum, versions.delegateMaximum)
    }
    lowestProtocol = min(lowestProtocol, versions.protocolCurrent)
    highestProtocol = max(highestProtocol, versions.protocolCurrent)
    lowestDelegate = min(lowestDelegate, versions.delegateCurrent)
    highestDelegate = max(highestDelegate, versions.delegateCurrent)
  }

  /// Whether every version spoken lies in the range that all alive members understand.
  package var isConsistent: Bool {
    lowestProtocol > highestProtocol
      || (protocolMinimum <= lowestProtocol && highestProtocol <= protocolMaximum && delegateMinimum <= lowestDelegate
        && highestDelegate <= delegateMaximum)
  }
}
