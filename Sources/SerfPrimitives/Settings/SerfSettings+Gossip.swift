// The gossip layer: probes, suspicion, gossip and push/pull. The formulas that these values feed are in `memberlist.md` section 4.

extension SerfSettings {
  /// Failure detection: who is asked, how often, and how long an answer may take.
  public struct Probe: Hashable, Sendable {
    /// Time between two probes; each probes one member, in round-robin order. Zero: never. Default 1 s, 5 s, 1 s.
    ///
    /// Detection of a crash takes about this long plus the suspicion time. Halving it doubles the probe traffic.
    public var interval = Duration.seconds(1)
    /// How long a direct ack may take before helpers are asked. Default 500 ms, 3 s, 200 ms. Choose it above the 99th percentile of the round trip, and
    /// below ``interval``.
    public var timeout = Duration.milliseconds(500)
    /// How many helpers are asked to ping a silent member. Default 3, 3, 1. More helpers tell a bad path from a dead member with more certainty.
    public var indirectChecks = 3
    /// Upper bound of the awareness multiplier (Lifeguard): a node in trouble makes its probes up to this many times longer. Default 8; 1 turns it off.
    public var awarenessMaximum = 8
    /// Whether a silent member is also pinged over a reliable exchange, which tells lost packets from a lost member. Default true.
    public var usesReliablePing = true

    /// The defaults for a local network.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      try SettingBounds.check(interval: interval, "SerfConfiguration.probe.interval")
      try SettingBounds.check(time: timeout, "SerfConfiguration.probe.timeout")
      try SettingBounds.check(indirectChecks, "SerfConfiguration.probe.indirectChecks", to: SettingBounds.largestFactor)
      try SettingBounds.check(awarenessMaximum, "SerfConfiguration.probe.awarenessMaximum", from: 1, to: SettingBounds.largestFactor)
    }
  }

  /// How long a suspect has to refute.
  public struct Suspicion: Hashable, Sendable {
    /// The shortest wait is this × log10(members) × probe interval. Default 4, 6, 3. A larger value is slower and surer.
    public var multiplier = 4
    /// The longest wait, while no other member confirms, is this × the shortest. Default 6.
    public var maximumMultiplier = 6

    /// The defaults for a local network.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      try SettingBounds.check(multiplier, "SerfConfiguration.suspicion.multiplier", to: SettingBounds.largestFactor)
      try SettingBounds.check(maximumMultiplier, "SerfConfiguration.suspicion.maximumMultiplier", to: SettingBounds.largestFactor)
    }
  }

  /// Epidemic dissemination.
  public struct Gossip: Hashable, Sendable {
    /// Time between two rounds. Zero: news travels only on probes and push/pull. Default 200 ms, 500 ms, 100 ms. News spreads faster with a shorter
    /// interval, and costs more packets.
    public var interval = Duration.milliseconds(200)
    /// How many members get a packet in each round. Default 3, 4, 3.
    public var fanout = 3
    /// Each broadcast goes out this × ⌈log10(members + 1)⌉ times, and at least 4 times for each of the first three other members. Default 4, 4, 2. A
    /// larger value survives more loss.
    public var retransmitMultiplier = 4
    /// How long a dead member still gets gossip, so that it can refute; after that it is forgotten. Default 30 s, 60 s, 15 s. It should be longer than
    /// a short partition of the network.
    public var deadMemberDuration = Duration.seconds(30)
    /// How many of the members chosen in a round may have no connection yet, as long as the transport has fewer than ⌈ln n⌉ + 4 connections
    /// (`secure-transport.md` 2.6). Default 3, 4, 3: as many as ``fanout``. Only where names are proven.
    public var coldDials = 3

    /// How many bytes in a second a node may send to pass news on at once, to ⌈ln n⌉ + 2 members, instead of with the next round; and 64 KiB for each of
    /// them when it has been quiet. Zero: never, as in Go's Serf. Default 1,000,000. News above that waits; it is sent in order.
    public var forwardedBytesPerSecond = 1_000_000

    /// The defaults for a local network.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      try SettingBounds.check(interval: interval, "SerfConfiguration.gossip.interval")
      try SettingBounds.check(forwardedBytesPerSecond, "SerfConfiguration.gossip.forwardedBytesPerSecond")
      try SettingBounds.check(fanout, "SerfConfiguration.gossip.fanout", to: SettingBounds.largestFactor)
      try SettingBounds.check(retransmitMultiplier, "SerfConfiguration.gossip.retransmitMultiplier", to: SettingBounds.largestFactor)
      try SettingBounds.check(time: deadMemberDuration, "SerfConfiguration.gossip.deadMemberDuration")
      try SettingBounds.check(coldDials, "SerfConfiguration.gossip.coldDials", to: SettingBounds.largestFactor)
    }
  }

  /// Anti-entropy: full state exchanges.
  public struct PushPull: Hashable, Sendable {
    /// Time between two exchanges at up to 32 members, longer with every doubling above that. Zero: only joins. Default 30 s, 60 s, 15 s. A shorter
    /// interval repairs lost gossip sooner; each exchange carries the whole member list both ways.
    public var interval = Duration.seconds(30)
    /// How long an exchange may take, dial included. Default 10 s, 30 s, 1 s.
    public var timeout = Duration.seconds(10)

    /// The defaults for a local network.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      try SettingBounds.check(interval: interval, "SerfConfiguration.pushPull.interval")
      try SettingBounds.check(positiveTime: timeout, "SerfConfiguration.pushPull.timeout")
    }
  }
}
