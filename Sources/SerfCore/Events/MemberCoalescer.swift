package import SerfPrimitives

/// Collects what happens to members, and tells at the end of a window what has become of each (`serf.md` section 14).
///
/// It compares what was told last with how things are now. A member that failed and returned within the window is not mentioned if it is as it was.
/// If it came back with other tags or at another address, that is an update; Go says nothing then. A member that joined and then changed has joined; Go
/// tells only the update.
package struct MemberCoalescer: Sendable {
  package var window: CoalescingWindow
  private let limit: Int
  private var waiting: [MemberChange] = []
  private var indexes: [NodeName: Int] = [:]
  /// What was told last about each member that is not forgotten: that it joined, left or failed, and what it was like.
  private var told: [NodeName: MemberChange] = [:]

  /// At most `limit` members wait.
  package init(_ settings: SerfSettings.Coalescing.Window, limit: Int) {
    window = CoalescingWindow(settings)
    self.limit = limit
  }

  /// Whether another member's event does not fit before a flush.
  package func isFull(for name: NodeName) -> Bool { waiting.count >= limit && indexes[name] == nil }

  /// Something happened to a member. True if an earlier event of the same member takes its place or makes way for it.
  package mutating func insert(_ kind: MemberEvent.Kind, _ member: SerfMember) -> Bool {
    guard let index = indexes[member.name] else {
      indexes[member.name] = waiting.count
      waiting.append(MemberChange(kind: kind, member: member))
      return false
    }
    waiting[index].member = member
    // An update is no news about a member whose arrival or end is still to be told: it changes what will be told.
    if kind != .update { waiting[index].kind = kind }
    return true
  }

  /// What is to be told: one event for each kind, with its members in the order in which something first happened to them.
  package mutating func flush() -> [MemberEvent] {
    window.close()
    var members = [[SerfMember]](repeating: [], count: MemberEvent.Kind.allCases.count)
    for change in waiting {
      if let kind = tell(change) { members[Int(kind.rawValue)].append(change.member) }
    }
    let isKept = waiting.count <= Self.keptCapacity
    waiting.removeAll(keepingCapacity: isKept)
    indexes.removeAll(keepingCapacity: isKept)
    return MemberEvent.Kind.allCases.compactMap { kind in
      let members = members[Int(kind.rawValue)]
      return members.isEmpty ? nil : MemberEvent(kind, members)
    }
  }

  /// As which event the change is told; nil if it is none.
  private mutating func tell(_ change: MemberChange) -> MemberEvent.Kind? {
    let name = change.member.name
    let last = told[name]
    switch change.kind {
    case .reap:
      told[name] = nil
      return .reap
    case .update:
      told[name] = MemberChange(kind: last?.kind ?? .join, member: change.member)
      return .update
    case .join, .leave, .failed:
      told[name] = change
      guard let last, last.kind == change.kind else { return change.kind }
      return change.kind == .join && !last.member.hasSameFacts(as: change.member) ? .update : nil
    }
  }

  /// The memory of a window with more members than this is given back.
  private static let keptCapacity = 1_024
}

/// What happened to one member.
package struct MemberChange: Sendable {
  package var kind: MemberEvent.Kind
  package var member: SerfMember
}

extension SerfMember {
  /// Whether a reader of an update would see no difference.
  fileprivate func hasSameFacts(as other: SerfMember) -> Bool {
    address == other.address && tags == other.tags && versions == other.versions
  }
}
