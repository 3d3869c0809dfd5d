package import SerfPrimitives

// Probes of members that the transport has no connection to, where a connection proves the name at its other end.
//
// The handshake is the answer: it proves that the member lives. A busy member needs longer for a handshake than for an ack, so it gets the time of a dial.
// The probe of the next member does not wait for it. If the dial fails, the member is probed in the usual way, with helpers, and may be accused
// (`secure-transport.md` 2.3).
extension Membership {
  /// Probes a live member by dialling it, or lets its turn pass; false where it has to be probed in the usual way. That is so when it has a
  /// connection, when a dial to it has just failed, or when it is suspect and has to hear of that.
  ///
  /// Members that are asked out of turn get half of the places: claims of a hostile peer must not keep the others from their turns.
  mutating func probesByDial(_ index: NodeIndex, isUrgent: Bool, at now: Instant) -> Bool {
    guard transport.provesNames, configuration.adaptsToLoad, table[index].warmPosition == nil, table[index].state == .alive else {
      return false
    }
    if table[index].isProbedByDial { return true }
    guard !table[index].hasDialFailed else { return false }
    let places = max(1, isUrgent ? configuration.limits.probesByDial / 2 : configuration.limits.probesByDial)
    // When many nodes start at once, joins and connections for gossip take all the processors' time: 300 nodes in one process made half of their
    // first handshakes for probes. So a member that has just joined, or refuted, is left alone for a tenth of a round.
    let hasSettled = now - table[index].changedAt >= configuration.probe.interval * max(10, table.count / 10)
    guard hasSettled, now >= nextDialProbe, dialProbeCount < places else {
      // It has just said itself that it lives, or we dialled too recently for our lateness, or too many dials are waiting: its turn passes. Other
      // members probe it, first of all those that have a connection to it, and it dials us when it is our turn there.
      counters.probesPassed += 1
      return true
    }
    counters.probes += 1
    dialProbeCount += 1
    nextDialProbe = now + lag(at: now) * Self.probePause
    table[index].isProbedByDial = true
    let member = table[index].member
    startPing(.dial, name: member.name, address: member.address, index: index, lasting: dialTime, at: now)
    return true
  }

  /// The transport gives up a dial after five seconds. The extra time lets us read its answer. If the dial has not begun by then, that is our own
  /// fault.
  private var dialTime: Duration { .milliseconds(5500) }

  /// The dial did not begin, or we could not send: this says nothing about the member, and its turn comes again (`secure-transport.md` 2.8).
  mutating func dialProbeNotSent(_ ping: PendingPing) {
    dialProbeCount -= 1
    counters.probesNotSent += 1
    awareness.apply(1)
    if let index = ping.target, table.contains(index) { table[index].isProbedByDial = false }
  }

  /// The probe is over: with a connection, or without.
  mutating func dialProbeEnded(_ ping: PendingPing, isConnected: Bool, at now: Instant) {
    dialProbeCount -= 1
    guard let index = ping.target, table.contains(index) else { return }
    table[index].isProbedByDial = false
    guard !isConnected else { return awareness.apply(-1) }
    // The row or the address that was dialled may belong to another node by now.
    guard table[index].state.isLive, table[index].warmPosition == nil, table[index].member.address.isSameEndpoint(as: ping.address) else {
      return
    }
    table[index].hasDialFailed = true
    hastenProbe(of: index, at: now)
  }

  /// A packet that waited for a dial was sent: a connection exists.
  package mutating func packetDelayed(_ id: PacketID, at now: Instant) {
    guard let sequenceNumber = pingSequenceNumber(id), let ping = pings[sequenceNumber], case .dial = ping.purpose, !ping.isDone else {
      return
    }
    pings[sequenceNumber]?.isDone = true
    dialProbeEnded(ping, isConnected: true, at: now)
  }
}
