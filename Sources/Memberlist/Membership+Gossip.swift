import SerfPrimitives

// The gossip loop: a few random members get what is queued (`memberlist.md` section 4.10).
extension Membership {
  mutating func gossipTick(at now: Instant) {
    timers.schedule(.gossipTick, at: now + configuration.gossip.interval)
    guard BroadcastTier.allCases.contains(where: { !dissemination[$0].isEmpty }) else { return }
    let (me, toTheDead) = (me, configuration.gossip.toTheDead)
    pickContacts(configuration.gossip.fanout) { index, state in
      guard index != me else { return false }
      switch state.state {
      case .alive, .suspect: return true
      case .dead: return now - state.changedAt <= toTheDead
      case .left: return false
      }
    }
    for index in gossipSchedule.picked {
      // Each target gets a batch of its own; what it is given counts as one transmission.
      var isSent = gossip(to: index) { queues, budget, transmissions, packet, finished in
        queues.pack(nil, budget: budget, transmissions: transmissions, into: &packet, finished: &finished)
      }
      if configuration.gossip.sendsOversizedAlone {
        let isSentAlone = gossip(to: index) { queues, budget, transmissions, packet, finished in
          queues.packOversized(budget: budget, transmissions: transmissions, into: &packet, finished: &finished)
        }
        isSent = isSent || isSentAlone
      }
      if !isSent { break }
    }
  }

  private typealias Packer = (inout Dissemination, Int, Dissemination.Transmissions, inout [UInt8], inout [BroadcastID]) -> Bool

  private mutating func gossip(to index: NodeIndex, _ pack: Packer) -> Bool {
    let start = outbox.begin()
    let (budget, transmissions) = (packetBudget(index), transmissions)
    guard pack(&dissemination, budget, transmissions, &outbox.arena, &finished) else { return false }
    push(start, to: destination(index), path: .warm, id: nil, checksummed: isChecksummed(index))
    return true
  }

  // MARK: Choosing members

  /// Picks random members into `gossipSchedule.picked`, all equally likely.
  mutating func pickMembers(_ wanted: Int, where isEligible: GossipSchedule.Eligibility) {
    gossipSchedule.pick(wanted, in: table, random: &random, where: isEligible)
  }

  /// The same for contacts that may cost a connection.
  mutating func pickContacts(_ wanted: Int, where isEligible: GossipSchedule.Eligibility) {
    guard configuration.namesAreProven else { return pickMembers(wanted, where: isEligible) }
    gossipSchedule.pickPreferringWarm(
      wanted, coldDials: configuration.gossip.coldDials, in: table, random: &random, where: isEligible)
  }
}
