extension SerfSettings {
  /// What a peer can make us store. Anything beyond these limits is dropped and counted.
  public struct Limits: Hashable, Sendable {
    /// Members in the table, dead ones included. Default 100,000.
    public var members = 100_000
    /// Members first heard of through one peer within a minute, except in replies to our own joins. Only where names are proven. Default 10,000. It
    /// must be above the number of members that start within a minute.
    public var newNamesPerPeerPerMinute = 10_000
    /// Bytes of a name. Default 512.
    public var nameLength = 512
    /// Bytes of a member's meta, which are its encoded tags. Default 512; this is the protocol's own limit.
    public var metaLength = 512
    /// Broadcasts of the layer above that wait in each of its queues; the most transmitted ones go first. Default 4,096.
    public var queuedBroadcasts = 4_096
    /// Pings on behalf of others, in flight at once. Default 1,024.
    public var relays = 1_024
    /// Bytes of state of the layer above in one push/pull, and of a user message on a stream. Default 20 MiB.
    public var userStateLength = 20 << 20
    /// Joins that run side by side. Default 16.
    public var joins = 16
    /// Addresses that one join asks side by side. Default 16. With more addresses than this, each of the first ones gets a share of the time that a
    /// push/pull may take.
    public var joinExchanges = 16
    /// Members that are probed by a dial at the same time, each for 5.5 seconds at most. Default 6. While all places are taken, other members without a
    /// connection are skipped in their turn.
    public var probesByDial = 6
    /// Members waiting for a probe out of turn. Default 64.
    public var urgentProbes = 64
    /// Push/pulls out of turn, for the layer above, that may follow each other at once; each second allows one more. Default 256. They repair the effects
    /// of hostile Lamport times, one push/pull for each hostile time (`secure-transport.md` 3.3).
    public var pushPullsOutOfTurn = 256
    /// Intents about nodes that we do not know yet. Default 4,096.
    public var bufferedIntents = 4_096

    /// The defaults.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      try SettingBounds.check(members, "SerfConfiguration.limits.members")
      try SettingBounds.check(newNamesPerPeerPerMinute, "SerfConfiguration.limits.newNamesPerPeerPerMinute")
      try SettingBounds.check(nameLength, "SerfConfiguration.limits.nameLength")
      try SettingBounds.check(metaLength, "SerfConfiguration.limits.metaLength")
      try SettingBounds.check(queuedBroadcasts, "SerfConfiguration.limits.queuedBroadcasts")
      try SettingBounds.check(relays, "SerfConfiguration.limits.relays")
      try SettingBounds.check(userStateLength, "SerfConfiguration.limits.userStateLength")
      try SettingBounds.check(joins, "SerfConfiguration.limits.joins")
      try SettingBounds.check(joinExchanges, "SerfConfiguration.limits.joinExchanges")
      try SettingBounds.check(probesByDial, "SerfConfiguration.limits.probesByDial")
      try SettingBounds.check(urgentProbes, "SerfConfiguration.limits.urgentProbes")
      try SettingBounds.check(pushPullsOutOfTurn, "SerfConfiguration.limits.pushPullsOutOfTurn")
      try SettingBounds.check(bufferedIntents, "SerfConfiguration.limits.bufferedIntents")
    }
  }
}
