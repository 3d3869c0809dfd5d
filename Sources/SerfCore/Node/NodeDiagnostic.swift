package import Memberlist
package import SerfPrimitives
package import SerfWire

/// Something worth a log line. Names and bytes in it come from peers: their descriptions escape them.
package enum NodeDiagnostic: Sendable {
  /// From the gossip layer.
  case membership(MembershipDiagnostic)
  /// A Serf message could not be read; nil for a type that does not exist.
  case malformed(SerfMessageType?, WireError, from: Peer)
  /// A message carries a Lamport time too far ahead to be plausible.
  case implausibleTime(SerfMessageType, LamportTime, from: Peer)
  /// A limit was reached, and something was dropped.
  case limitReached(NodeLimit)
  /// A member announced that we leave. We do not, and refuted it.
  case leaveRefuted(time: LamportTime)
  /// The node waited for other members to get a broadcast until the time ran out. The broadcast still spreads.
  case broadcastTimedOut(BroadcastPurpose)
  /// A queue of broadcasts is deep: more is sent than the cluster can carry. `dropped` were cut off.
  case queueDeep(BroadcastTier, depth: Int, dropped: Int)
  /// This node's timers come so late, by more than half of a probe timeout, that it withholds accusations.
  case late(by: Duration)
  /// A failed member is tried again.
  case reconnecting(NodeName, NodeAddress)
  /// Two nodes claim one name that is not ours.
  case nameConflict(NodeName, existing: NodeAddress, claimant: NodeAddress)
  /// Another node claims our name.
  case ownNameConflict(claimant: NodeAddress)
  /// A peer says that our name is in use elsewhere: another node runs with our certificate.
  case ownNameRefused(by: Peer)
  /// A relayed message names a member that we do not know, or an address on a transport that never dials an address from a message.
  case relayDropped(NodeName, from: Peer)
  /// A member answered a query for another one, although the query asked for no detours.
  case responseOfOther(NodeName, from: Peer)
  /// A query cannot be answered: we do not know the member that asks, or may not send to its address.
  case askerUnknown(NodeName)
  /// What came with a member's ack changed no coordinate.
  case coordinateRefused(NodeName, CoordinateProblem)
  /// The ack of this member moved our coordinate out of bounds, so it is at the origin again.
  case coordinateReset(after: NodeName)
  /// About dials to seeds and remembered members.
  case healing(HealingDiagnostic)
  /// About the snapshot file, and the members that it names.
  case snapshot(SnapshotDiagnostic)
  /// A query with a name of the cluster's own, which this version does not know.
  case unknownInternalQuery([UInt8], from: NodeName)
  /// The answer to a key operation came after the query's time, or is too large.
  case keyAnswerNotSent(to: NodeName, isLate: Bool)
  /// The node at this address answers to our name, so the members are asked which of the two they have.
  case nameVoteBegan(SerfQuery.ID, rival: NodeAddress)
  /// They have said so.
  case nameVoteEnded(NameTally, rival: NodeAddress)
  /// A member sent another body than the one that it offered.
  case bodyWrong(from: NodeName)
  /// Nobody who offered a body has sent it: so many messages are lost here.
  case bodyGivenUp(Int)
  /// An answer is too large for the version of the member that asks.
  case askerReadsNothingLarge(NodeName)
  /// A member's vote cannot be read.
  case unreadableVote(from: NodeName, WireError)
}

/// Why a node waits for a broadcast.
package enum BroadcastPurpose: UInt8, Hashable, Sendable {
  case leaveIntent
  case farewell
  case forceLeave
  case tags
}

extension BroadcastPurpose: CustomStringConvertible {
  package var description: String {
    switch self {
    case .leaveIntent: "leave intent"
    case .farewell: "farewell"
    case .forceLeave: "removal of a member"
    case .tags: "change of tags"
    }
  }
}

/// A limit of the configuration that was reached.
package enum NodeLimit: UInt8, Hashable, Sendable {
  case bufferedIntents
  case eventsPerTime
  case eventsOnTheWay
  case queryIDsPerTime
  case answerableQueries
  case queryFilters
  case nameLength
  case eventSize
  case stateEntries
  case userState
  case nodeMessageSize
  case offers
  case offerSize
  case largeAnswers
}

