import Logging
import Memberlist
import SerfCore
import SerfPrimitives
import SerfWire

extension NodeDiagnostic {
  /// The level of its line. If an operator must act, it is a warning; if it explains a state change, it is `info`; the rest is `debug`.
  var level: Logger.Level {
    switch self {
    case .membership(let diagnostic): diagnostic.level
    case .ownNameConflict, .ownNameRefused, .nameConflict: .error
    case .broadcastTimedOut, .queueDeep, .limitReached, .implausibleTime, .malformed, .late: .warning
    case .leaveRefuted, .reconnecting: .info
    case .healing(let diagnostic): diagnostic.level
    case .snapshot(let diagnostic): diagnostic.level
    case .coordinateRefused(_, .malformed): .warning
    case .coordinateReset: .info
    case .relayDropped, .askerUnknown, .coordinateRefused: .debug
    case .nameVoteEnded(let tally, _): tally.keepsName ? (tally.answers == 0 ? .warning : .info) : .error
    case .nameVoteBegan: .info
    case .responseOfOther, .keyAnswerNotSent, .unreadableVote: .warning
    case .unknownInternalQuery, .bodyWrong, .bodyGivenUp, .askerReadsNothingLarge: .warning
    }
  }

  /// What lines of one kind have in common, for limiting them.
  var kind: String {
    switch self {
    case .membership(let diagnostic): diagnostic.kind
    case .malformed: "message"
    case .implausibleTime: "time"
    case .limitReached(let limit): "limit \(limit.rawValue)"
    case .leaveRefuted: "leave"
    case .broadcastTimedOut: "broadcast"
    case .queueDeep(let tier, _, _): "queue \(tier.rawValue)"
    case .late: "late"
    case .reconnecting: "reconnect"
    case .nameConflict, .ownNameConflict: "conflict"
    case .ownNameRefused: "refused"
    case .relayDropped: "relay"
    case .responseOfOther: "response"
    case .askerUnknown: "asker"
    case .coordinateRefused: "coordinate"
    case .coordinateReset: "coordinate reset"
    case .healing(let diagnostic): diagnostic.kind
    case .snapshot(let diagnostic): diagnostic.kind
    case .unknownInternalQuery: "internal query"
    case .keyAnswerNotSent: "key answer"
    case .nameVoteBegan: "vote"
    case .nameVoteEnded: "vote ended"
    case .unreadableVote: "unreadable vote"
    case .bodyWrong: "wrong body"
    case .bodyGivenUp: "body given up"
    case .askerReadsNothingLarge: "large answer"
    }
  }

  /// The member that it is about, or the peer that caused it.
  var subject: String {
    switch self {
    case .membership(let diagnostic): diagnostic.subject
    case .malformed(_, _, let peer), .implausibleTime(_, _, let peer), .ownNameRefused(let peer), .relayDropped(_, let peer),
      .responseOfOther(_, let peer):
      peer.text
    case .limitReached, .leaveRefuted, .broadcastTimedOut, .queueDeep, .late, .coordinateReset, .bodyGivenUp: ""
    // Not the member: after a restart all members of the snapshot may be dialled, one after the other.
    case .reconnecting, .healing: ""
    case .snapshot(let diagnostic): diagnostic.subject
    case .nameConflict(let name, _, _), .askerUnknown(let name), .unknownInternalQuery(_, let name),
      .keyAnswerNotSent(let name, _), .unreadableVote(let name, _), .coordinateRefused(let name, _), .bodyWrong(let name),
      .askerReadsNothingLarge(let name):
      name.description
    case .ownNameConflict(let address), .nameVoteBegan(_, let address), .nameVoteEnded(_, let address): address.description
    }
  }

  /// The parts of the line that a program can search for.
  var metadata: Logger.Metadata {
    switch self {
    case .membership(let diagnostic): diagnostic.metadata
    case .malformed(_, let error, let peer): .about(peer, because: "\(error)")
    case .implausibleTime(_, _, let peer), .ownNameRefused(let peer), .relayDropped(_, let peer), .responseOfOther(_, let peer):
      .about(peer)
    case .coordinateRefused(let name, let problem): .about(name, because: problem.text)
    case .askerUnknown(let name), .coordinateReset(let name), .unknownInternalQuery(_, let name), .keyAnswerNotSent(let name, _),
      .bodyWrong(let name), .askerReadsNothingLarge(let name):
      .about(name)
    case .unreadableVote(let name, let error): .about(name, because: "\(error)")
    case .reconnecting(let name, let address): .about(name, at: address)
    case .nameConflict(let name, _, let claimant): .about(name, at: claimant)
    case .ownNameConflict(let address), .nameVoteBegan(_, let address), .nameVoteEnded(_, let address): .about(at: address)
    case .limitReached(let limit): .about(because: limit.text)
    case .healing(let diagnostic): diagnostic.metadata
    case .snapshot(let diagnostic): diagnostic.metadata
    case .leaveRefuted, .broadcastTimedOut, .queueDeep, .late, .bodyGivenUp: [:]
    }
  }

