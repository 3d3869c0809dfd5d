package import SerfPrimitives
import SerfWire

// How messages become packets: piggybacking, budgets, and which of them get a checksum.
extension Membership {
  var transmissions: Dissemination.Transmissions {
    let gossip = configuration.gossip
    func limit(_ nodes: Int) -> Int {
      TransmitLimit.enough(multiplier: gossip.retransmitMultiplier, nodes: nodes)
    }
    return Dissemination.Transmissions(membership: limit(table.count), application: limit(max(table.count, applicationMemberCount)))
  }

  /// Whether packets to this node carry a CRC: the node reads it, and nothing better protects the packets.
  func isChecksummed(_ index: NodeIndex) -> Bool {
    !transport.provesNames && table[index].member.versions.protocolMaximum >= 5
  }

  func destination(_ index: NodeIndex) -> Destination { .member(table[index].member.name, table[index].member.address) }

  /// Sends the message in `draft`, a probe or an answer, with broadcasts that fit beside it. Never with a CRC: Go's path for these messages does not
  /// know the peer's versions either (`memberlist.md` 1.5).
  mutating func sendDraft(to destination: Destination, path: SendPath = .warm, id: PacketID? = nil) {
    let start = outbox.begin()
    let transmissions = transmissions
    let includesLarge = !dissemination[.large].isEmpty && readsLargeMessages(destination)
    _ = dissemination.pack(
      draft, budget: transport.packetBudget, includesLarge: includesLarge, transmissions: transmissions, into: &outbox.arena,
      finished: &finished)
    push(start, to: destination, path: path, id: id ?? awaitedPacket(), checksummed: false)
  }

  /// The ID of a probe, an answer or a message. Where packets need a connection, one with an ID goes before gossip, and waits longer for a dial.
  private mutating func awaitedPacket() -> PacketID? { transport.provesNames ? nextPacket() : nil }

  /// Sends one packet that starts at `start` in the arena.
  mutating func push(_ start: Int, to destination: Destination, path: SendPath, id: PacketID?, checksummed: Bool) {
    counters.packetsSent += 1
    outbox.push(.send(outbox.end(start), to: destination, path: path, id: id, checksummed: checksummed))
    flushFinished()
  }

  /// Reports broadcasts that have ended.
  mutating func flushFinished() {
    guard !finished.isEmpty else { return }
    for notice in finished {
      if notice == Departure.notice { departureSpread() } else { outbox.push(.broadcastFinished(notice)) }
    }
    finished.removeAll(keepingCapacity: true)
  }

  /// Queues the message in `draft` as the update about a node, in place of an older one.
  mutating func queueDraft(about index: NodeIndex, notice: BroadcastID? = nil) {
    var message: [UInt8] = []
    swap(&message, &draft)
    table[index].broadcast = dissemination[.membership].add(
      message.span.bytes, replacing: table[index].broadcast, notice: notice, isNews: forwards && !isMerging, finished: &finished)
    swap(&message, &draft)
    flushFinished()
  }

  // MARK: The layer above's messages

  /// Queues a message of the layer above for gossip. `id` asks for ``MembershipOutput/broadcastFinished(_:)``.
  ///
  /// It is passed on at once, unless that is switched off, or only some members read it. A full queue drops its most transmitted message to make room,
  /// and counts it.
  package mutating func broadcast(_ message: RawSpan, tier: BroadcastTier, id: BroadcastID? = nil, at now: Instant) {
    precondition(tier != .membership, "news about members is this layer's own")
    let limit = configuration.limits.queuedBroadcasts
    lastInput = now
    dissemination[tier].add(message, notice: id, isNews: forwards && tier != .large, finished: &finished)
    if dissemination[tier].count > limit { pruneBroadcasts(tier, to: limit) }
    flushFinished()
  }

  /// Drops broadcasts of a tier, the most transmitted first, until `maximum` are left.
  package mutating func pruneBroadcasts(_ tier: BroadcastTier, to maximum: Int) {
    let fitting = transport.carriesOversizedPackets ? Int.max : Dissemination.room(for: tier, in: transport.packetBudget)
    let dropped = dissemination[tier].prune(to: maximum, fitting: fitting, finished: &finished)
    flushFinished()
    guard dropped > 0 else { return }
    counters.broadcastsDropped += UInt64(dropped)
    diagnose(.limitReached(.queuedBroadcasts))
  }

  /// Sends a message of the layer above in a packet of its own, best effort. Where names are proven, nothing is sent to `.anyMember`.
  ///
  /// The message is not checked against the packet budget: the transport knows what it can carry.
  package mutating func sendUserMessage(_ message: RawSpan, to destination: Destination) {
    let start = outbox.begin()
    outbox.arena.append(MessageType.user.rawValue)
    outbox.arena.append(copying: message)
    var isChecked = false
    if case .member(let name, _) = destination, let index = table.find(name) { isChecked = isChecksummed(index) }
    push(start, to: destination, path: .warm, id: awaitedPacket(), checksummed: isChecked)
  }

  /// Sends a message of the layer above over a reliable exchange; its end comes as ``MembershipOutput/userMessageFinished(_:answer:failure:)``. It may
  /// take `timeout`; as long as a push/pull if that is nil.
  package mutating func sendUserMessageReliably(
    _ message: RawSpan, to destination: Destination, timeout: Duration? = nil, at now: Instant
  ) -> ExchangeID {
    let start = outbox.begin()
    UserMessageHeader(length: message.byteCount).encode(into: &outbox.arena)
    outbox.arena.append(copying: message)
    return openExchange(
      .userMessage, to: destination, path: .warm, deadline: now + (timeout ?? configuration.pushPull.timeout), .bytes(outbox.end(start)))
  }

  /// Whether what is in ``BroadcastTier/large`` may be sent there.
  private func readsLargeMessages(_ destination: Destination) -> Bool {
    guard case .member(let name, _) = destination, let index = table.find(name) else { return false }
    return table[index].readsLargeMessages
  }

  // MARK: What the transport reports

  /// Whether a member reads what is in ``BroadcastTier/large``, as it says itself.
  package mutating func setReadsLargeMessages(_ name: NodeName, _ reads: Bool) {
    if let index = table.find(name) { table[index].readsLargeMessages = reads }
  }

  /// Whether the transport has a connection to a member; gossip and push/pull prefer those (`secure-transport.md` 2.6).
  package mutating func setWarm(_ name: NodeName, _ isWarm: Bool) {
    if let index = table.find(name) {
      if index != me { table.setWarm(index, isWarm) }
      if isWarm { table[index].hasDialFailed = false }
    } else if !isWarm {
      warmStrangers.remove(name)
    } else if warmStrangers.count < Self.warmStrangerLimit {
      warmStrangers.insert(name)
    }
  }

  /// More than the connections of a transport. Names beyond the limit count as cold until their next connection.
  private static let warmStrangerLimit = 4096

  /// What acks to pings carry from now on; empty for no payload.
  package mutating func setAckPayload(_ payload: RawSpan) {
    ackPayload.removeAll(keepingCapacity: true)
    ackPayload.append(copying: payload)
  }
}
