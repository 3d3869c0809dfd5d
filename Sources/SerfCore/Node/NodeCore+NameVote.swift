import Memberlist
import SerfPrimitives
import SerfWire

/// Two nodes with one name, where names are not proven (`serf.md` section 11). Where they are, `secure-transport.md` 1.6 decides, and there is no vote.
extension NodeCore {
  mutating func nameConflict(existing: GossipMember, claimant: GossipMember) {
    tellConflict(existing: existing, claimant: claimant)
    guard existing.name == name else {
      return diagnose(.nameConflict(existing.name, existing: existing.address, claimant: claimant.address))
    }
    diagnose(.ownNameConflict(claimant: claimant.address))
    guard configuration.resolvesNameConflicts, !membership.transport.provesNames, status == .alive, nameVote == nil,
      now >= nextNameVote, membership.maySend(to: claimant.address)
    else { return }
    let ping = nextID()
    nameVote = NameVote(rival: claimant.address, ping: ping)
    membership.pingRival(at: claimant.address, id: PingID(ping), at: now)
  }

  mutating func pingFinished(_ id: PingID, _ result: PingResult) {
    guard !messagePinged(id, result), let vote = nameVote, vote.stage == .asking(id.value) else { return }
    guard case .answered = result, status == .alive else { return endVote() }
    do throws(SerfCoreError) {
      let query = try ask(
        name: Array(InternalQuery.conflict.name.utf8), payload: name.bytes, options: SerfQuery.Options(), addressing: .otherMembers, at: now
      )
      nameVote?.stage = .voting(query)
      counters.nameVotes += 1
      diagnose(.nameVoteBegan(query, rival: vote.rival))
    } catch { endVote() }
  }

  /// Whether it is an answer to the vote, which is counted here and goes no further.
  mutating func voteArrived(_ id: SerfQuery.ID, from member: NodeName, _ payload: [UInt8]) -> Bool {
    guard let vote = nameVote, vote.stage == .voting(id) else { return false }
    // Only members vote: an unknown name may be invented.
    guard member != name, table[member] != nil else { return true }
    do throws(WireError) {
      let bytes = payload.span.bytes
      guard let type = payload.first else { throw .empty }
      guard type == SerfMessageType.conflictResponse.rawValue else { throw .unexpectedType }
      let answer = try ConflictResponseMessage(decoding: bytes.extracting(droppingFirst: 1))
      let address = answer.isKnown ? answer.address : nil
      nameVote?.count(address, ours: membership.local.address)
    } catch {
      counters.responsesRefused += 1
      diagnose(.unreadableVote(from: member, error))
    }
    return true
  }

  /// Whether it was the vote that has ended.
  mutating func voteEnded(_ id: SerfQuery.ID) -> Bool {
    guard let vote = nameVote, vote.stage == .voting(id) else { return false }
    endVote()
    guard status != .shutDown else { return true }
    diagnose(.nameVoteEnded(vote.tally, rival: vote.rival))
    if !vote.tally.keepsName {
      // Without a leave: the name is still in use, by the other node. Nothing is said to anybody.
      outbox.push(.nameLost(rival: vote.rival, vote.tally))
      shutDown(at: now)
    }
    return true
  }

  /// The next one waits: every packet about the other node would begin another.
  private mutating func endVote() {
    nameVote = nil
    nextNameVote = now + Self.namePause
  }

  private static let namePause = Duration.seconds(10)
}
