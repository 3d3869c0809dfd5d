package import SerfPrimitives
import SerfWire

// News that is passed on at once (`memberlist.md` section 4.11, "What ours does").
//
// Gossip in ticks costs each hop half an interval. So what a member has just learned, or says itself, goes to ln n + 2 members as soon as the batch of
// input is handled; then it follows the ticks like everything else, which repairs what was lost. What a push/pull brings waits for the ticks: it is
// no news to most members.
extension Membership {
  /// Whether news is passed on at once.
  package var forwards: Bool { !forwarding.isEmpty && configuration.gossip.fanout > 0 && configuration.gossip.interval > .zero }

  /// Sends what is fresh in the queues, as far as the budget allows.
  mutating func forwardNews() {
    let now = lastInput
    while dissemination.hasNews {
      guard forwarding.isOpen(at: now) else { return scheduleForwarding(at: forwarding.opens(after: now)) }
      if dissemination.newsBytes < transport.packetBudget {
        let isUrgent = dissemination.hasUrgentNews
        guard forwarding.mayBeSmall(isUrgent: isUrgent, at: now) else {
          return scheduleForwarding(at: forwarding.opensForSmall(isUrgent: isUrgent, after: now))
        }
      }
      pickForwardTargets()
      let targets = gossipSchedule.picked.count
      // No member can get it now. The rounds of gossip send it later.
      guard targets > 0 else { return dissemination.settleNews() }
      let start = outbox.begin()
      let (budget, transmissions) = (transport.packetBudget, transmissions)
      let messages = dissemination.packNews(
        budget: budget, carriesOversized: transport.carriesOversizedPackets, copies: targets, transmissions: transmissions,
        into: &outbox.arena, finished: &finished)
      guard messages > 0 else { return flushFinished() }
      let slot = outbox.end(start)
      counters.packetsForwarded += UInt64(targets)
      counters.packetsSent += UInt64(targets)
      for index in gossipSchedule.picked {
        outbox.push(.send(slot, to: destination(index), path: .warm, id: nil, checksummed: isChecksummed(index)))
      }
      forwarding.charge(bytes: slot.count, messages: messages, copies: targets)
      flushFinished()
    }
  }

  /// ln n + 2 members: the two neighbours in the ring, and others, all equally likely; where names are proven, only such that have a connection: news
  /// must not cost handshakes (`secure-transport.md` 2.6).
  private mutating func pickForwardTargets() {
    let wanted = Self.forwardTargets(of: table.count)
    forwarding.setTargets(min(wanted, table.count - 1))
    let me = me
    let isEligible: GossipSchedule.Eligibility = { index, state in index != me && state.state.isLive }
    ring.update(around: me, in: table)
    gossipSchedule.pick(
      wanted, with: ring.neighbours, onlyWarm: transport.provesNames, in: table, random: &random, where: isEligible)
  }

  /// Probes the next member in the ring if there is no connection to it, because news travels on connections only. The previous one does the same with
  /// this node.
  mutating func connectNeighbour(at now: Instant) {
    guard transport.provesNames, forwards else { return }
    ring.update(around: me, in: table)
    guard let next = ring.neighbours.next, table.contains(next), table[next].warmPosition == nil, !table[next].hasDialFailed else { return }
    hastenProbe(of: next, at: now)
  }

  /// ⌈ln n⌉ + 2. When each of n members passes a message on to ln n + c random others, it reaches all with a probability of e^(−e^(−c)).
  package static func forwardTargets(of count: Int) -> Int { ceilingOfLogarithm(count) + 2 }

  private mutating func scheduleForwarding(at time: Instant) {
    // An earlier one in place of a later one, which then finds nothing to do.
    if let scheduled = forwardingDueAt, scheduled <= time { return }
    forwardingDueAt = time
    timers.schedule(.forwarding, at: time)
  }

  /// The budget is open again: ``nextOutput()`` sends what waits.
  mutating func forwardingDue(at now: Instant) {
    if let due = forwardingDueAt, due <= now { forwardingDueAt = nil }
  }

  /// When a round of gossip out of turn may follow: a deep queue is sent as fast as the budget allows.
  func nextGossip(after now: Instant) -> Instant {
    guard forwards, dissemination.settledBytes > configuration.gossip.fanout * transport.packetBudget else { return .distantFuture }
    return forwarding.opens(after: now + Self.shortestPause)
  }

  /// Between two rounds of a deep queue, so that what arrives meanwhile is handled first.
  private static let shortestPause = Duration.milliseconds(1)

  /// The transport could not send so many packets in time. Less news is passed on for a while if that is more than a quarter of what is sent: a single
  /// peer that takes nothing, because it has crashed, must not slow down the others. Reports may come packet by packet, so a few more are allowed.
  package mutating func packetsHeldBack(_ count: UInt64, at now: Instant) {
    let sent = counters.packetsSent - sentBeforeHoldUp
    sentBeforeHoldUp = counters.packetsSent
    holdUpsAllowed = min(Self.mostHoldUpsAllowed, holdUpsAllowed + Double(sent) / 4 - Double(count))
    guard holdUpsAllowed < 0 else { return }
    holdUpsAllowed = 0
    counters.forwardingSlowed += 1
    forwarding.sendFailed(at: now)
  }

  static let mostHoldUpsAllowed = 16.0
}