  /// The line.
  var text: String {
    switch self {
    case .membership(let diagnostic): diagnostic.text
    case .malformed(let type, let error, let peer):
      "dropped a message from \(peer.text): \(type.map { "type \($0.rawValue), " } ?? "unknown type, ")\(error)"
    case .implausibleTime(_, let time, let peer):
      "dropped a message from \(peer.text): its Lamport time \(time) is too far ahead to be true"
    case .limitReached(let limit): "a limit was reached and something was dropped: \(limit.text)"
    case .leaveRefuted(let time): "a member announced that we leave; refuted at Lamport time \(time)"
    case .broadcastTimedOut(let purpose): "not enough members got the \(purpose) in time; gossip still spreads it"
    case .queueDeep(let tier, let depth, let dropped):
      "the \(tier.text) queue is \(depth) deep" + (dropped > 0 ? "; dropped \(dropped)" : "") + ". More is sent than the cluster can carry"
    case .late(let delay):
      "this node is late by \(delay.milliseconds) ms: its machine is overloaded or was suspended; probes get more time"
    case .reconnecting(let name, let address): "Attempting re-join to previously known node: \(name): \(address)"
    case .nameConflict(let name, let existing, let claimant):
      """
      two nodes claim the name \(name): \(existing), which is kept, and \(claimant). If one node moved, its new address is accepted when the old \
      one is forgotten, a minute or two after it failed; if a node leaves before it moves, this happens at once. If they are two nodes, rename one
      """
    case .ownNameConflict(let claimant):
      """
      other members have \(claimant) as the address of our name. If this node ran there before it crashed, they accept its new address when \
      they have found the old one failed and forgotten it, within a minute or two: wait, or start the node at the old address. Next time, let \
      the node leave before it moves. If another node runs there, give each node a name of its own
      """
    case .ownNameRefused(let peer):
      "\(peer.text) says that our name is in use at another address. Another process runs with our certificate; stop one of them"
    case .relayDropped(let name, let peer):
      "dropped a relayed message for \(name) from \(peer.text): not a member that we know, or at an address that is not allowed"
    case .responseOfOther(let name, let peer): "dropped an answer to our query in the name of \(name) from \(peer.text)"
    case .healing(let diagnostic): diagnostic.text
    case .snapshot(let diagnostic): diagnostic.text
    case .askerUnknown(let name):
      "cannot answer a query of \(name): not a member that we know, silent about what it reads, or at an address that is not allowed"
    case .unknownInternalQuery(let query, let name): "Unhandled internal query '\(escaped(Array(query.prefix(64))))' of \(name)"
    case .keyAnswerNotSent(let name, isLate: true): "a key operation ended after \(name) had stopped waiting for the answer"
    case .keyAnswerNotSent(let name, isLate: false): "the answer to a key operation of \(name) is too large for a query"
    case .nameVoteBegan(_, let rival): "\(rival) answers to our name; asking the other members which of the two nodes they have"
    case .nameVoteEnded(let tally, let rival) where tally.answers == 0:
      "no member said whether our name is ours or that of \(rival); this node stays. Give each node a name of its own"
    case .nameVoteEnded(let tally, let rival) where tally.keepsName:
      "majority in name conflict resolution [\(tally.forUs) / \(tally.answers)]: this node keeps its name, and \(rival) has to stop"
    case .nameVoteEnded(let tally, let rival):
      """
      minority in name conflict resolution [\(tally.forUs) / \(tally.answers)]: the members have \(rival) as the address of our name, so this node \
      stops. Give each node a name of its own
      """
    case .bodyWrong(let name): "\(name) sent another payload than the one that it offered"
    case .bodyGivenUp(let count):
      "no member that offered a large payload has sent it: \(count == 1 ? "a message is" : "\(count) messages are") lost here"
    case .askerReadsNothingLarge(let name): "an answer was not sent: it is too large for the version of \(name), which asks"
    case .unreadableVote(let name, let error): "dropped what \(name) said about our name: \(error)"
    case .coordinateRefused(let name, let problem): "no coordinate was learned of \(name): \(problem.text)"
    case .coordinateReset(let name):
      "our coordinate was out of bounds after an answer of \(name), and is at the origin again: round-trip estimates are wrong for a minute"
    }
  }
}

