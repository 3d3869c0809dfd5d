package import SerfPrimitives

/// Every member that this node knows, with the state machine of ``MemberTransition`` applied to it.
///
/// Go keeps the failed and the left members in two lists beside its map. Here the status is the list: a member is among the failed ones
/// because its status says so, and the two cannot disagree.
package struct MemberTable: Sendable {
  package struct Row: Sendable {
    package fileprivate(set) var member: Member
    /// The newest intent about the member: older ones are no news.
    package fileprivate(set) var intentTime: LamportTime
    /// Whether that time came out of a push/pull; an intent of the very same time that is heard is then news.
    fileprivate var isTimeImplied = false
    /// When it failed or left; nil while it is here. A failed member that is declared left keeps the time of its failure.
    package fileprivate(set) var goneAt: Instant?
    /// A leave that is implied of a member that is alive: it decides how the member's end is called, should that come soon.
    fileprivate var impliedLeave: (time: LamportTime, at: Instant)?
  }

  /// What an input did.
  package struct Change: Sendable {
    /// What the application is told.
    package var event: MemberEvent.Kind?
    /// The member afterwards.
    package var member: Member
    /// It had failed, and came back so soon that the failure was probably none.
    package var flapped = false
  }

  /// In the order of arrival, but for erased members, whose place the last one takes.
  package private(set) var rows: [Row] = []
  private var indexes: [NodeName: Int] = [:]
  private var counts = [Int](repeating: 0, count: MemberStatus.allCases.count)

  package init() {}

  /// How many members there are, in any status.
  package var count: Int { rows.count }

  /// How many members have this status.
  package func count(of status: MemberStatus) -> Int { counts[Int(status.rawValue)] }

  /// The row of `name`.
  package subscript(name: NodeName) -> Row? { indexes[name].map { rows[$0] } }

  // MARK: Inputs

  /// The gossip layer sees `member` alive. `pending` is the intent that arrived ahead of it; a failed member that returns within
  /// `flapTimeout` flapped.
  package mutating func joined(_ member: Member, pending: Intent?, flapTimeout: Duration, at now: Instant) -> Change {
    guard let index = indexes[member.name] else {
      var newcomer = member
      if let pending, pending.isImplied, pending.kind == .leave {
        append(Row(member: newcomer, intentTime: 0, goneAt: nil, impliedLeave: (pending.time, now)))
        return Change(event: .join, member: newcomer)
      }
      newcomer.status = pending?.kind == .leave ? .leaving : .alive
      append(Row(member: newcomer, intentTime: pending?.time ?? 0, isTimeImplied: pending?.isImplied ?? false, goneAt: nil))
      return Change(event: .join, member: newcomer)
    }
    rows[index].impliedLeave = nil
    let flapped = rows[index].member.status == .failed && rows[index].goneAt.map { now - $0 < flapTimeout } ?? false
    replaceFacts(at: index, with: member)
    let event = apply(.joined, at: index, now)
    rows[index].goneAt = nil
    return Change(event: event, member: rows[index].member, flapped: flapped)
  }

  /// The gossip layer has new facts about a member; nil when it is not known here.
  package mutating func updated(_ member: Member, at now: Instant) -> Change? {
    guard let index = indexes[member.name] else { return nil }
    replaceFacts(at: index, with: member)
    return Change(event: apply(.updated, at: index, now), member: rows[index].member)
  }

  /// The gossip layer lost a member; nil when it is not known here.
  package mutating func departed(_ name: NodeName, at now: Instant) -> Change? {
    guard let index = indexes[name] else { return nil }
    if let (time, since) = rows[index].impliedLeave {
      rows[index].impliedLeave = nil
      if time > rows[index].intentTime, now - since < Self.impliedLeaveLifetime {
        rows[index].intentTime = time
        rows[index].isTimeImplied = true
        _ = apply(.leaveIntent, at: index, now)
      }
    }
    return Change(event: apply(.departed, at: index, now), member: rows[index].member)
  }

  /// An intent about a known member; nil when it is no news, and then does not travel on.
  ///
  /// An implied leave ends a failed member, and otherwise moves nothing. A member that is alive may have left and returned since, and then its
  /// join intent need not be above the guess: each exchange between Go agents raises that by one (`serf.md` section 7), and a member that Go takes
  /// for leaving on this account stays so for good. One that left already has no use for a later guess, which would only raise ours.
  package mutating func intended(_ intent: Intent, for name: NodeName, at now: Instant) -> Change? {
    guard let index = indexes[name], intent.isNewer(than: rows[index].intentTime, isImplied: rows[index].isTimeImplied) else { return nil }
    if intent.isImplied, intent.kind == .leave, rows[index].member.status != .failed {
      if rows[index].member.status == .alive { rows[index].impliedLeave = (intent.time, now) }
      return nil
    }
    rows[index].intentTime = intent.time
    rows[index].isTimeImplied = intent.isImplied
    if intent.kind == .leave || intent.time >= rows[index].impliedLeave?.time ?? 0 { rows[index].impliedLeave = nil }
    return Change(event: apply(intent.kind == .join ? .joinIntent : .leaveIntent, at: index, now), member: rows[index].member)
  }

  /// Erases the members that are gone and for which `isExpired` holds; returns them as they were.
  package mutating func removeExpired(where isExpired: (Row) -> Bool) -> [Member] {
    var erased: [Member] = []
    // Backwards, so that the member that takes an erased one's place has already been looked at.
    for index in rows.indices.reversed() where MemberTransition.from(rows[index].member.status, on: .expired).status == nil {
      if isExpired(rows[index]) { erased.append(remove(at: index)) }
    }
    return erased
  }

  /// Erases one member, whatever its status.
  package mutating func remove(_ name: NodeName) -> Member? { indexes[name].map { remove(at: $0) } }

  // MARK: The table itself

  /// Far longer than it takes until a member that has left is missed.
  private static let impliedLeaveLifetime = Duration.seconds(120)

  private mutating func apply(_ input: MemberInput, at index: Int, _ now: Instant) -> MemberEvent.Kind? {
    let old = rows[index].member.status
    let transition = MemberTransition.from(old, on: input)
    guard let status = transition.status, status != old else { return transition.event }
    counts[Int(old.rawValue)] -= 1
    counts[Int(status.rawValue)] += 1
    rows[index].member.status = status
    if input == .departed { rows[index].goneAt = now }
    return transition.event
  }

  private mutating func replaceFacts(at index: Int, with member: Member) {
    rows[index].member.address = member.address
    rows[index].member.tags = member.tags
    rows[index].member.versions = member.versions
  }

  private mutating func append(_ row: Row) {
    indexes[row.member.name] = rows.count
    counts[Int(row.member.status.rawValue)] += 1
    rows.append(row)
  }

  private mutating func remove(at index: Int) -> Member {
    let member = rows[index].member
    counts[Int(member.status.rawValue)] -= 1
    indexes[member.name] = nil
    let last = rows.removeLast()
    if index < rows.count {
      rows[index] = last
      indexes[last.member.name] = index
    }
    return member
  }
}
