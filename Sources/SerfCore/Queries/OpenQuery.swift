import SerfPrimitives

/// One of our own queries while its answers are collected.
///
/// ```
///  asked ──answer of a member──▶ … ──all that were asked have answered, or the time is over──▶ ended
/// ```
/// Each member counts once for its ack and once for its answer, however many copies arrive: answers also come by way of other members.
struct OpenQuery: Sendable {
  /// What became of an ack or an answer.
  enum Arrival: Hashable, Sendable {
    case new
    /// The same member's was here already.
    case duplicate
    /// Not asked for, or one more than there are members: an invented name.
    case unwanted
  }

  let id: SerfQuery.ID
  let wantsAcks: Bool
  /// Whether answers may come by way of another member, which is not their sender.
  let isRelayed: Bool
  /// The members that were alive when the query was asked, that its filters address, and that have not answered.
  private(set) var awaited: Set<NodeName>
  private var acknowledged: Set<NodeName> = []
  private var answered: Set<NodeName> = []
  private let asked: Int

  init(id: SerfQuery.ID, options: SerfQuery.Options, addressing members: Set<NodeName>) {
    self.id = id
    wantsAcks = options.wantsAcks
    isRelayed = options.relayFactor > 0
    awaited = members
    asked = members.count
  }

  mutating func acknowledged(by member: NodeName) -> Arrival {
    guard wantsAcks, acknowledged.count < limit else { return .unwanted }
    return acknowledged.insert(member).inserted ? .new : .duplicate
  }

  /// Whether the member's answer is here already.
  func hasAnswer(from member: NodeName) -> Bool { answered.contains(member) }

  mutating func answered(by member: NodeName) -> Arrival {
    guard answered.count < limit || answered.contains(member) else { return .unwanted }
    guard answered.insert(member).inserted else { return .duplicate }
    awaited.remove(member)
    return .new
  }

  /// Whether every member that was asked has answered. A query that addresses no member that we know waits: others may know one.
  var isComplete: Bool { asked > 0 && awaited.isEmpty }

  var summary: QuerySummary {
    QuerySummary(asked: asked, acknowledged: acknowledged.count, answered: answered.count, isComplete: isComplete)
  }

  /// A member that this node does not know yet may answer too. Without a limit, invented names could fill the memory.
  private var limit: Int { 2 * asked + 64 }
}
