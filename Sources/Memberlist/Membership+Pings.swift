package import SerfPrimitives
import SerfWire

/// A ping that this node sent for another: a member that asked it to, or the user.
struct PendingPing: Sendable {
  enum Purpose: Sendable {
    /// An indirect ping, to be answered with the requester's own sequence number.
    case relay(to: Destination, sequenceNumber: UInt32, wantsNack: Bool)
    case user(PingID)
    /// Asks whether a member that cannot refute is alive after all, as was claimed.
    case life(GossipMember)
    /// A probe that wants a connection; see `Membership+ProbeByDial`.
    case dial
  }

  var purpose: Purpose
  var target: NodeIndex?
  var name: NodeName
  var address: NodeAddress
  var startedAt: Instant
  /// Answered. It is kept until its timer comes, so that the limit on relays limits the timers as well.
  var isDone = false
}

// Pings, indirect pings, acks and nacks (`memberlist.md` section 4.7), and the pings that the user asks for.
extension Membership {
  // MARK: Answering

  mutating func pingReceived(_ ping: borrowing Ping, from peer: Peer, at now: Instant) {
    guard ping.node.isEmpty || ping.node.equals(name.bytes) else { return pingForOther(ping.node, from: peer) }
    // Our own question whether another node has our name: the address is one of ours.
    if ping.sourceNode.equals(name.bytes), let source = ping.source, source.isSameEndpoint(as: local.address) { return }
    guard let destination = answer(to: peer, source: ping.source, sourceNode: ping.sourceNode) else { return }
    var message = startDraft()
    encodeAck(ping.sequenceNumber, carriesPayload: true, into: &message)
    draft = message
    sendDraft(to: destination)
    if let source = ping.source { addressStated(source, by: peer, at: now) }
  }

  mutating func pingForOther(_ node: RawSpan, from peer: Peer) {
    counters.pingsForOthers += 1
    let shown = node.byteCount > 256 ? node.extracting(0..<256) : node
    diagnose(.pingForOther(NodeName(bytes: [UInt8](copying: shown)), from: peer))
  }

  func encodeAck(_ sequenceNumber: UInt32, carriesPayload: Bool, into bytes: inout [UInt8]) {
    if carriesPayload, !ackPayload.isEmpty {
      Ack(sequenceNumber: sequenceNumber, payload: ackPayload.span.bytes).encode(into: &bytes)
    } else {
      Ack(sequenceNumber: sequenceNumber, payload: nil).encode(into: &bytes)
    }
  }

  /// Where an answer goes. On connections: back on the one that asked (`secure-transport.md` 1.10). Elsewhere to the address that the message states,
  /// because a member may ask from another socket than the one it listens on (memberlist 0.2.0). Nil, and counted, where nothing may be sent to that
  /// address: the transport sees only where the packet came from.
  private mutating func answer(to peer: Peer, source: NodeAddress?, sourceNode: RawSpan) -> Destination? {
    guard !transport.provesNames, let source, source.port != 0 else { return .reply(peer) }
    guard maySend(to: source) else {
      refuse(source, from: peer)
      return nil
    }
    if sourceNode.isEmpty { return .anyMember(source) }
    if sourceNode.byteCount > configuration.limits.nameLength { return .anyMember(source) }
    return .member(table.name(of: sourceNode), source)
  }

  /// Whether we send to this address when a message names it: it can be a node's, and is in the allowed networks.
  package func maySend(to address: NodeAddress) -> Bool { address.isUsableAsPeer && transport.allowedNetworks.contains(address) }

  private mutating func refuse(_ address: NodeAddress, from peer: Peer) {
    counters.addressesRefused += 1
    diagnose(.addressRefused(address, from: peer))
  }

  // MARK: Relaying

