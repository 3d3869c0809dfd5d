package import SerfPrimitives

/// How a member probes, suspects and spreads, with presets for the networks that the protocol was tuned for.
///
/// Start from ``lan``, ``wan`` or ``local`` and change what you know better for your network. The values and the formulas that they feed are in
/// `memberlist.md` section 4.
package struct MembershipConfiguration: Sendable {
  /// Failure detection.
  package var probe: SerfSettings.Probe
  /// How long a suspect has to refute.
  package var suspicion: SerfSettings.Suspicion
  /// Epidemic dissemination.
  package var gossip: SerfSettings.Gossip
  /// Full state exchanges.
  package var pushPull: SerfSettings.PushPull
  /// What a peer can make us store.
  package var limits = SerfSettings.Limits()

  /// Whether a member allows for its own lateness and, where names are proven, for what connections cost (`secure-transport.md` 2.3 and 2.6). Off
  /// only in tests that show how a cluster behaves without it.
  package var adaptsToLoad = true
  /// How long a member must be dead before another address may take its name (Go peers' transport only). Zero: never; a member that left frees its
  /// name at once.
  package var deadNodeReclaimTime: Duration = .zero

  /// Asked before an alive about any member is applied, also a repeated one; false drops it. It must be quick and have no side effects.
  package var aliveFilter: (@Sendable (GossipMember) -> Bool)?
  /// Asked with all entries of a received push/pull of a join, on both sides, before any is applied; false refuses the whole push/pull.
  package var mergeFilter: (@Sendable ([GossipMember]) -> Bool)?

  /// These timings, and the default limits.
  package init(
    probe: SerfSettings.Probe, suspicion: SerfSettings.Suspicion, gossip: SerfSettings.Gossip, pushPull: SerfSettings.PushPull
  ) {
    self.probe = probe
    self.suspicion = suspicion
    self.gossip = gossip
    self.pushPull = pushPull
  }

  /// Throws for the first setting that a node cannot work with.
  package func check() throws(SettingOutOfBounds) {
    try probe.check()
    try suspicion.check()
    try gossip.check()
    try pushPull.check()
    try limits.check()
    try SettingBounds.check(time: deadNodeReclaimTime, "SerfConfiguration.deadNodeReclaimTime")
  }

  /// A local network: round trips of a few milliseconds. The default.
  package static let lan = MembershipConfiguration(probe: .init(), suspicion: .init(), gossip: .init(), pushPull: .init())

  /// Between sites: round trips of up to a second, more loss. Slower to accuse, cheaper at rest.
  package static let wan = {
    var wan = lan
    wan.probe.interval = .seconds(5)
    wan.probe.timeout = .seconds(3)
    wan.suspicion.multiplier = 6
    wan.gossip.interval = .milliseconds(500)
    wan.gossip.fanout = 4
    wan.gossip.deadMemberDuration = .seconds(60)
    wan.gossip.coldDials = 4
    wan.pushPull.interval = .seconds(60)
    wan.pushPull.timeout = .seconds(30)
    return wan
  }()

  /// One machine: round trips below a millisecond. Quick to accuse; for tests and demonstrations.
  package static let local = {
    var local = lan
    local.probe.timeout = .milliseconds(200)
    local.probe.indirectChecks = 1
    local.suspicion.multiplier = 3
    local.gossip.interval = .milliseconds(100)
    local.gossip.retransmitMultiplier = 2
    local.gossip.deadMemberDuration = .seconds(15)
    local.pushPull.interval = .seconds(15)
    local.pushPull.timeout = .seconds(1)
    return local
  }()
}
