package import Memberlist
package import SerfCore
import SerfPrimitives
package import SerfTransport

/// The list of all figures, which gives each its key and its metric (`agent.md` section 6, "What ours shows").
///
/// A metric has the name that Go Serf gives to the same figure, if Go has it. Three of Go's names are not used, because Go counts something else there:
/// `memberlist.udp.…` and `serf.msgs.…` are bytes, and `memberlist.degraded.probe` counts probes of a node that doubts itself.
extension SerfStatistics {
  /// The list of these values. Of two figures with one key the first stays: a transport that you wrote cannot hide a figure of the node.
  package init(
    node: NodeStatistics, events: NodeCounters, subscriptions: SubscriptionStatistics = .init(),
    delegate: DelegateCaller.Figures = .init(), gossip: MembershipCounters,
    transport: [TransportFigure], status: NodeStatus, lateness: Duration, isEncrypted: Bool
  ) {
    var keys: Set<String> = []
    let own = Figure.own(node, events, subscriptions, delegate, gossip, lateness: lateness)
    figures = (own + transport.map { Figure($0) }).filter { keys.insert($0.key).inserted }
    self.status = status
    self.lateness = lateness
    self.isEncrypted = isEncrypted
  }

  fileprivate static func figures(of node: NodeStatistics, lateness: Duration) -> [Figure] {
    func gauge(_ key: String, _ value: some BinaryInteger, _ metric: String) -> Figure {
      Figure(section: "serf", key: key, metric: metric, kind: .gauge, value: UInt64(clamping: value))
    }
    return [
      gauge("members", node.members, "serf.members"),
      gauge("alive", node.alive, "serf.members.alive"),
      gauge("leaving", node.leaving, "serf.members.leaving"),
      gauge("failed", node.failed, "serf.members.failed"),
      gauge("left", node.left, "serf.members.left"),
      gauge("health_score", node.healthScore, "memberlist.health.score"),
      gauge("lateness_ms", lateness.milliseconds, "serf.lateness_ms"),
      gauge("member_time", node.memberTime, "serf.clock.member"),
      gauge("event_time", node.eventTime, "serf.clock.event"),
      gauge("query_time", node.queryTime, "serf.clock.query"),
      gauge("intent_queue", node.intentQueue, "serf.queue.Intent"),
      gauge("event_queue", node.eventQueue, "serf.queue.Event"),
      gauge("events_unsent", node.eventsUnsent, "serf.events.unsent"),
      gauge("query_queue", node.queryQueue, "serf.queue.Query"),
      gauge("large_queue", node.largeQueue, "serf.queue.Large"),
      gauge("body_bytes", node.bodyBytes, "serf.bodies.bytes"),
      gauge("bodies_wanted", node.bodiesWanted, "serf.bodies.wanted"),
      gauge("queries_open", node.openQueries, "serf.queries.open"),
      gauge("remembered", node.remembered, "serf.members.remembered"),
    ]
  }

