/// Something that happens to a member.
package enum MemberInput: Hashable, Sendable, CaseIterable {
  /// The gossip layer sees it alive (again).
  case joined
  /// The gossip layer sees it dead or left; our status tells the two apart.
  case departed
  /// The gossip layer has a new address or new tags of it.
  case updated
  /// A join intent newer than all that we know of it.
  case joinIntent
  /// A leave intent newer than all that we know of it.
  case leaveIntent
  /// It has been gone for longer than anybody cares.
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
/// An intent that is heard moves the member's intent time in every cell, also where nothing else changes, and travels on because it was new:
/// were the time left behind, two leaves that cross would be rebroadcast for ever (Consul issues 7960 and 8179). A leave that a push/pull only
/// implies moves nothing, the time included, except of a member that failed; of one that is alive it may decide, if the end comes soon, whether
/// that is *left* or *failed*. Nothing announces *leaving*: it is a wish, not a fact.
package struct MemberTransition: Hashable, Sendable {
  /// The status afterwards; nil when the member is erased.
  package var status: MemberStatus?
  /// What the application is told.
  package var event: MemberEvent.Kind?

  package init(status: MemberStatus?, event: MemberEvent.Kind?) {
    self.status = status
    self.event = event
  }

  /// The cell for `input` in the row of `status`.
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
