package import SerfPrimitives

// The gossip loop: a few random members get what is queued (`memberlist.md` section 4.10).
extension Membership {
  /// Sets the time of the next round, in place of the round that waits: there is one loop, however often this is called.
  /// Does nothing where gossip is switched off.
  package mutating func scheduleGossip(at time: Instant) {
    guard configuration.gossip.interval > .zero, configuration.gossip.fanout > 0 else { return }
    gossipRound &+= 1
    timers.schedule(.gossipTick(gossipRound), at: time)
  }

  mutating func gossipTick(at now: Instant) {
    let isSent = sendGossip(at: now)
    let regular = now + configuration.gossip.interval
    let next = isSent ? min(regular, nextGossip(after: now)) : regular
    isRoundOutOfTurn = next < regular
    scheduleGossip(at: next)
  }

  /// Sends a packet to each of some members; false if nothing was sent.
  private mutating func sendGossip(at now: Instant) -> Bool {
    guard BroadcastTier.allCases.contains(where: { !dissemination[$0].isEmpty }) else { return false }
    var isAnySent = false
    let (me, deadMemberDuration) = (me, configuration.gossip.deadMemberDuration)
    pickContacts(configuration.gossip.fanout, at: now) { index, state in
      guard index != me else { return false }
      switch state.state {
      case .alive, .suspect: return true
      case .dead: return now - state.changedAt <= deadMemberDuration
      case .left: return false
      }
    }
    for index in gossipSchedule.picked {
      // Each target gets its own batch. Each message in it counts as transmitted once.
      let includesLarge = table[index].readsLargeMessages
      var isSent = gossip(to: index) { queues, budget, transmissions, packet, finished in
        queues.pack(
          nil, budget: budget, includesLarge: includesLarge, transmissions: transmissions, into: &packet, finished: &finished)
      }
      if transport.carriesOversizedPackets {
        let isSentAlone = gossip(to: index) { queues, budget, transmissions, packet, finished in
          queues.packOversized(
            budget: budget, includesLarge: includesLarge, transmissions: transmissions, into: &packet, finished: &finished)
        }
        isSent = isSent || isSentAlone
      }
      // The next target may read what this one does not.
      if !isSent, dissemination[.large].isEmpty { break }
      isAnySent = isAnySent || isSent
    }
    return isAnySent
  }

  private typealias Packer = (inout Dissemination, Int, Dissemination.Transmissions, inout [UInt8], inout [BroadcastID]) -> Bool

  private mutating func gossip(to index: NodeIndex, _ pack: Packer) -> Bool {
    let start = outbox.begin()
    let (budget, transmissions) = (transport.packetBudget, transmissions)
    guard pack(&dissemination, budget, transmissions, &outbox.arena, &finished) else { return false }
    if isRoundOutOfTurn { forwarding.charge(bytes: outbox.arena.count - start, messages: 1, copies: 1) }
    push(start, to: destination(index), path: .warm, id: nil, checksummed: isChecksummed(index))
    return true
  }

  // MARK: Choosing members

  /// Picks random members into `gossipSchedule.picked`, all equally likely.
  mutating func pickMembers(_ wanted: Int, where isEligible: GossipSchedule.Eligibility) {
    gossipSchedule.pick(wanted, in: table, random: &random, where: isEligible)
  }

  /// The same for gossip, which must not dial a connection for each message (`secure-transport.md` 2.6). All members are equally likely while too few
  /// are warm; then warm ones are picked. A member that is late makes these dials one at a time, with a pause between them.
  mutating func pickContacts(_ wanted: Int, at now: Instant, where isEligible: GossipSchedule.Eligibility) {
    guard transport.provesNames else { return pickMembers(wanted, where: isEligible) }
    guard configuration.adaptsToLoad else {
      return gossipSchedule.pickPreferringWarm(
        wanted, coldDials: configuration.gossip.coldDials, in: table, random: &random, where: isEligible)
    }
    let wantsMore = table.warm.count < Self.warmMembers(of: table.count) && now >= nextContactDial
    if wantsMore, lag(at: now) == .zero {
      gossipSchedule.pickAllowingCold(
        wanted, coldDials: configuration.gossip.coldDials, in: table, random: &random, where: isEligible)
    } else {
      gossipSchedule.pickPreferringWarm(wanted, coldDials: wantsMore ? 1 : 0, in: table, random: &random, where: isEligible)
    }
    let dials = gossipSchedule.picked.contains { table[$0].warmPosition == nil && table[$0].state.isLive }
    if dials { nextContactDial = now + lag(at: now) * Self.contactPause }
  }

  /// After a dial for gossip a late member makes no other one for 15 times its lateness, and after a dial for a probe none for 40 times. A handshake
  /// is the most expensive thing that it does, and more of them make it later still.
  static let contactPause = 15
  static let probePause = 40

  /// The same for helpers and exchanges: members with a connection as long as there are enough of them.
  mutating func pickWarmFirst(_ wanted: Int, where isEligible: GossipSchedule.Eligibility) {
    guard transport.provesNames, configuration.adaptsToLoad else { return pickMembers(wanted, where: isEligible) }
    gossipSchedule.pickWarmFirst(wanted, in: table, random: &random, where: isEligible)
  }

  /// How many warm members gossip needs before it stops dialling: ⌈ln n⌉ + 4. With ln n + c random contacts each, a message misses some member with a
  /// probability of 1 − e^(−e^(−c)) (Erdős and Rényi's bound for connectedness): 2 % for c = 4. Probes reach all members in turn and change the set.
  package static func warmMembers(of count: Int) -> Int {
    ceilingOfLogarithm(count) + 4
  }

  static func ceilingOfLogarithm(_ count: Int) -> Int {
    let logarithm = Logarithm.natural(Double(max(1, count)))
    return Int(logarithm) + (logarithm == logarithm.rounded(.down) ? 0 : 1)
  }
}
