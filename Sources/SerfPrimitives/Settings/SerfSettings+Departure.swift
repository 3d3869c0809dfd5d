extension SerfSettings {
  /// Leaving, forcing other members to leave, and all other verbs that wait until the cluster has heard of them.
  public struct Leaving: Hashable, Sendable {
    /// How long to wait until a broadcast has been handed to enough members. Default 5 s. A longer wait helps a busy or slow cluster; the broadcast goes
    /// on after the wait, so at worst the command ends a little before the news has spread.
    public var broadcastTimeout = Duration.seconds(5)
    /// How long a node that left stays up, so that other members pass its farewell on while it still answers probes. Default 1 s. It should be a few
    /// gossip intervals.
    public var propagateDelay = Duration.seconds(1)
    /// Whether a node that is cancelled instead of leaving sends a last packet to a few members, which tell the others. They show it as leaving, and as
    /// left when their probes find that it is gone. The node waits for no answer, so this is best effort. Default true; without it they show the node as
    /// failed.
    public var saysFarewellOnCancellation = true

    /// The defaults.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      try SettingBounds.check(time: broadcastTimeout, "SerfConfiguration.leaving.broadcastTimeout")
      try SettingBounds.check(time: propagateDelay, "SerfConfiguration.leaving.propagateDelay")
    }
  }

  /// When members that are gone are forgotten.
  public struct Reaping: Hashable, Sendable {
    /// How often members are checked for this. Default 15 s.
    public var interval = Duration.seconds(15)
    /// How long a failed member is remembered and tried again. Default 24 h. It should be longer than the longest outage after which a member should come
    /// back by itself.
    public var failedTimeout = Duration.seconds(86_400)
    /// How long a member that left is remembered, so that old gossip about it is known to be old. Default 24 h. A shorter time saves memory where
    /// members come and go under new names.
    public var leftTimeout = Duration.seconds(86_400)
    /// How long an intent about an unknown node is kept until the node appears. Default 5 min.
    public var intentTimeout = Duration.seconds(300)

    /// The defaults.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      try SettingBounds.check(interval: interval, "SerfConfiguration.reaping.interval")
      try SettingBounds.check(time: failedTimeout, "SerfConfiguration.reaping.failedTimeout")
      try SettingBounds.check(time: leftTimeout, "SerfConfiguration.reaping.leftTimeout")
      try SettingBounds.check(time: intentTimeout, "SerfConfiguration.reaping.intentTimeout")
    }
  }

  /// Bringing back members that failed, and parts of the cluster that were cut off.
  public struct Reconnecting: Hashable, Sendable {
    /// How often the node may dial one member that failed, or was forgotten since, or one seed, chosen at random; the larger the share of these members,
    /// the more likely is a dial. Zero: never. Default 30 s. A cluster whose parts can reach each other again is one within two of these intervals.
    public var interval = Duration.seconds(30)
    /// A failed member that returns within this time counts as a flap. Default 60 s. It changes a figure only.
    public var flapTimeout = Duration.seconds(60)

    /// The defaults.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      try SettingBounds.check(interval: interval, "SerfConfiguration.reconnecting.interval")
      try SettingBounds.check(time: flapTimeout, "SerfConfiguration.reconnecting.flapTimeout")
    }
  }
}