  /// A member asks us to ping another for it.
  mutating func indirectPingReceived(_ request: borrowing IndirectPing, from peer: Peer, at now: Instant) {
    if let source = request.source { addressStated(source, by: peer, at: now) }
    guard relayCount < configuration.limits.relays else {
      counters.relaysRefused += 1
      return diagnose(.limitReached(.relays))
    }
    guard let (name, address, index) = relayTarget(request) else {
      counters.indirectPingsToUnknown += 1
      return
    }
    guard transport.provesNames || maySend(to: address) else { return refuse(address, from: peer) }
    guard let requester = answer(to: peer, source: request.source, sourceNode: request.sourceNode) else { return }
    relayCount += 1
    startPing(
      .relay(to: requester, sequenceNumber: request.sequenceNumber, wantsNack: request.wantsNack), name: name, address: address,
      index: index, at: now)
  }

  /// Which member to ping. Where names are proven only members are pinged, at the addresses that we know, never at an address out of a message.
  private func relayTarget(_ request: borrowing IndirectPing) -> (NodeName, NodeAddress, NodeIndex?)? {
    let index = table.find(request.node)
    if transport.provesNames {
      guard let index, index != me, table[index].state.isLive else { return nil }
      return (table[index].member.name, table[index].member.address, index)
    }
    guard var address = request.target, request.node.byteCount <= configuration.limits.nameLength else { return nil }
    if address.port == 0 { address.port = local.address.port }
    return (table.name(of: request.node), address, index)
  }

  // MARK: The user's pings

  /// Pings a member once, with no effect on its state; the result comes as ``MembershipOutput/pingFinished(_:_:)`` within the probe timeout.
  package mutating func ping(_ name: NodeName, id: PingID, at now: Instant) {
    guard let index = table.find(name), index != me, table[index].state.isLive else {
      return outbox.push(.pingFinished(id, .unknownMember))
    }
    startPing(.user(id), name: name, address: table[index].member.address, index: index, at: now)
  }

  /// Asks whether a node at this address answers to our own name; the result comes as ``MembershipOutput/pingFinished(_:_:)`` within the probe timeout.
  package mutating func pingRival(at address: NodeAddress, id: PingID, at now: Instant) {
    startPing(.user(id), name: name, address: address, index: nil, at: now)
  }

  /// Asks a member that is dead or left whether it is alive; see `Membership+HighIncarnations`.
  mutating func pingWhetherAlive(_ index: NodeIndex, _ claimed: GossipMember, at now: Instant) {
    startPing(.life(claimed), name: claimed.name, address: table[index].member.address, index: index, at: now)
  }

  // MARK: Pings under way

  mutating func startPing(
    _ purpose: PendingPing.Purpose, name: NodeName, address: NodeAddress, index: NodeIndex?, lasting time: Duration? = nil, at now: Instant
  ) {
    let sequenceNumber = nextSequenceNumber()
    pings[sequenceNumber] = PendingPing(purpose: purpose, target: index, name: name, address: address, startedAt: now)
    sendPing(sequenceNumber, name: name, address: address, path: .warm, id: PacketID(Self.pingPackets | UInt64(sequenceNumber)))
    if transport.provesNames, time == nil { timers.schedule(.relayHalf(sequenceNumber), at: now + configuration.probe.timeout / 2) }
    timers.schedule(.ping(sequenceNumber), at: now + (time ?? configuration.probe.timeout))
  }

  private mutating func sendPing(_ sequenceNumber: UInt32, name: NodeName, address: NodeAddress, path: SendPath, id: PacketID?) {
    var message = startDraft()
    encodePing(name, sequenceNumber, into: &message)
    draft = message
    sendDraft(to: .member(name, address), path: path, id: id)
  }

  /// A second try. A ping for another member uses the existing connection: only the prober dials a fresh one, because a suspect must not have a
  /// handshake with each helper. Our own ping uses a fresh one, because silence on a warm one means nothing (`secure-transport.md` 2.1).
  mutating func repeatRelayedPing(_ sequenceNumber: UInt32, at now: Instant) {
    guard let ping = pings[sequenceNumber], !ping.isDone else { return }
    var path = SendPath.fresh(since: ping.startedAt)
    if case .relay = ping.purpose, configuration.adaptsToLoad { path = .warm }
    sendPing(sequenceNumber, name: ping.name, address: ping.address, path: path, id: nil)
  }

