import Memberlist
package import SerfPrimitives

/// What comes from the transport and the clock. The gossip layer handles all of it except the time.
extension NodeCore {
  /// Announces this node to itself and starts the loops.
  package mutating func start(at now: Instant) {
    self.now = now
    membership.start(at: now)
    schedule(.reap, after: configuration.reaping.interval)
    schedule(.queueCheck, after: configuration.queues.checkInterval)
    startRejoining()
    startHealing()
  }

  /// A packet arrived.
  package mutating func receive(_ packet: RawSpan, from peer: Peer, at now: Instant) {
    guard status != .shutDown else { return }
    self.now = now
    membership.receive(packet, from: peer, at: now)
  }

  /// A packet with an ID could not be sent.
  package mutating func packetNotSent(_ id: PacketID, reason: ContactFailure, at now: Instant) {
    guard status != .shutDown else { return }
    self.now = now
    membership.packetNotSent(id, reason: reason, at: now)
  }

  /// A peer opened an exchange and sent this whole request.
  package mutating func exchangeReceived(_ id: ExchangeID, message: RawSpan, from peer: Peer, at now: Instant) {
    guard status != .shutDown else { return }
    self.now = now
    membership.exchangeReceived(id, message: message, from: peer, at: now)
  }

  /// Our exchange has its reply, which is empty where none was due.
  package mutating func exchangeCompleted(_ id: ExchangeID, reply: RawSpan, from peer: Peer, at now: Instant) {
    guard status != .shutDown else { return }
    self.now = now
    membership.exchangeCompleted(id, reply: reply, from: peer, at: now)
  }

  /// Our exchange failed.
  package mutating func exchangeFailed(_ id: ExchangeID, reason: ContactFailure, at now: Instant) {
    guard status != .shutDown else { return }
    self.now = now
    membership.exchangeFailed(id, reason: reason, at: now)
  }

  /// A peer closed its connection for this reason, or it broke (nil).
  package mutating func connectionClosed(_ peer: Peer, reason: CloseReason?, at now: Instant) {
    guard status != .shutDown else { return }
    self.now = now
    membership.connectionClosed(peer, reason: reason, at: now)
  }

  /// A peer said at which address it can be reached, on a connection that proves its name.
  package mutating func addressStated(_ address: NodeAddress, by peer: Peer, at now: Instant) {
    guard status != .shutDown else { return }
    self.now = now
    membership.addressStated(address, by: peer, at: now)
  }

  /// The transport has, or no longer has, a connection to this member.
  package mutating func setWarm(_ name: NodeName, _ isWarm: Bool) { membership.setWarm(name, isWarm) }

  /// The transport could not send so many packets in time, because the network or a peer takes fewer.
  package mutating func packetsHeldBack(_ count: UInt64, at now: Instant) { membership.packetsHeldBack(count, at: now) }

  /// A packet that waited for a dial was sent.
  package mutating func packetDelayed(_ id: PacketID, at now: Instant) { membership.packetDelayed(id, at: now) }

  /// Does everything that is due at `now`.
  package mutating func advance(to now: Instant) {
    guard status != .shutDown else { return }
    self.now = now
    if let due = membership.nextDeadline, now - due > configuration.membership.probe.timeout / 2 { diagnose(.late(by: now - due)) }
    membership.advance(to: now)
    while let timer = timers.popDue(at: now) {
      switch timer {
      case .reap: reap()
      case .reconnect: reconnect()
      case .queueCheck: checkQueues()
      case .broadcastTimeout(let id): broadcastTimedOut(id)
      case .propagated: leftCluster()
      case .prune(let name): pruneDue(name)
      case .spreadClocks: spreadClocks()
      case .nameVerdict(let id): nameAccepted(id)
      case .queryDeadline(let time): endQuery(time)
      case .flushMembers: memberTimerFired()
      case .flushUserEvents: userEventTimerFired()
      case .snapshot: snapshotDue()
      case .messageDeadline(let id): messageExpired(id)
      case .firstDial: firstDialDue()
      case .forgetRestored: forgetRestored()
      case .largeMessages: largeMessagesDue()
      case .eventTurn: eventTurnDue()
      }
    }
  }

  /// A delay of zero schedules nothing: an interval of zero switches a loop off.
  mutating func schedule(_ timer: Timer, after delay: Duration) {
    guard delay > .zero else { return }
    timers.schedule(timer, at: now + delay)
  }
}
