/// Something that happened in the cluster, for the application.
@nonexhaustive
public enum SerfEvent: Hashable, Sendable {
  /// Members came, went or changed.
  case member(MemberEvent)
  /// A message of the application, sent by any member.
  case user(UserEvent)
  /// A question of any member, this one included, that addresses this node. It may be answered once.
  case query(SerfQuery)
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
  public var members: [SerfMember]

  /// `kind` happened to `members`.
  public init(_ kind: Kind, _ members: [SerfMember]) {
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
  /// The content.
  public var payload: Payload
  /// Whether the sender allows that only the newest of several events of this name within a short time is delivered.
  public var coalesce: Bool

  /// An event with these parts; the payload is any sequence of bytes.
  public init(time: LamportTime, nameBytes: [UInt8], payload: some Sequence<UInt8>, coalesce: Bool) {
    self.time = time
    self.nameBytes = nameBytes
    self.payload = Payload(payload)
    self.coalesce = coalesce
  }

  /// The name as text; bytes that are not UTF-8 become U+FFFD.
  public var name: String { String(decoding: nameBytes, as: UTF8.self) }
}

extension UserEvent {
  /// The content of a user event: a collection of bytes, which the application gives a meaning.
  public struct Payload: RandomAccessCollection, Hashable, Sendable, ExpressibleByArrayLiteral {
    /// The bytes.
    public var bytes: [UInt8]

    /// A payload of these bytes, such as `"v1.2".utf8`.
    public init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    public init(arrayLiteral bytes: UInt8...) { self.bytes = bytes }

    /// The bytes as text; those that are not UTF-8 become U+FFFD. A peer chose them, so they may contain control characters.
    public var string: String { String(decoding: bytes, as: UTF8.self) }

    public var startIndex: Int { bytes.startIndex }
    public var endIndex: Int { bytes.endIndex }
    public subscript(index: Int) -> UInt8 { bytes[index] }
  }
}
