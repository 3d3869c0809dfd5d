package import Memberlist
package import SerfPrimitives

/// How a Serf node behaves above the gossip layer, and the gossip layer's own settings in ``membership``.
///
/// Start from ``lan``, ``wan`` or ``local``; they differ in the gossip layer only.
package struct SerfCoreConfiguration: Sendable {
  /// Probing, suspicion, gossip and push/pull, and what peers can make us store.
  package var membership: MembershipConfiguration
  package var leaving = SerfSettings.Leaving()
  package var reaping = SerfSettings.Reaping()
  package var reconnecting = SerfSettings.Reconnecting()
  package var userEvents = SerfSettings.UserEvents()
  package var queries = SerfSettings.Queries()
  package var queues = SerfSettings.Queues()
  package var coalescing = SerfSettings.Coalescing()
  package var coordinates = SerfSettings.Coordinates()
  /// A snapshot is kept if it has a path.
  package var snapshot = SerfSettings.Snapshot()
  /// Whether this node stops when other members vote that its name belongs to another node. Only where names are not proven.
  package var resolvesNameConflicts = true
  /// What the program itself sends, and what waits for its delegate.
  package var userData = SerfSettings.UserData()
  /// Events, queries and answers above what Go members take.
  package var largeMessages = SerfSettings.LargeMessages()
  /// Whether there is a delegate to tell and ask: without one there is no ``NodeOutput/delegate(_:)``.
  package var hasDelegate = false
  /// Asked with all members of a push/pull that joins, on both sides, before any is taken up; false refuses the whole push/pull. It must be quick,
  /// and no more than a function of its argument: it runs inside of an input.
  package var mergeFilter: (@Sendable ([SerfMember]) -> Bool)?
  /// Asked before a claim that another member is alive is taken up, also a repeated one; false drops it. As ``mergeFilter``.
  package var aliveFilter: (@Sendable (SerfMember) -> Bool)?

  /// Serf's defaults, with these settings of the gossip layer.
  package init(membership: MembershipConfiguration) { self.membership = membership }

  /// Throws for the first setting that a node cannot work with.
  package func check() throws(SettingOutOfBounds) {
    try membership.check()
    try leaving.check()
    try reaping.check()
    try reconnecting.check()
    try userEvents.check()
    try queries.check()
    try queues.check()
    try coalescing.check()
    try snapshot.check()
    try userData.check()
    try largeMessages.check()
  }

  /// Throws where a limit of a message is above what the peers of this transport take.
  package func checkSizes(over transport: TransportTraits) throws(SettingOutOfBounds) {
    guard !transport.statesPeerFeatures else { return }
    let limit = SerfSettings.UserEvents.largestSizeLimit
    let bounds = "from 0 to \(limit) over this transport: its members may be Go agents, which drop larger messages; QUIC carries more"
    try SettingBounds.check(userEvents.sizeLimit, "SerfConfiguration.userEvents.sizeLimit", to: limit, bounds: bounds)
    try SettingBounds.check(queries.sizeLimit, "SerfConfiguration.queries.sizeLimit", to: limit, bounds: bounds)
    try SettingBounds.check(queries.answerSizeLimit, "SerfConfiguration.queries.answerSizeLimit", to: limit, bounds: bounds)
  }

  /// A local network: round trips of a few milliseconds. The default.
  package static let lan = SerfCoreConfiguration(membership: .lan)
  /// Between sites: round trips of up to a second.
  package static let wan = SerfCoreConfiguration(membership: .wan)
  /// One machine; for tests and demonstrations.
  package static let local = SerfCoreConfiguration(membership: .local)
}
