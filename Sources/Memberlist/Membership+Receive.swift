package import SerfPrimitives
import SerfWire

/// Which peer brought a claim.
struct Origin: Sendable {
  /// The sender of the packet or push/pull; nil for what this node itself concluded.
  var peer: Peer?
  /// Whether it is the reply to our join, which may bring any number of new names.
  var isJoinReply = false

  /// This node.
  static let own = Origin(peer: nil)

  /// The proven name of the peer that delivered it.
  var carrier: NodeName? { peer?.provenName }
}

// Packets: what they contain, and in which order that is handled.
extension Membership {
  /// A packet came: all that is inside label and encryption, including checksum and compression.
  ///
  /// Where names are proven, the names in the whole packet are checked before any of it is applied (`secure-transport.md` 1.5). Then updates are
  /// handled before pings, whatever their order in the packet. So the ack to a ping already carries the refutation of the suspicion that came beside
  /// it.
  package mutating func receive(_ packet: RawSpan, from peer: Peer, at now: Instant) {
    lastInput = now
    guard hasStarted else { return }
    counters.packetsReceived += 1
    if transport.provesNames {
      guard namesHold(in: packet, from: peer) else { return }
      heard(from: peer, at: now)
    }
    if walk(packet, .news, from: peer, at: now) { _ = walk(packet, .probes, from: peer, at: now) }
    flushFinished()
  }

  private enum Pass { case news, probes }

  /// Handles the messages of one kind; true when the packet has some of the other kind.
  private mutating func walk(_ packet: RawSpan, _ pass: Pass, from peer: Peer, at now: Instant) -> Bool {
    var expansion = PacketWalker.Expansion()
    swap(&expansion, &self.expansion)
    var walker = PacketWalker(packet, using: &expansion)
    var isMore = false
    while let leaf = walker.next() {
      switch leaf.type {
      case .ping, .indirectPing, .ack, .nack:
        guard pass == .probes else {
          isMore = true
          continue
        }
        handle(leaf.type, leaf.body, from: peer, at: now)
      default:
        if pass == .news { handle(leaf.type, leaf.body, from: peer, at: now) }
      }
    }
    if pass == .news, let problem = walker.firstProblem {
      counters.packetsMalformed += 1
      diagnose(.malformed(nil, problem, from: peer))
    }
    self.expansion = walker.finish()
    return isMore
  }

  private mutating func handle(_ type: MessageType, _ body: RawSpan, from peer: Peer, at now: Instant) {
    counters.messagesReceived += 1
    do throws(WireError) {
      switch type {
      case .ping: pingReceived(try Ping(decoding: body), from: peer, at: now)
      case .indirectPing: indirectPingReceived(try IndirectPing(decoding: body), from: peer, at: now)
      case .ack: ackReceived(try Ack(decoding: body), from: peer, at: now)
      case .nack: nackReceived(try Nack(decoding: body), from: peer, at: now)
      case .alive: aliveReceived(try Alive(decoding: body), from: Origin(peer: peer), at: now)
      case .suspect: suspectReceived(try Suspect(decoding: body), from: Origin(peer: peer), at: now)
      case .dead: deadReceived(try Dead(decoding: body), from: Origin(peer: peer), at: now)
      case .user: outbox.push(.userMessage(outbox.copy(body), exchange: nil, from: peer))
      case .pushPull, .compound, .compressed, .encrypted, .checksum, .error, .label: break
      }
    } catch {
      counters.messagesMalformed += 1
      diagnose(.malformed(type, error, from: peer))
    }
  }

  // MARK: Proven names

  /// Whether every name that the packet speaks for is the one its connection proves. If not, the whole packet is dropped and the connection closed.
  private mutating func namesHold(in packet: RawSpan, from peer: Peer) -> Bool {
    var expansion = PacketWalker.Expansion()
    swap(&expansion, &self.expansion)
    var walker = PacketWalker(packet, using: &expansion)
    var liar: NodeName?
    while liar == nil, let leaf = walker.next() {
      switch leaf.type {
      case .ping:
        if let ping = try? Ping(decoding: leaf.body) { liar = Self.claim(ping.sourceNode, notProvenBy: peer) }
      case .indirectPing:
        if let ping = try? IndirectPing(decoding: leaf.body) { liar = Self.claim(ping.sourceNode, notProvenBy: peer) }
      default: break
      }
    }
    self.expansion = walker.finish()
    guard let liar else { return true }
    claimedOtherName(liar, peer)
    return false
  }

  /// The name spoken for, if it is stated and is not the proven one.
  private static func claim(_ name: RawSpan, notProvenBy peer: Peer) -> NodeName? {
    if name.isEmpty { return nil }
    if let proven = peer.provenName, name.equals(proven.bytes) { return nil }
    return NodeName(bytes: [UInt8](copying: name))
  }

  mutating func claimedOtherName(_ claimed: NodeName, _ peer: Peer) {
    counters.claimedOtherName += 1
    diagnose(.claimedOtherName(claimed, from: peer))
    outbox.push(.close(peer, .claimedOtherName))
  }

  /// Something came over a connection that proves its name.
  mutating func heard(from peer: Peer, at now: Instant) {
    guard let proven = peer.provenName, let index = table.find(proven), index != me else { return }
    table[index].heardAt = now
    table[index].heardFrom = peer.address
    table.markProven(index)
    if table[index].waitingClaim != nil { reconsiderMove(of: index, at: now) }
  }

  /// A connection ended. That may start a probe, but never does more (`secure-transport.md` 2.2). `reason` is nil for a reset.
  package mutating func connectionClosed(_ peer: Peer, reason: CloseReason?, at now: Instant) {
    lastInput = now
    guard hasStarted else { return }
    switch reason {
    case CloseReason.none?, .replaced?: return
    case .nameInUse?: outbox.push(.nameRefused(by: peer))
    default: if let proven = peer.provenName, let index = table.find(proven) { hastenProbe(of: index, at: now) }
    }
  }

  /// A packet could not be sent.
  package mutating func packetNotSent(_ id: PacketID, reason: ContactFailure, at now: Instant) {
    lastInput = now
    counters.packetsNotSent += 1
    if probePacketNotSent(id, reason: reason, at: now) { return }
    pingPacketNotSent(id, reason: reason, at: now)
  }
}
