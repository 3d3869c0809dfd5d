/// Something that happens to a member.
package enum MemberInput: Hashable, Sendable, CaseIterable {
  /// The gossip layer sees it alive (again).
  case joined
  /// The gossip layer sees it dead or left; our status tells the two apart.
  case departed
  /// The gossip layer has a new address or new tags for it.
  case updated
  /// A join intent newer than any that we know of it.
  case joinIntent
  /// A leave intent newer than any that we know of it.
  case leaveIntent
  /// It has been gone for longer than the configured time.
  case expired
}

/// One cell of the member state machine (`serf.md` section 6): what an input does to a member in a given status.
///
/// | from \ input | joined | departed | updated | join intent | leave intent | expired |
/// | --- | --- | --- | --- | --- | --- | --- |
/// | alive | alive, *join* | failed, *failed* | *update* | – | leaving | – |
/// | leaving | alive, *join* | left, *leave* | *update* | alive | – | – |
/// | failed | alive, *join* | – | *update* | – | left, *leave* | erased, *reap* |
/// | left | alive, *join* | – | *update* | – | – | erased, *reap* |
///
/// An intent that is heard moves the member's intent time in every cell, even where nothing else changes, and is passed on because it was new. If the
/// time did not move, two leaves that cross would be rebroadcast for ever (Consul issues 7960 and 8179). A leave that a push/pull only implies
/// changes nothing, not even the time, except for a member that failed. If a member that is alive ends soon afterwards, the implied leave may decide
/// whether it is *left* or *failed*. No event announces *leaving*: it is an intention, not a fact.
package struct MemberTransition: Hashable, Sendable {
  /// The new status; nil when the member is erased.
  package var status: MemberStatus?
  /// What the application is told.
  package var event: MemberEvent.Kind?

  package init(status: MemberStatus?, event: MemberEvent.Kind?) {
    self.status = status
    self.event = event
  }

  /// The cell in the row `status` and the column `input`.
  package static func from(_ status: MemberStatus, on input: MemberInput) -> MemberTransition {
    switch (input, status) {
    case (.joined, _): MemberTransition(status: .alive, event: .join)
    case (.departed, .leaving): MemberTransition(status: .left, event: .leave)
    case (.departed, .alive): MemberTransition(status: .failed, event: .failed)
    case (.updated, _): MemberTransition(status: status, event: .update)
    case (.joinIntent, .leaving): MemberTransition(status: .alive, event: nil)
    case (.leaveIntent, .alive): MemberTransition(status: .leaving, event: nil)
    case (.leaveIntent, .failed): MemberTransition(status: .left, event: .leave)
    case (.expired, .failed), (.expired, .left): MemberTransition(status: nil, event: .reap)
    case (.departed, _), (.joinIntent, _), (.leaveIntent, _), (.expired, _): MemberTransition(status: status, event: nil)
    }
  }
}
