package import SerfPrimitives

/// Every member that this node knows, with the state machine of ``MemberTransition`` applied to it.
///
/// Go keeps the failed and the left members in two lists beside its map. Here there are no such lists: a member is among the failed ones because its
/// status says so, so the two cannot disagree.
package struct MemberTable: Sendable {
  package struct Row: Sendable {
    package fileprivate(set) var member: SerfMember
    /// The newest intent about the member: older ones are not new.
    package fileprivate(set) var intentTime: LamportTime
    /// Whether that time came from a push/pull. If so, a message with an intent of the same time still counts as new.
    fileprivate var isTimeImplied = false
    /// When it failed or left; nil while it is in the cluster. A failed member that is declared left keeps the time of its failure.
    package fileprivate(set) var goneAt: Instant?
    /// How long it is remembered after that.
    package fileprivate(set) var timeout = Timeout.standard
    /// A push/pull implied a leave of this member, which is alive. If the member ends soon, that decides whether it left or failed.
    fileprivate var impliedLeave: (time: LamportTime, at: Instant)?
  }

  /// How long a member that is gone is remembered.
  package enum Timeout: Hashable, Sendable {
    /// As the settings say.
    case standard
    /// The program was asked at this time, and has not answered.
    case asked(Instant)
    /// As the program says.
    case own(Duration)
  }

  /// What an input did.
  package struct Change: Sendable {
    /// What the application is told.
    package var event: MemberEvent.Kind?
    /// The member afterwards.
    package var member: SerfMember
    /// It had failed, and came back so soon that it had probably not failed at all.
    package var flapped = false
  }

  /// In the order of arrival, except that the last member takes the place of an erased one.
  package private(set) var rows: [Row] = []
  /// Another number after each change of the members that a reader of the list can see, whether an event announces it or not.
  package private(set) var version: UInt64 = 0
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

  /// The gossip layer sees `member` alive. `pending` is the intent that arrived before the member. A failed member that returns within `flapTimeout`
  /// flapped.
  package mutating func joined(_ member: SerfMember, pending: Intent?, flapTimeout: Duration, at now: Instant) -> Change {
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
    rows[index].timeout = .standard
    return Change(event: event, member: rows[index].member, flapped: flapped)
  }

  /// The gossip layer has new facts about a member; nil when it is not known here.
  package mutating func updated(_ member: SerfMember, at now: Instant) -> Change? {
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

  /// An intent about a known member; nil when it is not new, and then it is not passed on.
  ///
  /// An implied leave ends a failed member, and changes nothing otherwise. A member that is alive may have left and returned since. Then its join
  /// intent need not be above the guessed time: each exchange between Go agents raises that time by one (`serf.md` section 7), and a member that Go
  /// therefore takes for leaving stays so for good. A later guess is of no use for a member that left already: it would only raise our own guess.
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

  /// The program is asked how long this member is remembered.
  package mutating func askTimeout(_ name: NodeName, at now: Instant) {
    if let index = indexes[name] { rows[index].timeout = .asked(now) }
  }

  /// The program's answer about a member that is still gone; nil for the settings'.
  package mutating func setTimeout(_ name: NodeName, _ timeout: Duration?) {
    guard let index = indexes[name], rows[index].goneAt != nil else { return }
    rows[index].timeout = timeout.map { .own($0) } ?? .standard
  }

  /// Erases the members that are gone and for which `isExpired` holds; returns them as they were.
  package mutating func removeExpired(where isExpired: (Row) -> Bool) -> [SerfMember] {
    var erased: [SerfMember] = []
    // Backwards, so that the member that takes an erased one's place has already been checked.
    for index in rows.indices.reversed() where MemberTransition.from(rows[index].member.status, on: .expired).status == nil {
      if isExpired(rows[index]) { erased.append(remove(at: index)) }
    }
    return erased
  }

  /// Erases one member, whatever its status.
  package mutating func remove(_ name: NodeName) -> SerfMember? { indexes[name].map { remove(at: $0) } }

  // MARK: The table itself

  /// Far longer than the gossip layer takes to notice that a member has left.
  private static let impliedLeaveLifetime = Duration.seconds(120)

  private mutating func apply(_ input: MemberInput, at index: Int, _ now: Instant) -> MemberEvent.Kind? {
    let old = rows[index].member.status
    let transition = MemberTransition.from(old, on: input)
    guard let status = transition.status, status != old else { return transition.event }
    counts[Int(old.rawValue)] -= 1
    counts[Int(status.rawValue)] += 1
    rows[index].member.status = status
    version += 1
    if input == .departed { rows[index].goneAt = now }
    return transition.event
  }

  private mutating func replaceFacts(at index: Int, with member: SerfMember) {
    let old = rows[index].member
    rows[index].member.address = member.address
    rows[index].member.tags = member.tags
    rows[index].member.versions = member.versions
    if rows[index].member != old { version += 1 }
  }

  private mutating func append(_ row: Row) {
    indexes[row.member.name] = rows.count
    counts[Int(row.member.status.rawValue)] += 1
    rows.append(row)
    version += 1
  }

  private mutating func remove(at index: Int) -> SerfMember {
    let member = rows[index].member
    counts[Int(member.status.rawValue)] -= 1
    indexes[member.name] = nil
    version += 1
    let last = rows.removeLast()
    if index < rows.count {
      rows[index] = last
      indexes[last.member.name] = index
    }
    return member
  }
}
