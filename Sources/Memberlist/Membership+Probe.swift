import SerfPrimitives
import SerfWire

// The probe loop: one member at a time is asked whether it lives (`memberlist.md` sections 4.4 and 4.5).
extension Membership {
  mutating func probeTick(at now: Instant) {
    connectNeighbour(at: now)
    if probe == nil {
      startNextProbe(at: now)
      if probe == nil { startProbeInTurn(at: now) }
    }
    if probe?.isUrgent == true { isTurnOverdue = true }
    // Scheduled after the probe's own timers: at the same instant a probe ends before the next one begins.
    timers.schedule(.probeTick, at: now + configuration.probe.interval)
  }

  /// Probes a member out of turn, but the same member at most once per probe interval.
  mutating func hastenProbe(of index: NodeIndex, at now: Instant) {
    guard index != me, table[index].state.isLive, configuration.probe.interval > .zero else { return }
    if let last = table[index].urgentProbeAt, now - last < configuration.probe.interval { return }
    guard probeSchedule.hasten(index, limit: configuration.limits.urgentProbes) else {
      counters.urgentProbesRefused += 1
      return diagnose(.limitReached(.urgentProbes))
    }
    table[index].urgentProbeAt = now
    if probe == nil { startNextProbe(at: now) }
  }

  /// Starts a probe out of turn, if a member waits for one. If a turn was already given to such a probe, the member in turn is probed first: members
  /// that cause probes out of turn must not take the turns of other members, or keep dead ones in the table.
  private mutating func startNextProbe(at now: Instant) {
    guard probeSchedule.hasUrgent else { return }
    if isTurnOverdue { startProbeInTurn(at: now) }
    guard probe == nil, let index = probeSchedule.nextUrgent(in: table) else { return }
    startProbe(of: index, isUrgent: true, at: now)
  }

  private mutating func startProbeInTurn(at now: Instant) {
    isTurnOverdue = false
    var reaped: [NodeName] = []
    let target = probeSchedule.next(
      in: &table, except: me, forgettingAfter: configuration.gossip.deadMemberDuration, random: &random, at: now, reaped: &reaped)
    for name in reaped { outbox.push(.forget(name)) }
    if let target { startProbe(of: target, isUrgent: false, at: now) }
  }

  // MARK: Direct

  private mutating func startProbe(of index: NodeIndex, isUrgent: Bool, at now: Instant) {
    if probesByDial(index, isUrgent: isUrgent, at: now) { return }
    counters.probes += 1
    let member = table[index].member
    let isCold = transport.provesNames && table[index].warmPosition == nil
    // Our own lateness is added to the network's time: once for the ping and once for the ack, and the same again for the helpers' round.
    let late = lag(at: now)
    let window = awareness.scaled(configuration.probe.interval)
    let timeout = min(configuration.probe.timeout, window) + late * 2
    let deadline = now + window + late * 4
    let sequenceNumber = nextSequenceNumber()
    let packet = nextPacket()
    probe = Probe(
      target: index, name: member.name, address: member.address, incarnation: member.incarnation, sequenceNumber: sequenceNumber,
      startedAt: now, deadline: deadline, measuresRoundTrip: !isCold, packet: packet)
    probe?.isUrgent = isUrgent
    sendProbePing(path: .warm, id: packet)
    if transport.provesNames { timers.schedule(.probeHalf(sequenceNumber), at: now + timeout / 2) }
    timers.schedule(.probeTimeout(sequenceNumber), at: now + timeout)
    timers.schedule(.probeDeadline(sequenceNumber), at: deadline)
  }

  /// How late a verdict may be given without a second look.
  static let punctual = Duration.milliseconds(5)

  /// Sends the ping of the present probe. A suspect gets the accusation in the same packet and nothing else, so that it can refute at once
  /// (Lifeguard, "buddy system").
  private mutating func sendProbePing(path: SendPath, id: PacketID) {
    guard let probe, table.contains(probe.target) else { return }
    var message = startDraft()
    encodePing(probe.name, probe.sequenceNumber, into: &message)
    draft = message
    guard table[probe.target].state == .suspect else {
      return sendDraft(to: destination(probe.target), path: path, id: id)
    }
    var compound = CompoundWriter()
    swap(&compound, &pair)
    compound.add(draft.span.bytes)
    let node = probe.name.bytes
    let own = name.bytes
    Suspect(incarnation: table[probe.target].member.incarnation, node: node.span.bytes, from: own.span.bytes).encode(into: &compound.bytes)
    compound.endPart()
    let start = outbox.begin()
    compound.finish(into: &outbox.arena)
    swap(&compound, &pair)
    push(start, to: destination(probe.target), path: path, id: id, checksummed: isChecksummed(probe.target))
  }

