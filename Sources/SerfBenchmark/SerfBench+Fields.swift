extension SerfBench {
  /// What each field of the output means, for the help.
  static let outputFields = """
    Names that end with _s are seconds, _ms milliseconds, _kib KiB; p50 is the median. What counts nodes' figures is their sum.

    Every line:
      scenario, nodes, profile, transport, started_at_once, busy: as asked for
      impl                            swift-serf
      settle                          seconds that the cluster was left alone after converge
      ok                              all but idle: false makes the exit status 1
      failures                        all but fail: how often a node saw another fail, since the start

    converge:
      join_s                          until the last join was answered
      joined, reason                  only when a join failed, which ends the run: how many joined, and why one did not
      converge_s                      until all saw all; 120 when they did not
      cpu_s                           processor time of this process meanwhile
      handshakes                      completed ones, counted at the side that dialled
      connections                     ends of open connections: two per connected pair
      handshakes_per_pair             handshakes per pair of nodes
      handshakes_per_connected_pair   handshakes per pair that has a connection
      dials_per_s                     handshakes begun, per second of converge_s
      refused                         certificates refused, and handshakes refused because of load
      lateness_s                      how late the latest node is, as its SerfStatistics.lateness says
      suspicions                      how often a node began to suspect another

    idle:
      cpu_ms_per_node_s               processor time per node and second
      rss_kib_per_node                resident memory that the cluster added, per node
      connections, handshakes, handshakes_per_pair, lateness_s: as above, since the start
      cpu_ms_per_connection_s         processor time per end of a connection and second
      rss_kib_per_connection          resident memory per end of a connection
      handshakes_while_idle, suspicions_while_idle, refused_while_idle: of these, during idle
      handshakes_per_node_s           handshakes per node and second of idle

    event:
      count                           events sent
      all_nodes_p50_s, all_nodes_max_s: from sending one until all nodes had it
      late                            events that took more than 20 s to all
      lost                            events that a node never had, summed over the nodes
      handshakes_per_node_s           handshakes per node and second meanwhile

    join:
      count, joined                   nodes that were to join, and those that did
      join_p50_s, join_max_s          how long a join took
      suspicions                      as above, since the start

    fail:
      count                           nodes that crashed, one after another
      first_detect_s                  from the crash until a first node saw it, median
      all_detect_s, all_detect_max_s  from the crash until all saw it: median and longest
    """
}