/// How often something happened since the start. No decision of the protocol depends on them.
package struct NodeCounters: Hashable, Sendable {
  package var messagesReceived: UInt64 = 0
  package var messagesMalformed: UInt64 = 0
  package var messagesUnknown: UInt64 = 0
  package var implausibleTimes: UInt64 = 0
  package var statesReceived: UInt64 = 0
  package var statesMalformed: UInt64 = 0
  package var joins: UInt64 = 0
  package var leaves: UInt64 = 0
  package var failures: UInt64 = 0
  package var updates: UInt64 = 0
  package var reaps: UInt64 = 0
  package var flaps: UInt64 = 0
  package var intentsStale: UInt64 = 0
  package var intentsRefused: UInt64 = 0
  package var leavesRefuted: UInt64 = 0
  package var eventsDelivered: UInt64 = 0
  package var eventsDuplicate: UInt64 = 0
  package var eventsTooOld: UInt64 = 0
  package var eventsNotWanted: UInt64 = 0
  package var eventsRefused: UInt64 = 0
  package var eventsCoalesced: UInt64 = 0
  package var flushesEarly: UInt64 = 0
  package var queriesReceived: UInt64 = 0
  package var queriesDuplicate: UInt64 = 0
  package var queriesTooOld: UInt64 = 0
  package var queriesRefused: UInt64 = 0
  package var queriesSent: UInt64 = 0
  package var queriesDelivered: UInt64 = 0
  package var answersSent: UInt64 = 0
  package var answersReceived: UInt64 = 0
  package var responsesWithoutQuery: UInt64 = 0
  package var responsesDuplicate: UInt64 = 0
  package var responsesRefused: UInt64 = 0
  package var responsesUndeliverable: UInt64 = 0
  package var internalQueriesUnknown: UInt64 = 0
  package var keyOperations: UInt64 = 0
  package var keyOperationsRefused: UInt64 = 0
  package var keyAnswersNotSent: UInt64 = 0
  package var nameVotes: UInt64 = 0
  package var relaysTooLarge: UInt64 = 0
  package var relaysForwarded: UInt64 = 0
  package var relaysDropped: UInt64 = 0
  package var reconnects: UInt64 = 0
  package var rememberedDials: UInt64 = 0
  package var seedDials: UInt64 = 0
  package var clusterHeals: UInt64 = 0
  package var addressesReused: UInt64 = 0
  package var broadcastsTimedOut: UInt64 = 0
  package var coordinatesRejected: UInt64 = 0
  package var coordinateVersionsUnknown: UInt64 = 0
  package var coordinateResets: UInt64 = 0
  /// Of answered probes: zero, or too long to say anything about the network.
  package var roundTripsRejected: UInt64 = 0
  package var snapshotLines: UInt64 = 0
  package var snapshotCompactions: UInt64 = 0
  package var snapshotFailures: UInt64 = 0
  package var snapshotBlocksSkipped: UInt64 = 0
  package var snapshotLinesSkipped: UInt64 = 0
  package var snapshotNamesRefused: UInt64 = 0
  package var userStatesReceived: UInt64 = 0
  package var userStatesRefused: UInt64 = 0
  package var nodeMessagesSent: UInt64 = 0
  package var nodeMessagesNotSent: UInt64 = 0
  package var nodeMessagesReceived: UInt64 = 0
  package var nodeMessagesRefused: UInt64 = 0
  package var offersReceived: UInt64 = 0
  package var offersRefused: UInt64 = 0
  package var bodiesFetched: UInt64 = 0
  package var bodiesWrong: UInt64 = 0
  package var bodiesGivenUp: UInt64 = 0
  package var bodiesServed: UInt64 = 0
  package var fetchesFailed: UInt64 = 0
  package var fetchesRefused: UInt64 = 0

  package init() {}
}

/// What there is now, where ``NodeCounters`` say what has happened.
package struct NodeStatistics: Hashable, Sendable {
  /// Members in any status, this node included.
  package var members = 0
  /// How many of these there are in each status.
  package var alive = 0, leaving = 0, failed = 0, left = 0
  /// How far this node doubts itself (Lifeguard); 0 is healthy.
  package var healthScore = 0
  /// The three Lamport clocks.
  package var memberTime: LamportTime = 0, eventTime: LamportTime = 0, queryTime: LamportTime = 0
  /// Broadcasts that wait to be gossiped.
  package var intentQueue = 0, eventQueue = 0, queryQueue = 0, largeQueue = 0
  /// Our own events that wait until earlier ones have been sent.
  package var eventsUnsent = 0
  /// The bytes of large payloads that are kept for other members, and how many payloads are wanted from others.
  package var bodyBytes = 0, bodiesWanted = 0
  /// Our own queries that have not ended.
  package var openQueries = 0
  /// Members that failed and did not leave, and are dialled beyond their end in the table.
  package var remembered = 0

  package init() {}
}