extension CoordinateProblem {
  fileprivate var text: String {
    switch self {
    case .malformed(let error): "what it sent is no coordinate that a node can have (\(error))"
    case .version(let version): "its coordinate has version \(version)"
    case .roundTrip(let time):
      time > .zero ? "its answer took \(time.milliseconds) ms, and 10 s is the limit" : "its answer took no time, so a clock stands still"
    }
  }
}

extension MembershipDiagnostic {
  var level: Logger.Level {
    switch self {
    // A member that leaves says so while it can still be heard. So this is most often its own word, which another member passes on.
    case .doubtfulDeath(let name, let accuser, _) where name == accuser: .info
    case .malformed, .claimedOtherName, .mergeRefused, .limitReached, .onlyReliablyReachable, .doubtfulDeath, .probeNotSent,
      .claimDropped(_, .network, _), .claimDropped(_, .unusableAddress, _), .addressRefused:
      .warning
    case .suspected, .refuted, .probeFailed: .info
    case .claimDropped, .pingForOther: .debug
    }
  }

  var kind: String {
    switch self {
    case .malformed: "malformed"
    case .claimedOtherName: "claimedOtherName"
    case .claimDropped(_, let problem, _): "claim \(problem.rawValue)"
    case .suspected: "suspected"
    case .doubtfulDeath: "doubtfulDeath"
    case .refuted: "refuted"
    case .probeFailed: "probeFailed"
    case .probeNotSent: "probeNotSent"
    case .onlyReliablyReachable: "onlyReliablyReachable"
    case .pingForOther: "pingForOther"
    case .addressRefused: "addressRefused"
    case .mergeRefused: "mergeRefused"
    case .limitReached(let limit): "limit \(limit.rawValue)"
    }
  }

  var subject: String {
    switch self {
    case .malformed(_, _, let peer), .claimedOtherName(_, let peer), .pingForOther(_, let peer), .mergeRefused(_, let peer): peer.text
    case .addressRefused(_, let peer): peer.address.host
    // Not the name, which may be different each time.
    case .claimDropped(_, .unusableAddress, let deliverer): deliverer?.description ?? ""
    case .claimDropped(let name, _, let deliverer): "\(name) \(deliverer.map(\.description) ?? "")"
    case .suspected(let name, _, _), .doubtfulDeath(let name, _, _): name.description
    case .probeFailed(let name), .onlyReliablyReachable(let name), .probeNotSent(let name, _): name.description
    case .refuted, .limitReached: ""
    }
  }

  var metadata: Logger.Metadata {
    switch self {
    case .malformed(_, let error, let peer): .about(peer, because: "\(error)")
    case .mergeRefused(let reason, let peer): .about(peer, because: "\(reason)")
    case .claimedOtherName(_, let peer), .pingForOther(_, let peer), .addressRefused(_, let peer): .about(peer)
    case .claimDropped(let name, let problem, _): .about(name, because: problem.text)
    case .probeNotSent(let name, let reason): .about(name, because: "\(reason)")
    case .suspected(let name, _, _), .doubtfulDeath(let name, _, _), .probeFailed(let name), .onlyReliablyReachable(let name): .about(name)
    case .limitReached(let limit): .about(because: limit.text)
    case .refuted: [:]
    }
  }

