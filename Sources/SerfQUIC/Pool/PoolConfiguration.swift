package import SerfPrimitives

/// What the pool keeps and for how long (`secure-transport.md` section 2).
package struct PoolConfiguration: Sendable {
  /// Our own name, which no dial may reach.
  package var ownName: NodeName
  /// How many connections are kept. Beyond that the one used least recently is closed, unless its peer is pinned.
  package var connectionLimit = 256
  /// How many connections to one name are kept.
  package var connectionsPerName = 4
  /// Dials in their first second to one IP address.
  package var dialsPerHost = 4
  /// A dial begins while fewer than this many are in progress: one limit each for joins, probes, exchanges and gossip.
  package var dialsInProgress = (join: 16, probe: 4, exchange: 3, gossip: 2)
  /// Dials that wait for their turn.
  package var queuedDials = 512
  /// Packets that wait for one dial; the oldest is dropped for a new one.
  package var waitingPackets = 4
  /// How long a SWIM probe waits for an answer: unacknowledged packets younger than this follow a peer to its next connection.
  package var probeTimeout = Duration.milliseconds(500)
  /// How often a member is probed; with the number of members it determines when a connection is idle.
  package var probeInterval = Duration.seconds(1)
  /// The bounds of the idle time 2.2 · N · ``probeInterval``.
  package var idleTime: ClosedRange<Duration> = .seconds(60) ... .seconds(30 * 60)
  /// How old a connection gets, ± 25 %.
  package var maximumAge = Duration.seconds(12 * 3600)
  /// The time over which connections are renewed after our certificate changed. A third of the certificate's remaining life, if that is less.
  package var renewalTime = Duration.seconds(300)
  /// How often live connections are verified again (`secure-transport.md` 1.7).
  package var recheckInterval = Duration.seconds(60)
  /// How long a dial may go without an answer before it is given up.
  package var dialTimeout = Duration.seconds(5)
  /// The same for a join whose target has answered at all, for example with a Retry: if hundreds of nodes join one member at once, the last one waits
  /// until all others are done.
  package var joinDialTimeout = Duration.seconds(15)
  /// How long, on average, a dial pauses because its target was too busy: doubled each time, within these bounds.
  package var busyPause: ClosedRange<Duration> = .milliseconds(250) ... .seconds(1)
  /// After a failed dial, gossip does not dial the address for this time, which doubles with each failure. Other messages do.
  package var backOff: ClosedRange<Duration> = .seconds(1) ... .seconds(30)

  package init(ownName: NodeName) { self.ownName = ownName }

  func dialsInProgress(_ urgency: DialUrgency) -> Int {
    switch urgency {
    case .join: dialsInProgress.join
    case .probe: dialsInProgress.probe
    case .exchange: dialsInProgress.exchange
    case .gossip: dialsInProgress.gossip
    }
  }
}
