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
  }

  /// A local network: round trips of a few milliseconds. The default.
  package static let lan = SerfCoreConfiguration(membership: .lan)
  /// Between sites: round trips of up to a second.
  package static let wan = SerfCoreConfiguration(membership: .wan)
  /// One machine; for tests and demonstrations.
  package static let local = SerfCoreConfiguration(membership: .local)
}