  /// Half of the probe timeout went by in silence. Silence on a warm connection proves nothing, so the ping is sent again on a fresh one
  /// (`secure-transport.md` 2.1).
  ///
  /// This is not done if the member was heard in the meantime: then the connection works, and the ack is late.
  mutating func repeatPing(_ sequenceNumber: UInt32, at now: Instant) {
    guard let probe = self.probe, probe.sequenceNumber == sequenceNumber, !isHeard(probe) else { return }
    let startedAt = probe.startedAt
    let packet = nextPacket()
    self.probe?.freshPacket = packet
    self.probe?.measuresRoundTrip = false
    sendProbePing(path: .fresh(since: startedAt), id: packet)
  }

  // MARK: Indirect

  mutating func probeTimedOut(_ sequenceNumber: UInt32, at now: Instant) {
    guard probe?.sequenceNumber == sequenceNumber else { return }
    askHelpers(at: now)
  }

  /// Asks helpers, and the member itself over a reliable exchange.
  private mutating func askHelpers(at now: Instant) {
    guard var probe, probe.stage == .direct, table.contains(probe.target) else { return }
    probe.stage = .indirect
    let (target, me) = (probe.target, me)
    // On existing connections: a dial would delay the helper's answer, and cost work at both ends.
    pickWarmFirst(configuration.probe.indirectChecks) { index, state in index != me && index != target && state.state == .alive }
    for helper in gossipSchedule.picked {
      let member = table[helper].member
      // Two names at one socket count as one helper.
      guard !probe.helpers.contains(where: { $0.address.isSameEndpoint(as: member.address) }) else { continue }
      let wantsNack = member.versions.protocolMaximum >= 4
      let packet = nextPacket()
      probe.helpers.append(Probe.Helper(name: member.name, address: member.address, packet: packet, owesNack: wantsNack))
      if wantsNack { probe.nacksExpected += 1 }
      var message = startDraft()
      let own = local
      IndirectPing(
        sequenceNumber: probe.sequenceNumber, node: probe.name.bytes.span.bytes, target: probe.address, wantsNack: wantsNack,
        source: own.address, sourceNode: own.name.bytes.span.bytes
      ).encode(into: &message)
      draft = message
      sendDraft(to: destination(helper), id: packet)
    }
    if configuration.probe.usesReliablePing, table[target].member.versions.protocolMaximum >= 3, probe.deadline > now {
      probe.exchange = openExchange(
        .probe(probe.sequenceNumber), to: .member(probe.name, probe.address), path: .fresh(since: probe.startedAt),
        deadline: probe.deadline, .bytes(encodeReliablePing(probe.name, probe.sequenceNumber)))
    }
    self.probe = probe
  }

  /// The exchange of the reliable ping ended.
  mutating func probeExchangeEnded(_ sequenceNumber: UInt32, isAcked: Bool) {
    if probe?.sequenceNumber == sequenceNumber, isAcked { probe?.isReliablyAcked = true }
  }

  // MARK: Outcomes

  /// True when the ack belongs to the current probe.
  mutating func probeAckReceived(_ ack: borrowing Ack, from peer: Peer, at now: Instant) -> Bool {
    guard let probe, probe.sequenceNumber == ack.sequenceNumber else { return false }
    let voice = probe.voice(of: peer, namesAreProven: transport.provesNames)
    guard voice != .stranger, now <= probe.deadline else {
      counters.strayAcks += 1
      return true
    }
    if voice == .target, probe.stage == .direct {
      let payload = outbox.copy(ack.payloadBytes)
      outbox.push(
        .ackReceived(probe.name, roundTrip: probe.measuresRoundTrip ? now - probe.startedAt : nil, payload: payload))
    }
    if voice != .target, transport.provesNames, let helper = peer.provenName { learnAddress(from: helper, at: now) }
    probeSucceeded(at: now)
    return true
  }

  /// True when the nack belongs to the current probe.
  mutating func probeNackReceived(_ nack: Nack, from peer: Peer) -> Bool {
    guard let voice = probe?.voice(of: peer, namesAreProven: transport.provesNames),
      probe?.sequenceNumber == nack.sequenceNumber
    else { return false }
    if probe?.nackReceived(from: voice) != true { counters.strayNacks += 1 }
    return true
  }

  private mutating func probeSucceeded(at now: Instant) {
    if probe?.earnsReward == true { awareness.apply(-1) }
    if let target = probe?.target { probeAnswered(by: target, at: now) }
    endProbe(at: now)
  }

  private mutating func endProbe(at now: Instant) {
    probe = nil
    startNextProbe(at: now)
  }