  fileprivate static func figures(of gossip: MembershipCounters) -> [Figure] {
    func counter(_ key: String, _ value: UInt64, _ metric: String? = nil) -> Figure {
      Figure(section: "gossip", key: key, metric: metric ?? "serf.gossip.\(key)", kind: .counter, value: value)
    }
    return [
      // `info` has shown this one in the section `serf` from the beginning.
      Figure(section: "serf", key: "suspicions", metric: "memberlist.msg.suspect", kind: .counter, value: gossip.suspicions),
      counter("suspicions_confirmed", gossip.suspicionsConfirmed),
      counter("refutations", gossip.refutations),
      counter("deaths", gossip.deaths, "memberlist.msg.dead"),
      counter("doubtful_deaths", gossip.doubtfulDeaths),
      counter("accusations_requeued", gossip.accusationsRequeued),

      counter("probes", gossip.probes),
      counter("probes_failed", gossip.probesFailed),
      counter("probes_not_sent", gossip.probesNotSent),
      counter("probes_stalled", gossip.probesStalled),
      counter("probes_heard", gossip.probesHeard),
      counter("probes_passed", gossip.probesPassed),
      counter("urgent_probes_refused", gossip.urgentProbesRefused),
      counter("stray_acks", gossip.strayAcks),
      counter("stray_nacks", gossip.strayNacks),
      counter("pings_for_others", gossip.pingsForOthers),
      counter("indirect_pings_to_unknown", gossip.indirectPingsToUnknown),
      counter("relays_refused", gossip.relaysRefused),

      // The transport counts packets too, under the plain names: those before anything has read them.
      counter("gossip_packets_received", gossip.packetsReceived, "serf.gossip.packets_received"),
      counter("gossip_packets_sent", gossip.packetsSent, "serf.gossip.packets_sent"),
      counter("gossip_packets_forwarded", gossip.packetsForwarded, "serf.gossip.packets_forwarded"),
      counter("forwarding_slowed", gossip.forwardingSlowed),
      counter("gossip_packets_not_sent", gossip.packetsNotSent, "serf.gossip.packets_not_sent"),
      counter("gossip_packets_malformed", gossip.packetsMalformed, "serf.gossip.packets_malformed"),
      counter("gossip_messages_received", gossip.messagesReceived, "serf.gossip.messages_received"),
      counter("gossip_messages_malformed", gossip.messagesMalformed, "serf.gossip.messages_malformed"),
      counter("gossip_exchanges_malformed", gossip.exchangesMalformed, "serf.gossip.exchanges_malformed"),
      counter("broadcasts_dropped", gossip.broadcastsDropped),

      counter("claimed_other_name", gossip.claimedOtherName),
      counter("claims_with_bad_versions", gossip.claimsWithBadVersions),
      counter("claims_with_bad_name", gossip.claimsWithBadName),
      counter("claims_with_bad_address", gossip.claimsWithBadAddress),
      counter("claims_with_long_meta", gossip.claimsWithLongMeta),
      counter("claims_with_high_incarnation", gossip.claimsWithHighIncarnation),
      counter("claims_with_bad_state", gossip.claimsWithBadState),
      counter("claims_to_unproven_address", gossip.claimsToUnprovenAddress),
      counter("claims_outside_networks", gossip.claimsOutsideNetworks),
      counter("claims_with_unusable_address", gossip.claimsWithUnusableAddress),
      counter("claims_filtered", gossip.claimsFiltered),
      counter("members_refused", gossip.membersRefused),
      counter("merges_refused", gossip.mergesRefused),
      counter("joins_refused", gossip.joinsRefused),
      counter("conflicts", gossip.conflicts),
      counter("own_name_elsewhere", gossip.ownNameElsewhere),
      counter("addresses_refused", gossip.addressesRefused),
      counter("address_dials", gossip.addressDials),
      counter("addresses_corrected", gossip.addressesCorrected),
      counter("push_pulls_out_of_turn", gossip.pushPullsOutOfTurn),
      counter("push_pulls_out_of_turn_refused", gossip.pushPullsOutOfTurnRefused),
    ]
  }

  fileprivate static func figures(of events: NodeCounters) -> [Figure] {
    func counter(_ key: String, _ value: UInt64, _ metric: String? = nil) -> Figure {
      Figure(section: "events", key: key, metric: metric ?? "serf.core.\(key)", kind: .counter, value: value)
    }
    return [
      counter("member_joins", events.joins, "serf.member.join"),
      counter("member_leaves", events.leaves, "serf.member.left"),
      counter("member_failures", events.failures, "serf.member.failed"),
      counter("member_updates", events.updates, "serf.member.update"),
      counter("member_reaps", events.reaps, "serf.member.reap"),
      counter("member_flaps", events.flaps, "serf.member.flap"),
      counter("intents_stale", events.intentsStale),
      counter("intents_refused", events.intentsRefused),
      counter("leaves_refuted", events.leavesRefuted),
      counter("reconnects", events.reconnects),
      counter("remembered_dials", events.rememberedDials),
      counter("seed_dials", events.seedDials),
      counter("cluster_heals", events.clusterHeals),
      counter("addresses_reused", events.addressesReused),

      counter("user_events", events.eventsDelivered, "serf.events"),
      counter("events_duplicate", events.eventsDuplicate),
      counter("events_too_old", events.eventsTooOld),
      counter("events_not_wanted", events.eventsNotWanted),
      counter("events_refused", events.eventsRefused),
      counter("events_coalesced", events.eventsCoalesced),
      counter("flushes_early", events.flushesEarly),

      counter("queries", events.queriesReceived, "serf.queries"),
      counter("queries_duplicate", events.queriesDuplicate),
      counter("queries_too_old", events.queriesTooOld),
      counter("queries_refused", events.queriesRefused),
      counter("queries_sent", events.queriesSent),
      counter("queries_delivered", events.queriesDelivered),
      counter("answers_sent", events.answersSent),
      counter("answers", events.answersReceived),
      counter("responses_without_query", events.responsesWithoutQuery),
      counter("responses_duplicate", events.responsesDuplicate),
      counter("responses_refused", events.responsesRefused),
      counter("responses_undeliverable", events.responsesUndeliverable),
      counter("internal_queries_unknown", events.internalQueriesUnknown),
      counter("key_operations", events.keyOperations),
      counter("key_operations_refused", events.keyOperationsRefused),
      counter("key_answers_not_sent", events.keyAnswersNotSent),
      counter("name_votes", events.nameVotes),
      counter("relays_too_large", events.relaysTooLarge),
      counter("relays_forwarded", events.relaysForwarded),
      counter("relays_dropped", events.relaysDropped),

      counter("messages_received", events.messagesReceived),
      counter("messages_malformed", events.messagesMalformed),
      counter("messages_unknown", events.messagesUnknown),
      counter("implausible_times", events.implausibleTimes),
      counter("states_received", events.statesReceived),
      counter("states_malformed", events.statesMalformed),
      counter("broadcasts_timed_out", events.broadcastsTimedOut),

      // Go's `info` has this one in the section `serf`.
      Figure(
        section: "serf", key: "coordinate_resets", metric: "serf.core.coordinate_resets", kind: .counter, value: events.coordinateResets),
      counter("coordinates_rejected", events.coordinatesRejected, "serf.coordinate.rejected"),
      counter("coordinate_versions_unknown", events.coordinateVersionsUnknown),
      counter("round_trips_rejected", events.roundTripsRejected),
      counter("snapshot_lines", events.snapshotLines),
      counter("snapshot_compactions", events.snapshotCompactions),
      counter("snapshot_failures", events.snapshotFailures),
      counter("snapshot_blocks_skipped", events.snapshotBlocksSkipped),
      counter("snapshot_lines_skipped", events.snapshotLinesSkipped),
      counter("snapshot_names_refused", events.snapshotNamesRefused),
      counter("user_states_received", events.userStatesReceived),
      counter("user_states_refused", events.userStatesRefused),
      counter("node_messages_sent", events.nodeMessagesSent),
      counter("node_messages_not_sent", events.nodeMessagesNotSent),
      counter("node_messages_received", events.nodeMessagesReceived),
      counter("node_messages_refused", events.nodeMessagesRefused),
      counter("offers", events.offersReceived),
      counter("offers_refused", events.offersRefused),
      counter("bodies_fetched", events.bodiesFetched),
      counter("bodies_wrong", events.bodiesWrong),
      counter("bodies_given_up", events.bodiesGivenUp),
      counter("bodies_served", events.bodiesServed),
      counter("fetches_failed", events.fetchesFailed),
      counter("fetches_refused", events.fetchesRefused),
    ]
  }
}

