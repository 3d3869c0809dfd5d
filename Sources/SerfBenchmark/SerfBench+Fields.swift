extension SerfBench {
  /// What each field of the output means, for the help. Lines fit into 80 columns, because the parser breaks longer ones.
  static let outputFields = """
    Times that end with _s are seconds, with _ms milliseconds; _kib are KiB; p50
    is the median. Figures of nodes are summed over all nodes.

    Every line:
      scenario, nodes, profile, transport, started_at_once, busy: as asked for
      impl: swift-serf
      settle: seconds that the cluster was left alone after converge
      ok: not in idle; false makes the exit status 1
      failures: not in fail; how often a node saw another fail, since the start

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
      all_nodes_p50_s: from sending an event until all nodes had it, median
      all_nodes_max_s: the longest of these
      late: events that took longer than 20 s
      lost: events that a node never had, counted for each such node
      handshakes_per_node_s: handshakes per node and second meanwhile

    join:
      count: nodes that were to join
      joined: those that did
      join_p50_s: how long a join took, median
      join_max_s: the longest of these
      suspicions: how often a node began to suspect another, since the start

    fail:
      count: nodes that crashed, one after another
      first_detect_s: from a crash until a first node saw it, median
      all_detect_s: from a crash until all saw it, median
      all_detect_max_s: the longest of these
    """
}
