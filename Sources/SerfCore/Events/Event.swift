/// Something that happened in the cluster, for the application.
@nonexhaustive
public enum Event: Hashable, Sendable {
  /// Members came, went or changed.
  case member(MemberEvent)
  /// A message of the application, sent by any member.
  case user(UserEvent)
}

/// Members came, went or changed.
public struct MemberEvent: Hashable, Sendable {
  /// What happened to them.
  @nonexhaustive
  public enum Kind: UInt8, Hashable, Sendable, CaseIterable {
    /// They are alive, for the first time or again.
    case join
    /// They left on purpose, or an operator declared a failed member gone.
    case leave
    /// They do not answer any more.
    case failed
    /// Their tags, address or versions changed.
    case update
    /// They are forgotten, because they were gone for too long or were pruned.
    case reap
  }

  /// What happened.
  public var kind: Kind
  /// To whom: one member, or several once events are coalesced.
  public var members: [Member]

  /// `kind` happened to `members`.
  public init(_ kind: Kind, _ members: [Member]) {
    self.kind = kind
    self.members = members
  }
}

extension MemberEvent.Kind: CustomStringConvertible {
  /// The name that Serf gives this kind, such as `member-join`.
  public var description: String {
    switch self {
    case .join: "member-join"
    case .leave: "member-leave"
    case .failed: "member-failed"
    case .update: "member-update"
    case .reap: "member-reap"
    }
  }
}

/// A message of the application that reaches every member: a name and a payload (`serf.md` section 8).
public struct UserEvent: Hashable, Sendable {
  /// The event's place in the order of events.
  public var time: LamportTime
  /// The bytes of the event's name, as its sender wrote them; may be empty.
  public var nameBytes: [UInt8]
  /// The payload.
  public var payload: [UInt8]
  /// Whether the sender allows that only the newest of several events of this name within a short time is delivered.
  public var coalesces: Bool

  /// An event with these parts.
  public init(time: LamportTime, nameBytes: [UInt8], payload: [UInt8], coalesces: Bool) {
    self.time = time
    self.nameBytes = nameBytes
    self.payload = payload
    self.coalesces = coalesces
  }

  /// The name as text; bytes that are not UTF-8 become U+FFFD.
  public var name: String { String(decoding: nameBytes, as: UTF8.self) }
}