  var text: String {
    switch self {
    case .malformed(let type, let error, let peer):
      "dropped \(type.map { "a message of type \($0.rawValue)" } ?? "a packet") from \(peer.text): \(error)"
    case .claimedOtherName(let name, let peer):
      "dropped what \(peer.text) sent: it speaks for \(name), and the connection's certificate does not. Closed the connection"
    case .claimDropped(let name, let problem, let deliverer):
      "dropped a claim about \(name)\(deliverer.map { " from \($0)" } ?? ""): \(problem.text)"
    case .suspected(let name, let accuser, let deliverer) where name == accuser:
      "\(deliverer.map { "\($0) says that " } ?? "")\(name) leaves; not confirmed yet"
    case .suspected(let name, let accuser, let deliverer):
      "\(name) is suspected by \(accuser)\(deliverer.map { $0 == accuser ? "" : ", as \($0) says" } ?? "")"
    case .doubtfulDeath(let name, let accuser, let deliverer) where name == accuser:
      "\(deliverer ?? accuser) says that \(name) leaves, but we hear from it; probing"
    case .doubtfulDeath(let name, let accuser, let deliverer):
      "\(accuser) says\(deliverer.map { " through \($0)" } ?? "") that \(name) is gone, but we hear from it; probing"
    case .refuted(let incarnation, let deliverer):
      "refuted an accusation\(deliverer.map { " that \($0) delivered" } ?? "") with incarnation \(incarnation)"
    case .probeFailed(let name): "\(name) does not answer; suspected"
    case .probeNotSent(let name, let reason): "a probe of \(name) was not sent (\(reason)); no verdict"
    case .onlyReliablyReachable(let name): "packets to \(name) are lost, but a stream came through. Check UDP on the way"
    case .pingForOther(let name, let peer): "a ping from \(peer.text) is for \(name), which we are not"
    case .addressRefused(let address, let peer):
      """
      dropped a ping from \(peer.text): it names \(address), which is in none of the allowed networks \
      (\(SettingName.allowedNetworks)) or no node's address
      """
    case .mergeRefused(let reason, let peer): "refused the members that \(peer.text) sent: \(reason)"
    case .limitReached(let limit): "a limit was reached and something was dropped: \(limit.text)"
    }
  }
}

extension Peer {
  /// The proven name if there is one, and the address.
  var text: String { provenName.map { "\($0) (\(address))" } ?? address.description }
}

extension ClaimProblem {
  fileprivate var text: String {
    switch self {
    case .versions: "its protocol versions are not valid, or do not fit the cluster's"
    case .name: "the name is missing or too long"
    case .address: "the address is not valid"
    case .meta: "the tags exceed 512 bytes"
    case .incarnation: "the incarnation is too high to be refuted; probing"
    case .state: "the state is unknown"
    case .unprovenAddress: "its address is not the proven one"
    case .network: "its address is in none of the allowed networks (\(SettingName.allowedNetworks))"
    case .introducer: "a new name, and the node that sends it is no member here"
    case .unusableAddress:
      "no node can be reached at its address. Give that member an address to advertise (\(SettingName.advertise)), or bind it to one of its own"
    }
  }
}

extension MembershipLimit {
  fileprivate var text: String {
    switch self {
    case .members: "members"
    case .unprovenMembers: "members without a proven name"
    case .newNamesPerPeer: "new names from one peer in a minute"
    case .queuedBroadcasts: "queued broadcasts"
    case .relays: "pings on behalf of others"
    case .joins: "joins at once"
    case .urgentProbes: "urgent probes"
    case .pushPullsOutOfTurn: "push/pulls out of turn"
    }
  }
}

extension NodeLimit {
  fileprivate var text: String {
    switch self {
    case .bufferedIntents: "intents about unknown nodes"
    case .eventsPerTime: "user events of one Lamport time"
    case .eventsOnTheWay: "user events on their way at once, of which this node remembers the newest"
    case .queryIDsPerTime: "queries of one Lamport time"
    case .queryFilters: "the work that one query's filters make"
    case .answerableQueries: "queries that wait for this node's answer"
    case .nameLength: "bytes of a member's name in an intent"
    case .eventSize: "bytes of a user event"
    case .stateEntries: "members in a push/pull"
    case .userState: "bytes of a member's state in a push/pull"
    case .nodeMessageSize: "bytes of a message between nodes"
    case .offers: "large payloads that wait to be fetched"
    case .offerSize: "bytes of an offered payload"
    case .largeAnswers: "large answers that wait for a connection"
    }
  }
}

extension BroadcastTier {
  fileprivate var text: String {
    switch self {
    case .intent: "intent"
    case .query: "query"
    case .event: "event"
    case .large: "large message"
    case .membership: "membership"
    }
  }
}

extension RefusalReason {
  /// What a peer is told when its request is not answered, if it can read that; nil if it is told nothing.
  var reply: String? {
    switch self {
    case .malformed(let error): "the request cannot be read: \(error)"
    case .versionMismatch: "the protocol versions do not fit"
    case .filtered: "merge canceled: the delegate of the node there refuses these members"
    case .tooLarge: "the request exceeds a limit"
    // A Go agent's ping for another name is closed without an answer, as Go does.
    case .unexpectedType, .wrongNode, .claimedOtherName: nil
    }
  }
}