  mutating func probeExpired(_ sequenceNumber: UInt32, at now: Instant) {
    guard let probe, probe.sequenceNumber == sequenceNumber else { return }
    // The row, address or life that was probed no longer exists: there is no verdict about what replaced it.
    guard table.contains(probe.target), table[probe.target].state.isLive,
      table[probe.target].member.address.isSameEndpoint(as: probe.address)
    else { return endProbe(at: now) }
    if probe.isReliablyAcked {
      diagnose(.onlyReliablyReachable(probe.name))
      return probeSucceeded(at: now)
    }
    let late = now - probe.deadline
    if late > stallTolerance {
      // We stood still ourselves; the ack may be in what we have not read yet. Not in memberlist.
      counters.probesStalled += 1
      return endProbeWithoutVerdict(on: probe.target, at: now)
    }
    if late > Self.punctual, !probe.isPostponed, configuration.adaptsToLoad {
      // The ack may have been in the socket before its time was over. What has arrived is read before the next timer is due.
      self.probe?.isPostponed = true
      self.probe?.deadline = now + late
      return timers.schedule(.probeDeadline(sequenceNumber), at: now + late)
    }
    if isTooLateToAccuse(at: now), !awareness.isLowest {
      // A node that is so late with its own work gives no verdict, until its awareness has given the member the longest time that it can.
      counters.probesStalled += 1
      return endProbeWithoutVerdict(on: probe.target, at: now)
    }
    if isHeard(probe) {
      // The ack is lost or late, the member is not.
      counters.probesHeard += 1
      return endProbeWithoutVerdict(on: probe.target, at: now)
    }
    if probe.isOurFault {
      return probeNotSent(.notSent, at: now)
    }
    counters.probesFailed += 1
    awareness.apply(probe.penalty)
    diagnose(.probeFailed(probe.name))
    let own = name.bytes
    suspect(probe.target, probe.incarnation, by: own.span.bytes, from: .own, at: now)
    // A member that cannot refute is asked again and again until its time is over.
    if isBeyondRefutation(probe.target) { hastenProbe(of: probe.target, at: now) }
    endProbe(at: now)
  }

  private mutating func endProbeWithoutVerdict(on target: NodeIndex, at now: Instant) {
    awareness.apply(1)
    // A member that cannot refute is asked again and again until its time is over.
    if isBeyondRefutation(target) { hastenProbe(of: target, at: now) }
    endProbe(at: now)
  }

  /// Whether the member itself has said anything since the probe began, on a connection that proves its name.
  private func isHeard(_ probe: borrowing Probe) -> Bool {
    guard transport.provesNames, configuration.adaptsToLoad, table.contains(probe.target), let heardAt = table[probe.target].heardAt
    else { return false }
    return heardAt > probe.startedAt
  }

  private mutating func probeNotSent(_ reason: ContactFailure, at now: Instant) {
    guard let name = probe?.name else { return }
    counters.probesNotSent += 1
    awareness.apply(1)
    diagnose(.probeNotSent(name, reason))
    endProbe(at: now)
  }

  /// True when the packet belongs to the current probe.
  mutating func probePacketNotSent(_ id: PacketID, reason: ContactFailure, at now: Instant) -> Bool {
    guard let present = probe else { return false }
    if present.packet == id {
      if reason == .notSent {
        // No message is on its way that could tell us anything (`secure-transport.md` 2.8).
        if present.stage == .direct, present.freshPacket == nil { probeNotSent(reason, at: now) } else { probe?.isOurFault = true }
      } else {
        // No node answers there, or another one does: for the member this counts as no answer, only sooner.
        probe?.earnsReward = false
        askHelpers(at: now)
      }
      return true
    }
    if present.freshPacket == id {
      if reason == .notSent { probe?.isOurFault = true }
      return true
    }
    if let position = present.helpers.firstIndex(where: { $0.packet == id }) {
      if present.helpers[position].owesNack {
        probe?.helpers[position].owesNack = false
        probe?.nacksExpected -= 1
      }
      return true
    }
    return false
  }

  // MARK: Messages

  mutating func encodePing(_ node: NodeName, _ sequenceNumber: UInt32, into bytes: inout [UInt8]) {
    let own = local
    Ping(
      sequenceNumber: sequenceNumber, node: node.bytes.span.bytes, source: own.address, sourceNode: own.name.bytes.span.bytes
    ).encode(into: &bytes)
  }

  /// The same message, for an exchange.
  mutating func encodeReliablePing(_ node: NodeName, _ sequenceNumber: UInt32) -> PacketSlot {
    let start = outbox.begin()
    let own = local
    Ping(
      sequenceNumber: sequenceNumber, node: node.bytes.span.bytes, source: own.address, sourceNode: own.name.bytes.span.bytes
    ).encode(into: &outbox.arena)
    return outbox.end(start)
  }
}
