extension SerfBench {
  /// What each field of the output means, for the help. Lines fit into 80 columns, because the parser breaks longer ones.
  static let outputFields = """
    Times that end with _s are seconds, with _ms milliseconds; _kib are KiB; p50
    is the median. Figures of nodes are summed over all nodes.

    Every line:
      scenario, nodes, profile, transport, started_at_once, busy: as asked for
      impl: swift-serf
      settle: seconds that the cluster was left alone after converge
      ok: not in idle; false makes the exit status 1. It is false when something is
        missing: a member, a delivery, an answer, or the knowledge of a crash
      failures: not in fail and where there is no cluster; how often a node saw
        another fail, since the start

    converge:
      join_s: until the last join was answered
      joined: how many joined; only when a join failed, which ends the run
      reason: why one did not join; with joined
      converge_s: until every node saw all others; 120 when some did not
      cpu_s: processor time of this process until then
      handshakes: completed ones, counted at the side that dialled
      connections: ends of open connections, two per connected pair
      handshakes_per_pair: handshakes per pair of nodes
      handshakes_per_connected_pair: handshakes per pair that has a connection
      dials_per_s: handshakes begun, per second of converge_s
      refused: certificates refused, and handshakes refused because of load
      lateness_s: how late the latest node is (SerfStatistics.lateness)
      suspicions: how often a node began to suspect another

    idle:
      cpu_ms_per_node_s: processor time per node and second
      rss_kib_per_node: resident memory that the cluster added, per node
      connections, handshakes, handshakes_per_pair, lateness_s: as in converge
      cpu_ms_per_connection_s: processor time per end of a connection and second
      rss_kib_per_connection: resident memory per end of a connection
      handshakes_while_idle: handshakes completed meanwhile
      handshakes_per_node_s: the same per node and second
      suspicions_while_idle: how often a node began to suspect another meanwhile
      refused_while_idle: certificates and handshakes refused meanwhile

    event:
      count: events sent
      all_nodes_p50_s: from sending an event until it came to the last node that
        it came to, median
      all_nodes_max_s: the longest of these
      late: events that were not everywhere after 10 s
      lost: deliveries missing 10 s after the last event was sent
      duplicates: events that a node delivered once more
      receiver_lost: events that came, and that a receiver was too slow for
      handshakes_per_node_s: handshakes per node and second meanwhile

    throughput:
      count: events sent
      expected: deliveries that should come: each event at each node
      delivered: those that came while it waited (--patience)
      missing_10s: those that were not there 10 s after the last event was sent
      lost: those that never came while it waited
      duplicates, receiver_lost: as in event
      sent_s: until the sender's node had taken all events
      seconds: from the first event until the last delivery that came
      p50_s, p99_s: the same until half and 99 % of the deliveries that came
      deliveries_per_s: delivered per second of seconds
      deliveries_per_s_10s: the same of what came before missing_10s was counted
      cpu_us_per_delivery: microseconds of processor time until the last delivery

    wire, as throughput, and:
      wire_bytes_per_delivery: bytes with IP headers that crossed lo, until --tail
        seconds after the last delivery, less those of an idle cluster in as much
        time; acknowledgements are included
      wire_packets_per_delivery: packets, in the same way
      idle_bytes_per_node_s: bytes of an idle cluster, in the --idle seconds before
      cpu_us_per_delivery_all: processor time, in the same way as bytes
      window_s: how long bytes and processor time were counted

    query:
      count: queries sent
      all_answers_p50_s: from sending a query until the last answer, median
      all_answers_max_s: the longest of these
      answers, expected: answers that came, and that should: one of each node
      unanswered: queries that not all nodes answered within 15 s
      cpu_us_per_answer: microseconds of processor time per answer
      receiver_lost: as in event

    join:
      count: nodes that were to join
      joined: those that did
      join_p50_s: how long a join took, median
      join_max_s: the longest of these
      suspicions: how often a node began to suspect another, since the start

    fail:
      count: members that were killed, one after another
      first_detect_s: from SIGKILL until the first node saw it, median
      all_detect_s: the same until all nodes saw it, median
      all_detect_max_s: the longest of these

    codec: nanoseconds per message, the fastest of ten rounds
      alive_bytes, pushpull_bytes: the size of the messages
      alive_encode_ns, alive_decode_ns: news that a member is alive
      pushpull_encode_ns, pushpull_decode_ns: the state of 20 nodes

    handshakes: over --seconds, both ends in this process
      handshakes: how many were completed
      handshakes_per_s: the same per second
      cpu_ms_per_handshake: processor time of both ends

    exchange: over --seconds, both ends in this process
      message_bytes: the size of a request and of an answer
      exchanges, exchanges_per_s: how many were answered
      mib_per_s: bytes of requests and answers, in MiB
      cpu_us_per_exchange: microseconds of processor time of both ends

    datagrams: over --seconds, both ends in this process
      packet_bytes: the size of a packet
      packets, packets_per_s: packets that arrived, in both directions
      cpu_us_per_packet: microseconds of processor time of both ends
    """
}