  mutating func ackReceived(_ ack: borrowing Ack, from peer: Peer, at now: Instant) {
    if probeAckReceived(ack, from: peer, at: now) { return }
    if let ping = pings[ack.sequenceNumber], case .dial = ping.purpose, isFromTarget(of: ping, peer) {
      // The connection was the answer; its time says nothing about the network.
      let payload = outbox.copy(ack.payloadBytes)
      outbox.push(.ackReceived(ping.name, roundTrip: nil, payload: payload))
      if !ping.isDone { packetDelayed(PacketID(Self.pingPackets | UInt64(ack.sequenceNumber)), at: now) }
      return
    }
    guard var ping = pings[ack.sequenceNumber], !ping.isDone, isFromTarget(of: ping, peer),
      now - ping.startedAt <= configuration.probe.timeout
    else {
      counters.strayAcks += 1
      return
    }
    // Assigned as a whole: to change a value in place, a dictionary allocates.
    ping.isDone = true
    pings[ack.sequenceNumber] = ping
    switch ping.purpose {
    case .relay(let requester, let sequenceNumber, _):
      var message = startDraft()
      encodeAck(sequenceNumber, carriesPayload: false, into: &message)
      draft = message
      sendDraft(to: requester)
    case .user(let id):
      outbox.push(.pingFinished(id, .answered(roundTrip: now - ping.startedAt)))
    case .life(let claimed):
      if let index = ping.target { returned(index, as: claimed, at: now) }
    case .dial: break
    }
  }

  private func isFromTarget(of ping: PendingPing, _ peer: Peer) -> Bool {
    !transport.provesNames || peer.provenName == ping.name
  }

  mutating func nackReceived(_ nack: Nack, from peer: Peer, at now: Instant) {
    if !probeNackReceived(nack, from: peer) { counters.strayNacks += 1 }
  }

  /// The probe timeout of a ping is over.
  mutating func pingExpired(_ sequenceNumber: UInt32, at now: Instant) {
    guard let ping = pings.removeValue(forKey: sequenceNumber) else { return }
    switch ping.purpose {
    case .relay(let requester, let requested, let wantsNack):
      relayCount -= 1
      guard wantsNack, !ping.isDone else { return }
      var message = startDraft()
      Nack(sequenceNumber: requested).encode(into: &message)
      draft = message
      sendDraft(to: requester)
    case .user(let id):
      if !ping.isDone { outbox.push(.pingFinished(id, .timedOut)) }
    case .life: break
    case .dial: if !ping.isDone { dialProbeEnded(ping, isConnected: false, at: now) }
    }
  }

  /// Marks the packets of these pings, which use the sequence number as their number; packets of probes are counted from 1.
  private static var pingPackets: UInt64 { 1 << 63 }

  /// The ping that a packet belongs to.
  func pingSequenceNumber(_ id: PacketID) -> UInt32? {
    id.value & Self.pingPackets == 0 ? nil : UInt32(truncatingIfNeeded: id.value)
  }

  /// A ping could not be sent. If it was a relay, the requester gets no answer: a nack would say that we asked.
  mutating func pingPacketNotSent(_ id: PacketID, reason: ContactFailure, at now: Instant) {
    guard let sequenceNumber = pingSequenceNumber(id), let ping = pings[sequenceNumber], !ping.isDone else { return }
    pings[sequenceNumber]?.isDone = true
    if case .dial = ping.purpose {
      if reason == .notSent { dialProbeNotSent(ping) } else { dialProbeEnded(ping, isConnected: false, at: now) }
    }
    if case .user(let ping) = ping.purpose { outbox.push(.pingFinished(ping, .notSent(reason))) }
  }
}