extension SerfStatistics {
  fileprivate static func figures(of subscriptions: SubscriptionStatistics) -> [Figure] {
    [
      Figure(
        section: "events", key: "subscriptions", metric: "serf.subscriptions", kind: .gauge,
        value: UInt64(clamping: subscriptions.subscriptions)),
      Figure(
        section: "events", key: "events_waiting", metric: "serf.subscriptions.events_waiting", kind: .gauge,
        value: UInt64(clamping: subscriptions.eventsWaiting)),
      Figure(
        section: "events", key: "events_dropped", metric: "serf.subscriptions.events_dropped", kind: .counter,
        value: subscriptions.eventsDropped),
    ]
  }
}

extension SerfStatistics {
  fileprivate static func figures(of delegate: DelegateCaller.Figures) -> [Figure] {
    func figure(_ key: String, _ value: UInt64, _ kind: Kind = .counter) -> Figure {
      Figure(section: "events", key: key, metric: "serf.\(key.replacing("_", with: ".", maxReplacements: 1))", kind: kind, value: value)
    }
    return [
      figure("delegate_calls", delegate.calls),
      figure("delegate_calls_waiting", UInt64(clamping: delegate.waiting), .gauge),
      figure("delegate_calls_dropped", delegate.dropped),
      figure("delegate_calls_failed", delegate.failed),
      figure("delegate_filters_slow", delegate.slowFilters),
    ]
  }
}

extension SerfStatistics.Figure {
  /// Those of a node that has not started. All but the transport's are the same for every node.
  static var ownAtStart: [Self] {
    own(NodeStatistics(), NodeCounters(), SubscriptionStatistics(), DelegateCaller.Figures(), MembershipCounters(), lateness: .zero)
  }

  fileprivate static func own(
    _ node: NodeStatistics, _ events: NodeCounters, _ subscriptions: SubscriptionStatistics, _ delegate: DelegateCaller.Figures,
    _ gossip: MembershipCounters, lateness: Duration
  ) -> [Self] {
    SerfStatistics.figures(of: node, lateness: lateness) + SerfStatistics.figures(of: gossip) + SerfStatistics.figures(of: events)
      + SerfStatistics.figures(of: subscriptions) + SerfStatistics.figures(of: delegate)
  }

  fileprivate init(_ figure: TransportFigure) {
    let kind: SerfStatistics.Kind =
      switch figure.kind {
      case .counter: .counter
      case .gauge: .gauge
      }
    self.init(section: "transport", key: figure.name, metric: "serf.transport.\(figure.name)", kind: kind, value: figure.value)
  }
}
